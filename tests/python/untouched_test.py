# SPDX-License-Identifier: Apache-2.0
"""Sealing with the program embedded leaves a training process as it was, and holds no older program than the code's.
The command is the one that GOLDSEAL_COMMAND names."""
import collections
import functools
import gc
import json
import os
import re
import subprocess
import sys
import textwrap
import unittest
import warnings
import weakref
import zipfile

try:
    import numpy as np
    import torch
    from torch import nn
except ImportError:
    print("skipped: this Python has no torch or no numpy")
    sys.exit(125)

import goldseal
import networks
from goldseal import sealed_code
from goldseal.live_network import LiveNetwork
from in_directory import InDirectory

EXPORTS = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 8)
VECTOR = torch.rand(2, 3, generator=torch.Generator().manual_seed(2))

OUTSIDE = []
LAST = None
FACTOR = [2.0]
sys.modules["far_away"] = collections.namedtuple("FarAway", "kept earlier")([], {"x": "what was there"})


class Base(nn.Module):
    """Answers with a Linear, and keeps what it computed in its own way."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        y = self.linear(x)
        self.keep(y)
        return torch.tanh(y)

    def start(self):
        """A script does so before a forward pass."""

    def held(self):
        """What is kept, in a list."""


class InList(Base):
    def __init__(self):
        super().__init__()
        self.saved = []

    def keep(self, y):
        self.saved.append(y)

    def held(self):
        return self.saved


class InDict(Base):
    def __init__(self):
        super().__init__()
        self.saved = {"losses": {}, "runs": [0]}

    def keep(self, y):
        self.saved["losses"]["aux"] = y
        self.saved["runs"][0] += 1

    def held(self):
        return [*self.saved["losses"].values(), self.saved["runs"][0]]


class InAttribute(Base):
    def keep(self, y):
        self.last = y

    def held(self):
        return [self.last] if hasattr(self, "last") else []


class InModuleList(Base):
    def keep(self, y):
        OUTSIDE.append({"aux": y})

    def held(self):
        return [entry["aux"] for entry in OUTSIDE]


class InGlobal(Base):
    def keep(self, y):
        global LAST
        LAST = y

    def held(self):
        return [] if LAST is None else [LAST]


class InClass(Base):
    saved = []
    latest = None

    def keep(self, y):
        type(self).latest = y
        self.saved.append(y)

    def held(self):
        return [*self.saved] + ([] if self.latest is None else [self.latest])


class Bank:
    def __init__(self):
        self.kept = collections.deque(maxlen=2)


class InObject(Base):
    def __init__(self):
        super().__init__()
        self.bank = Bank()

    def keep(self, y):
        self.bank.kept.append(y)

    def held(self):
        return list(self.bank.kept)


class Hooked(Base):
    """By forward hooks: a closure that appends, one that assigns, a partial, a method of an object."""

    def __init__(self):
        super().__init__()
        features, last, bank = [], None, Bank()

        def assign(module, inputs, output):
            nonlocal last
            last = output

        self.linear.register_forward_hook(lambda module, inputs, output: features.append(output))
        self.linear.register_forward_hook(assign)
        self.linear.register_forward_hook(functools.partial(Hooked.put, bank.kept))
        self.held = lambda: [*features, *([] if last is None else [last]), *bank.kept]

    @staticmethod
    def put(where, module, inputs, output):
        where.append(output)

    def forward(self, x):
        return torch.tanh(self.linear(x))


class InPlace(Base):
    """Writes into tensors and an array that are no buffers: its own, a global list's, a closure's."""

    def __init__(self):
        super().__init__()
        self.count, counts, self.shape = torch.zeros(4), [torch.zeros(2, 2)], np.zeros(3)

        def counting(module, inputs, output):
            counts[0][:, 1] += 1

        self.linear.register_forward_hook(counting)
        self.held = lambda: [self.count, counts[0], torch.from_numpy(self.shape), *OUTSIDE]

    def keep(self, y):
        self.count += y.detach().abs().sum(0)
        self.shape[1] += 1
        OUTSIDE[0].mul_(2)


class FarAway(Base):
    """Where no walk from the module finds it."""

    def keep(self, y):
        store = sys.modules["far_away"]
        store.kept.append((y, 1))
        store.earlier["x"] = y


class Table(nn.Module):
    """Computes with what no state dict holds."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.plain = torch.ones(4)
        self.register_buffer("mask", torch.ones(4), persistent=False)
        self.settings = {"scale": [1.0], "shift": torch.zeros(4)}
        self.act = torch.tanh

    def forward(self, x):
        answer = self.act(self.linear(x) * self.plain * self.mask * self.settings["scale"][0])
        return answer * FACTOR[0] + self.settings["shift"]


