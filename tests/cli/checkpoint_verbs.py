# SPDX-License-Identifier: Apache-2.0
"""inspect, convert and diff of checkpoints, through the command: what they say is what PyTorch finds in the same files.

  checkpoint_verbs.py GOLDSEAL"""

import io
import json
import os
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(125)

GOLDSEAL = sys.argv[1]


def goldseal(*arguments, code=0):
    done = subprocess.run([GOLDSEAL, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == code, f"{arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def as_json(*arguments, code=0):
    return json.loads(goldseal(*arguments, "--format", "json", code=code))


def says(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} not in:\n{text}"


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(11, 7)
        self.body = torch.nn.Sequential(torch.nn.Linear(7, 7), torch.nn.BatchNorm1d(7), torch.nn.Linear(7, 7))
        self.head = torch.nn.Linear(7, 11, bias=False)
        self.head.weight = self.embed.weight


def network():
    torch.manual_seed(8)
    return Tied()


def equal(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.contiguous().numpy().tobytes() == b.contiguous().numpy().tobytes()


def inspect_shows_modules_types_devices_and_tied_weights():
    state = torch.nn.DataParallel(network()).state_dict()
    torch.save(state, "plain.pth")
    text = goldseal("inspect", "plain.pth")
    says(text, "torch-zip, 11 tensors", "float32 10, int64 1", "saved from  cpu 11", "wrappers    module", "needs       torch 1.6 or newer",
         "tied        module.embed.weight, module.head.weight", "body", "module.body.0.weight", "[7, 7]")
    found = as_json("inspect", "plain.pth")
    assert found["elements"] == sum(tensor.numel() for tensor in state.values()), found
    assert found["tied"] == [["module.embed.weight", "module.head.weight"]], found
    (module,) = found["modules"]["children"]
    assert [child["name"] for child in module["children"]] == ["embed", "body", "head"], module
    body = module["children"][1]
    assert body["elements"] == sum(t.numel() for name, t in state.items() if ".body." in name), body


def inspect_lists_the_state_dicts_of_a_file():
    state = network().state_dict()
    optimizer = {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": []}
    torch.save({"epoch": 3, "model": state, "ema": {name: t.clone() for name, t in state.items()}, "optimizer": optimizer}, "wrapped.pth")
    says(goldseal("inspect", "wrapped.pth"), "state dict  model; others, for --entry: ema (11 tensors), optimizer.state (1 tensors, no weights)")
    assert as_json("inspect", "wrapped.pth", "--entry", "ema")["entry"] == "ema"
    entries = as_json("inspect", "wrapped.pth")["entries"]
    assert [(row["entry"], row["plausible"]) for row in entries] == [("model", True), ("ema", True), ("optimizer.state", False)], entries


def inspect_says_which_state_dicts_are_the_same():
    state = network().state_dict()
    for name, other in (("once", state), ("copied", dict(state)), ("taken_again", {key: value[:] for key, value in state.items() if value.dim()})):
        model = state if name != "taken_again" else {key: value for key, value in state.items() if value.dim()}
        torch.save({"model": model, "ema": other}, "same.pth")
        says(goldseal("inspect", "same.pth"), "state dict  model; others, for --entry: ema (", "in the storages of model)")
        first, second = as_json("inspect", "same.pth")["entries"]
        assert (second["entry"], second["same_as"], second["tensors"]) == ("ema", "model", first["tensors"]), (name, second)
        assert as_json("inspect", "same.pth", "--entry", "ema")["tensors"] == as_json("inspect", "same.pth", "--entry", "model")["tensors"]
    moved = {key: value if value.dim() != 1 else value.flip(0) for key, value in state.items()}
    torch.save({"model": state, "ema": moved}, "moved.pth")
    assert all("same_as" not in row for row in as_json("inspect", "moved.pth")["entries"])


def inspect_finds_values_that_are_no_numbers():
    state = network().state_dict()
    torch.save(state, "finite.pth")
    says(goldseal("inspect", "finite.pth", "--values"), "values      all finite")
    assert "values  " not in goldseal("inspect", "finite.pth")
    state["body.0.weight"][0, :2] = float("nan")
    state["body.1.running_var"][3] = float("inf")
    torch.save(state, "broken.pth")
    says(goldseal("inspect", "broken.pth", "--values"), "body.0.weight: 2 NaN, 0 infinite", "body.1.running_var: 0 NaN, 1 infinite")
    assert as_json("inspect", "broken.pth", "--values")["non_finite"] == [
        {"name": "body.0.weight", "nan": 2, "infinite": 0}, {"name": "body.1.running_var", "nan": 0, "infinite": 1}]


def convert_makes_a_file_that_pytorch_loads_strictly():
    model = network()
    torch.save({"epoch": 1, "model": torch.nn.DataParallel(model).state_dict()}, "saved.pth")
    for output in ("out.pth", "out.safetensors"):
        says(goldseal("convert", "saved.pth", "-o", output, "--strip-prefix", "auto"), "11 tensors", "11 renamed")
        if output.endswith(".pth"):
            loaded = torch.load(output, weights_only=True)
        else:
            from safetensors.torch import load_file
            loaded = load_file(output)
        other = Tied()
        other.load_state_dict(loaded, strict=True)
        for name, tensor in model.state_dict().items():
            assert equal(other.state_dict()[name], tensor), name
    says(goldseal("convert", "saved.pth", "-o", "out.pth", code=2), "out.pth", "--force")
    says(goldseal("convert", "saved.pth", "-o", "half.pth", "--strip-prefix", "auto", "--dtype", "float16"), "of another element type")
    half = torch.load("half.pth", weights_only=True)
    for name, tensor in model.state_dict().items():
        assert equal(half[name], tensor.half() if tensor.is_floating_point() else tensor), name
    assert as_json("convert", "out.pth", "-o", "again.pth")["renamed"] == 0


def convert_damages_no_key_without_a_prefix():
    names = {name: torch.ones(1) * i for i, name in enumerate(["mlp_module.weight", "features.0.weight", "modules.bias", "submodule"])}
    torch.save(names, "names.pth")
    goldseal("convert", "names.pth", "-o", "names_out.pth", "--strip-prefix", "auto")
    loaded = torch.load("names_out.pth", weights_only=True)
    assert list(loaded) == list(names) and all(equal(loaded[name], tensor) for name, tensor in names.items())


def convert_refuses_a_damaged_file():
    torch.save({"w": torch.arange(5000.0)}, "whole.pth")
    with open("whole.pth", "rb") as file:
        data = bytearray(file.read())
    data[10_000] ^= 1
    with open("damaged.pth", "wb") as file:
        file.write(data)
    assert torch.load("damaged.pth", weights_only=True)["w"].shape == (5000,)  # PyTorch sees nothing
    says(goldseal("convert", "damaged.pth", "-o", "never.pth", code=4), "data/0 are damaged")
    assert not os.path.exists("never.pth")


def diff_tells_what_pytorch_computes():
    a = network().state_dict()
    b = {name: tensor.clone() for name, tensor in a.items()}
    b["body.2.bias"] += 1e-3
    b["body.0.weight"] = b["body.0.weight"].double()
    b["extra"] = torch.zeros(2)
    torch.save(a, "a.pth")
    torch.save(torch.nn.ModuleDict().state_dict() | {f"module.{name}": tensor for name, tensor in b.items()}, "b.pth")
    text = goldseal("diff", "a.pth", "b.pth", code=1)
    says(text, "B: ", "only in B: module.extra", "7 of 7 values differ", "float32 [7, 7] in A, float64 [7, 7] in B")
    found = as_json("diff", "a.pth", "b.pth", code=1)
    (bias,) = [row for row in found["changed"] if row["name"].endswith("body.2.bias")]
    expected = (a["body.2.bias"].double() - b["body.2.bias"].double()).abs().max().item()
    assert abs(bias["max_absolute"] - expected) < 1e-12, bias
    says(goldseal("diff", "a.pth", "a.pth"), "11 tensors are equal, 0 differ")


def a_directory_stands_for_its_one_checkpoint():
    """Kinds: one file, an index over shards, several files, none, shards without their index, what training writes beside."""
    os.makedirs("dir/below", exist_ok=True)
    says(goldseal("inspect", "dir", code=2), "a directory without one")
    torch.save({"w": torch.ones(3)}, "dir/net.pth")
    for beside in ("optimizer.pt", "scheduler.pt", "training_args.bin", "rng_state.pth"):
        torch.save({"step": torch.ones(1)}, f"dir/{beside}")
    says(goldseal("inspect", "dir"), "1 tensors")
    says(goldseal("diff", "dir", "dir/net.pth"), "1 tensors are equal")
    torch.save({"w": torch.ones(3)}, "dir/ema.pth")
    says(goldseal("inspect", "dir", code=2), "a directory with 2: ema.pth, net.pth")
    with open("dir/pytorch_model.bin.index.json", "w") as index:
        json.dump({"weight_map": {"w": "net.pth"}}, index)
    says(goldseal("inspect", "dir"), "1 tensors")
    with open("dir/model.safetensors.index.json", "w") as index:
        json.dump({"weight_map": {"w": "net.pth"}}, index)
    says(goldseal("inspect", "dir", code=2), "pytorch_model.bin.index.json")


class Halves(torch.Tensor):
    """Made of two tensors, as quantization libraries make theirs."""

    @staticmethod
    def __new__(cls, low, high):
        return torch.Tensor._make_wrapper_subclass(cls, low.shape)

    def __init__(self, low, high):
        self.low, self.high = low, high

    def __tensor_flatten__(self):
        return ["low", "high"], None

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return func(*[arg.low if isinstance(arg, Halves) else arg for arg in args], **(kwargs or {}))


def diff_compares_what_is_no_plain_tensor():
    """Kinds: extra states (dict, bytes, stream, one that is missing, one that holds an object), tensors of a subclass, packed
    weights, a renamed module."""
    state = {"w": torch.ones(3), "w._extra_state": {"scale": 3.0, "steps": [1, 2]}, "v._extra_state": b"abc"}
    torch.save(state, "a.pth")
    torch.save({**state, "w._extra_state": {"steps": [1, 2], "scale": 3.0}}, "b.pth")
    says(goldseal("diff", "a.pth", "b.pth"), "2 extra states are equal", "1 tensors are equal, 0 differ")
    for other in ({"scale": 3.5, "steps": [1, 2]}, {"scale": 3, "steps": [1, 2]}, io.BytesIO(b"abc"), None):
        torch.save({**state, "w._extra_state": other}, "b.pth")
        says(goldseal("diff", "a.pth", "b.pth", code=1), "extra state w._extra_state: ", "1 extra states are equal")
        assert [row["name"] for row in as_json("diff", "a.pth", "b.pth", code=1)["extra_states"]] == ["w._extra_state"]
    torch.save({name: value for name, value in state.items() if name != "v._extra_state"}, "b.pth")
    says(goldseal("diff", "b.pth", "a.pth", code=1), "v._extra_state: not there in A")

    made = Halves(torch.ones(3), torch.zeros(3))
    torch.save({"w": made, "u": torch.ones(2)}, "a.pth")
    torch.save({"w": Halves(torch.ones(3), torch.ones(3)), "u": torch.ones(2)}, "b.pth")
    says(goldseal("diff", "a.pth", "a.pth"), "3 tensors are equal, 0 differ")
    says(goldseal("diff", "a.pth", "b.pth", code=1), "w.high", "2 tensors are equal, 1 differ")
    torch.save({"w": torch.ones(3), "u": torch.ones(2)}, "b.pth")
    says(goldseal("diff", "a.pth", "b.pth", code=1), "w: ", "Halves", "a plain tensor in B")

    torch.save({"fc.weight": torch.ones(8, 8)}, "a.pth")
    torch.save({"fc.weight": torch.ones(32, 1, dtype=torch.uint8), "fc.weight.absmax": torch.ones(1), "fc.weight.quant_map": torch.ones(16),
                "fc.weight.quant_state.bitsandbytes__nf4": torch.ones(4, dtype=torch.uint8)}, "b.pth")
    says(goldseal("diff", "a.pth", "b.pth", code=1), "B holds ", "bitsandbytes")

    layers = {f"layers.{i}.w": torch.full((2,), float(i)) for i in range(4)}
    torch.save({f"model.{name}": value for name, value in layers.items()}, "a.pth")
    torch.save({f"model.language_model.{name}": value for name, value in layers.items()}, "b.pth")
    for one, other in (("a.pth", "b.pth"), ("b.pth", "a.pth")):
        says(goldseal("diff", one, other, code=1), "4 tensors are the same under other names", "language_model")


def b51_diff_compares_the_tensors_beside_objects():
    """Kinds: a class of the script's own, argparse.Namespace, another state dict beside it; the same bytes, other objects, other
    weights, a file without such an object, a choice between several state dicts."""
    Options.__module__, Options.__qualname__ = "options", "Options"
    sys.modules["options"] = type(sys)("options")
    sys.modules["options"].Options = Options
    weights = {"w": torch.arange(4.0)}
    torch.save({"model": weights, "args": Options(1)}, "a.pth")
    torch.save({"model": weights, "args": Options(2)}, "b.pth")
    says(goldseal("diff", "a.pth", "a.pth"), "1 tensors are equal, 0 differ")
    text = goldseal("diff", "a.pth", "b.pth", code=3)
    says(text, "1 tensors are equal, 0 differ", "not compared in A", "args is ", "options.Options", "not compared in B")
    torch.save({"model": weights}, "plain.pth")
    says(goldseal("diff", "a.pth", "plain.pth", code=3), "not compared in A", "options.Options")
    torch.save({"model": {"w": torch.arange(4.0) + 1}, "args": Options(1)}, "c.pth")
    says(goldseal("diff", "a.pth", "c.pth", code=1), "w: 4 of 4 values differ", "options.Options")
    assert as_json("diff", "a.pth", "b.pth", code=3)["not_compared"]["a"]["objects"], "json names them"
    torch.save({"model": weights, "ema": {"w": torch.ones(4)}}, "two.pth")
    torch.save({"model": weights, "ema": {"w": torch.zeros(4)}}, "other.pth")
    says(goldseal("diff", "two.pth", "other.pth", code=2), "--entry")
    says(goldseal("diff", "two.pth", "other.pth", "--entry", "ema", code=1), "w: 4 of 4 values differ")
    says(goldseal("diff", "two.pth", "other.pth", "--entry", "model"), "1 tensors are equal", "not compared in A: the state dict ema")


class Options:
    def __init__(self, value):
        self.value = value


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="goldseal-") as directory:
        os.chdir(directory)
        for case in (inspect_shows_modules_types_devices_and_tied_weights, inspect_lists_the_state_dicts_of_a_file, inspect_says_which_state_dicts_are_the_same,
                     inspect_finds_values_that_are_no_numbers, convert_makes_a_file_that_pytorch_loads_strictly,
                     convert_damages_no_key_without_a_prefix, convert_refuses_a_damaged_file, diff_tells_what_pytorch_computes,
                     a_directory_stands_for_its_one_checkpoint, diff_compares_what_is_no_plain_tensor,
                     b51_diff_compares_the_tensors_beside_objects):
            case()
            print(f"ok  {case.__name__}", flush=True)
        os.chdir("/")