class Slotted:
    __slots__ = ("scale",)


class Opaque(nn.Module):
    """Computes with what cannot be described."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.slotted = Slotted()
        self.slotted.scale = 1.0

    def forward(self, x):
        return self.linear(x) * self.slotted.scale


class Picks:
    """Has no code of its own, and holds the model."""

    def __init__(self, model):
        self.model = model

    def __call__(self, answer):
        return answer["good"] * self.model.weight


def global_hooks():
    return {name: list(table) for name, table in vars(nn.modules.module).items() if name.startswith("_global_") and isinstance(table, dict)}


def trained(model):
    """A step whose loss takes what the model kept; the gradients."""
    model.train()
    answer = model(VECTOR)
    kept = [value for value in model.held() if isinstance(value, torch.Tensor)]
    loss = answer.sum() + sum(value.square().sum() for value in kept)
    loss.backward()
    return [loss.detach(), *(parameter.grad.clone() for parameter in model.parameters())]


class UntouchedTest(InDirectory):
    def sealed(self, model, inputs=VECTOR, factory="untouched_test:Base", **arguments):
        torch.save(model.state_dict(), "net.pth")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            goldseal.seal(model, "net.pth", inputs=inputs, factory=factory, on_error="raise", **arguments)
        return [str(entry.message) for entry in caught if entry.category is goldseal.GoldsealWarning]

    def forget(self):
        global LAST
        OUTSIDE.clear()
        LAST = None
        InClass.saved.clear()
        InClass.latest = None

    def test_what_a_forward_pass_keeps_is_as_it_was_and_training_goes_on(self):
        for kind in (InList, InDict, InAttribute, InModuleList, InGlobal, InClass, InObject, Hooked):
            with self.subTest(kind.__name__):
                gradients = []
                for seals in (False, True):
                    self.forget()
                    torch.manual_seed(3)
                    model = kind()
                    for stage in ("before anything was kept", "after a pass"):
                        if seals:
                            before, shown = list(model.held()), set(vars(model))
                            self.assertEqual(self.sealed(model, embed=True), [])
                            self.assertEqual([id(value) for value in model.held()], [id(value) for value in before], stage)
                            self.assertEqual(set(vars(model)), shown)
                        if stage.startswith("before"):
                            model(VECTOR)
                    gradients.append(trained(model))
                for plain, sealed in zip(*gradients):
                    self.assertIs(type(sealed), torch.Tensor)
                    self.assertTrue(torch.equal(plain, sealed), kind)

    def test_elements_that_a_forward_pass_writes_in_place_are_as_they_were(self):
        self.forget()
        OUTSIDE.append(torch.ones(2))
        model = InPlace()
        # What FSDP does to gathered tensors: the shape stays, the memory is gone.
        model.bank, released = Bank(), torch.ones(1 << 20)
        (released.untyped_storage() if hasattr(released, "untyped_storage") else released.storage()).resize_(0)
        model.bank.kept.append(released)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(2):
                before = [value.clone() for value in model.held()]
                held = [id(value) for value in OUTSIDE]
                self.sealed(model, embed="auto")
                for found, wanted in zip(model.held(), before):
                    self.assertTrue(torch.equal(found, wanted), (found, wanted))
                self.assertEqual([id(value) for value in OUTSIDE], held)
                model(VECTOR)
                self.assertFalse(torch.equal(model.held()[0], before[0]), "a pass does write")
        self.forget()

    @unittest.skipUnless(EXPORTS, "torch.export of PyTorch 2.8 or newer is needed")
    def test_stand_ins_are_taken_out_of_what_no_walk_finds_and_the_program_is_not_written_down_again(self):
        store = sys.modules["far_away"]
        calls = []
        export = torch.export.export
        torch.export.export = lambda *arguments, **keywords: calls.append(1) or export(*arguments, **keywords)
        try:
            model = FarAway()
            for _ in range(2):
                warned = self.sealed(model, embed="auto")
                left = [value for entry in store.kept for value in entry if isinstance(value, torch.Tensor)]
                left += [value for value in store.earlier.values() if isinstance(value, torch.Tensor)]
                self.assertEqual({type(value) for value in left} - {torch.Tensor}, set(), "no stand-in is left")
                gc.collect()
                self.assertEqual(len(calls), 1)
                store.kept.clear()
                store.earlier.clear()
            self.assertEqual(warned, [], "TorchScript or a trace is embedded instead")
            self.assertTrue(os.path.exists("net.seal/architecture.pt"))
        finally:
            torch.export.export = export

    def test_a_sealed_model_can_be_freed(self):
        for make, inputs in ((networks.Force, VECTOR), (networks.Branching, VECTOR), (networks.Scaled, VECTOR),
                             (networks.Frozen, VECTOR), (networks.Odd, torch.rand(3))):
            with self.subTest(make.__name__):
                hooks = global_hooks()
                model = make()
                outputs = Picks(model) if make is networks.Odd else None
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self.sealed(model, inputs, "networks:" + make.__name__, embed="auto", outputs=outputs)
                self.assertEqual(global_hooks(), hooks)
                gone = weakref.ref(model)
                del model, outputs
                gc.collect()
                self.assertIsNone(gone())

    @unittest.skipUnless(EXPORTS, "torch.export of PyTorch 2.8 or newer is needed")
    def test_a_program_is_written_down_again_when_anything_that_it_computes_with_has_changed(self):
        calls = []
        export = torch.export.export
        torch.export.export = lambda *arguments, **keywords: calls.append(1) or export(*arguments, **keywords)

        def relu():
            model.act = torch.relu

        def other_forward():
            model.forward = lambda x: model.linear(x) * 0.25

        torch.manual_seed(3)
        model = Table()
        changes = (lambda: model.plain.mul_(2), lambda: model.mask[0].zero_(), lambda: model.settings["scale"].__setitem__(0, 3.0),
                   lambda: model.settings["shift"].add_(1), relu, lambda: FACTOR.__setitem__(0, 4.0), other_forward,
                   lambda: model.linear.register_forward_hook(lambda module, inputs, output: output + 1))
        try:
            for number, change in enumerate((lambda: None, *changes), 1):
                change()
                for _ in range(2):
                    with torch.no_grad():
                        model.linear.weight += 0.01  # this is what a checkpoint brings
                    self.assertEqual(self.sealed(model, embed=True), [])
                    self.assertEqual(len(calls), number)
        finally:
            torch.export.export = export
            FACTOR[0] = 2.0

    @unittest.skipUnless(EXPORTS, "torch.export of PyTorch 2.8 or newer is needed")
    def test_what_cannot_be_described_is_never_kept(self):
        model = Opaque()
        for scale in (1.0, 2.0):
            model.slotted.scale = scale
            self.assertEqual(self.sealed(model, embed=True), [])
            with zipfile.ZipFile("net.seal/architecture.pt2") as archive:
                texts = [archive.read(name) for name in archive.namelist() if name.endswith(".json")]
            self.assertTrue(any(b'"as_float": %.1f' % scale in text or b'"as_float":%.1f' % scale in text for text in texts))

    def test_a_tensor_whose_memory_was_given_back_is_not_read(self):
        model = Table()
        freed = torch.ones(1 << 20)
        freed.storage().resize_(0)
        model.other = [freed]
        network = LiveNetwork(model.eval())
        self.assertIsNone(network.described({"x": VECTOR}))
        model.other = None
        self.assertEqual(network.described({"x": VECTOR}), network.described({"x": VECTOR + 1}))

    def test_no_file_of_the_code_is_named_in_a_seal_but_where_it_is_judged(self):
        """The manifest's records of source files (file.code) name them, as seen from the seal; nothing else does."""
        folders = {os.path.dirname(os.path.abspath(path)).encode() for path in (networks.__file__, nn.__file__)}
        for make, module in ((networks.Scaled, "networks"), (networks.Branching, "networks"), (Traced, "untouched_test")):
            with self.subTest(make.__name__):
                self.assertEqual(self.sealed(make(), VECTOR, f"{module}:{make.__name__}", embed=True, anonymous=True), [])
                for name in os.listdir("net.seal"):
                    path = os.path.join("net.seal", name)
                    with open(path, "rb") as file:
                        contents = [file.read()]
                    if name == "manifest.toml":
                        record = rb'(\[\[model\.file\]\]\nrole = "source"\npath = )"(.*)"'
                        self.assertTrue(all(place.startswith(b"..") for _, place in re.findall(record, contents[0])))
                        contents = [re.sub(record, rb"\1", contents[0])]
                    if zipfile.is_zipfile(path):
                        with zipfile.ZipFile(path) as archive:
                            self.assertEqual([entry for entry in archive.namelist() if "debug" in entry], [])
                            contents += [archive.read(entry) for entry in archive.namelist()]
                    for content in contents:
                        for folder in folders:
                            self.assertNotIn(folder, content)

    def test_a_live_archive_is_sealed_without_its_program(self):
        warned = self.sealed(torch.jit.script(networks.Scaled()), factory="networks:Scaled")
        self.assertEqual(len(warned), 1)
        self.assertIn("is TorchScript itself", warned[0])

    def test_the_scripts_standard_error_and_output_stay_quiet(self):
        script = """
            import warnings; warnings.simplefilter("ignore")
            import logging, sys, torch, networks, goldseal
            level = logging.getLogger("torch").level
            for kind in (networks.Branching, networks.Force, networks.Frozen):
                model = kind()
                torch.save(model.state_dict(), "net.pth")
                goldseal.seal(model, "net.pth", inputs=torch.rand(2, 3), factory=kind, on_error="raise", embed="auto")
            assert logging.getLogger("torch").level == level
            print("done", file=sys.stderr)
        """
        done = subprocess.run([sys.executable, "-B", "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", "done\n"))


class FactsTest(unittest.TestCase):
    def test_both_workers_of_this_pytorch_tell_the_same_of_its_build(self):
        told = []
        for runtime in ("libtorch=" + os.path.dirname(torch.__file__), "python=" + sys.executable):
            call = [os.environ["GOLDSEAL_COMMAND"], "probe", "--runtime", runtime, "--format", "json"]
            done = subprocess.run(call, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                self.skipTest("no LibTorch worker for this PyTorch")
            told.append(json.loads(done.stdout)["facts"])
        for name in ("torch.kernel_libraries", "torch.version", "torch.git", "torch.blas", "torch.lapack", "torch.mkl", "torch.onednn",
                     "torch.openmp", "torch.quantized_engines", "torch.cxx_abi"):
            first, second = (facts.get(name, {}).get("value") for facts in told)
            self.assertEqual(first, second, name)
            self.assertTrue(first or name != "torch.kernel_libraries")


class Traced(nn.Module):
    """Neither exported nor scripted."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x):
        y = self.linear(x)
        scale = 2 if float(y.detach().abs().sum()) > 1e-6 else 1
        return y * {"left": [x] and 1.5}["left"] * scale


class ManifestTest(unittest.TestCase):
    def test_the_builder_is_read_as_toml(self):
        for text, builder in (('[model]\nbuilder = "python"\n', "python"), ("[ model ] # the network\n  builder='python' # code\n", "python"),
                              ('[model]\nbuilder = "darknet"\n[model.embedded]\nbuilder = "python"\n', "darknet"),
                              ('[seal]\nbuilder = "python"\n', None), ("", None)):
            with self.subTest(text):
                self.assertEqual(sealed_code.builder_of(text), builder)
                modules = {name: sys.modules.get(name) for name in ("tomllib", "tomli")}
                sys.modules.update(dict.fromkeys(modules))  # as in a Python that has neither
                try:
                    self.assertEqual(sealed_code.builder_of(text), builder)
                finally:
                    for name, module in modules.items():
                        if module is None:
                            del sys.modules[name]
                        else:
                            sys.modules[name] = module


if __name__ == "__main__":
    unittest.main()
