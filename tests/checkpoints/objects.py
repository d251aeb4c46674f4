# SPDX-License-Identifier: Apache-2.0
"""Values beside the tensors: each kind is named for what it is, with a remedy that names only what the file has and that
works. Kinds: configurations, options, paths, partial functions, enums, dataclasses, dict subclasses, optimizers and
schedulers, whole modules at the top, under a key and in a list, functions by name, numpy objects, plain values of
Python; and what runs code, which stays that."""
import argparse
import collections
import dataclasses
import datetime
import enum
import functools
import os
import pathlib
import pickle
import re
import sys
import types

from support import dump, numpy, refused, run, show, temporary_directory, torch

WEIGHTS = {"fc.weight": torch.ones(2, 2), "fc.bias": torch.zeros(2)}


def fake(module, name, base=object, **contents):
    package = sys.modules.setdefault(module, types.ModuleType(module))
    parts = module.split(".")
    for i in range(1, len(parts)):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    created = type(name, (base,), {"__module__": module, **contents})
    setattr(package, name, created)
    return created


def save(value, name="saved.pth", **options):
    path = os.path.join(DIRECTORY, name)
    torch.save(value, path, **options)
    return path


def works(remedy):
    """Runs the remedy's own line, and reads what it wrote."""
    begin = remedy.index("torch.save(")
    depth = 0
    for end in range(begin + len("torch.save"), len(remedy)):
        depth += {"(": 1, ")": -1}.get(remedy[end], 0)
        if depth == 0:
            break
    out = os.path.join(DIRECTORY, "out.pth")
    load = functools.partial(torch.load, map_location="cpu")
    if "weights_only" not in torch.load.__code__.co_varnames:
        load = lambda path, weights_only: torch.load(path)  # noqa: E731
    space = types.SimpleNamespace(save=torch.save, load=load, Tensor=torch.Tensor)
    exec(remedy[begin:end + 1], {"torch": space, "FILE": os.path.join(DIRECTORY, "saved.pth"), "OUT": out})
    found = dump(out)
    assert found.get("order") == list(WEIGHTS), (remedy, found)


def each_object_is_told_of_with_a_remedy_that_works():
    @dataclasses.dataclass
    class Options:
        lr: float = 0.1

    Options.__module__, Options.__qualname__ = "project.options", "Options"
    fake("project.options", "Nothing")
    sys.modules["project.options"].Options = Options
    color = enum.Enum("Color", "red blue", module="project.options")
    sys.modules["project.options"].Color = color
    config = fake("omegaconf.dictconfig", "DictConfig")()
    config.content = {"lr": 0.1}
    attributes = fake("project.options", "AttrDict", dict)(lr=0.1)
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))])
    for value, cls, what in (
        (config, "omegaconf.dictconfig.DictConfig", "an OmegaConf configuration"),
        (functools.partial(max, 1), "functools.partial", "a function with arguments"),
        (Options(), "project.options.Options", "an object of the saving code's own class"),
        (color.red, "project.options.Color", "a member of an enum"),
        (attributes, "project.options.AttrDict", "a dict or list of the saving code's own class"),
        (optimizer, "torch.optim.adam.Adam", "an optimizer"),
        (torch.optim.lr_scheduler.StepLR(optimizer, 1), "torch.optim.lr_scheduler.StepLR", "a learning-rate scheduler"),
        (re.compile("a"), "re._compile", "a regular expression"),
        (torch.nn.functional.relu, "torch.nn.functional.relu", "a module, or a function of torch.nn"),
        (Options, "project.options.Options", "by its name"),
    ):
        error = refused(save({"state_dict": WEIGHTS, "extra": value}), "unsupported", cls, what, "extra is", "weights_only=True",
                        "['state_dict']", without=("code, not weights",))
        works(error["remedy"])
        error = refused(save({"model": WEIGHTS, "extra": {"deep": value}}), "unsupported", cls, "extra.deep is", "['model']", without=("state_dict']",))
        works(error["remedy"])
        error = refused(save({**WEIGHTS, "extra": value}), "unsupported", cls, without=("['",))
        works(error["remedy"])
        found = show(save({"state_dict": WEIGHTS, "extra": value}))
        assert found["order"] == list(WEIGHTS) and found["objects"]["extra"]["class"] == cls, found
        assert "pickle.foreign-objects" in found["notes"], found["notes"]
        # The legacy container keeps the same pickle.
        refused(save({"state_dict": WEIGHTS, "extra": value}, _use_new_zipfile_serialization=False), "unsupported", cls, what)


def a_state_dict_of_another_class_is_made_plain():
    weights = fake("project.tensors", "Weights", collections.OrderedDict)
    for value, place in ((weights(WEIGHTS), ""), ({"model": weights(WEIGHTS), "epoch": 1}, "['model']")):
        error = refused(save(value), "unsupported", "project.tensors.Weights", "a state dict of the saving code's own class", f"dict(torch.load(FILE, weights_only=False){place})")
        works(error["remedy"])


def what_torch_save_writes_on_request_is_not_called_damaged():
    refused(save(WEIGHTS, pickle_protocol=1), "unsupported", "protocol 0 or 1", "without pickle_protocol")
    assert dump(save({"state_dict": WEIGHTS, "bytes": b"x" * 300}, pickle_protocol=3))["order"] == list(WEIGHTS)
    refused(save({b"w": torch.ones(2), ("a", 1): torch.ones(2)}), "unsupported", "a key of the state dict is neither text nor a number")


def packed_weights_in_tuples_are_told_of():
    found = dump(save({**WEIGHTS, "fc._packed_params": (torch.ones(2), None)}))
    assert found["order"] == list(WEIGHTS) and "fc._packed_params" in found["notes"]["state-dict.held-tensors"], found


def a_whole_model_is_found_wherever_it_is():
    net = fake("models.yolo", "Model", torch.nn.Module)
    net = net()
    net.fc = torch.nn.Linear(2, 2)
    for value, place in ((net, ""), ({"model": net}, "['model']"), ({"epoch": 1, "ema": [net]}, "['ema'][0]")):
        error = refused(save(value), "unsupported", "a whole model", "models.yolo.Model", "the code of models", f"weights_only=False){place}.state_dict()")
        remedy = error["remedy"]
        line = remedy[remedy.index("torch.load("):remedy.index(".state_dict()")].replace(", weights_only=False", "" if "weights_only" not in torch.load.__code__.co_varnames else ", weights_only=False")
        assert eval(line, {"torch": torch, "FILE": os.path.join(DIRECTORY, "saved.pth")}).state_dict().keys() == {"fc.weight", "fc.bias"}


def weights_beside_a_pickled_model_are_had_by_their_entry():
    net = fake("models.yolo", "Model", torch.nn.Module)()
    error = refused(save({"net": net, "weights": WEIGHTS}), "unsupported", "net is a whole model", "['weights']")
    works(error["remedy"])


def plain_values_are_data():
    for value in (
        b"", b"bytes", bytearray(b"x"), {1, 2}, frozenset([3]), 3 + 4j, slice(1, 2), range(3), 1 << 80, "text", "é", None, True, 0.5, (1, [2]),
        collections.deque([1, 2], 3), collections.Counter("aab"), collections.defaultdict(list), collections.OrderedDict(a=1),
        datetime.datetime(2024, 1, 1), datetime.date(2024, 1, 1), datetime.timedelta(1), datetime.time(1), datetime.timezone.utc,
        pathlib.PurePosixPath("/a"), argparse.Namespace(lr=1), types.SimpleNamespace(a=1), numpy.float64(1), numpy.arange(3), numpy.dtype("f4"),
        numpy.float32, int, dict, list, torch.float32, torch.Size([2]), torch.device("cpu"), torch.__version__, numpy.random.RandomState(1),
        numpy.random.default_rng(1), numpy.bool_(True), numpy.array(["a"]),
    ):
        found = dump(save({"state_dict": WEIGHTS, "value": value}))
        assert found.get("order") == list(WEIGHTS), (value, found)


class Runs:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def code_stays_code():
    import importlib
    import operator
    import runpy
    import subprocess

    for function, arguments in (
        (os.system, ("true",)), (eval, ("1",)), (exec, ("1",)), (subprocess.Popen, (["true"],)), (importlib.import_module, ("os",)), (runpy.run_path, ("x",)),
        (getattr, (1, "real")), (open, ("/dev/null",)), (compile, ("1", "", "eval")), (__import__, ("os",)), (operator.methodcaller, ("x",)),
        (operator.attrgetter, ("x",)), (torch.load, ("x",)), (torch.hub.load, ("x", "y")), (os.popen, ("true",)), (pickle.loads, (b"",)),
    ):
        for value in ({"state_dict": WEIGHTS, "x": Runs(function, *arguments)}, [Runs(function, *arguments)]):
            path = save(value)
            refused(path, "malformed", "import and run", "that is code, not weights")
            assert show(path)["error"]["kind"] == "malformed"


def b04_extra_state_is_data_and_listed():
    import io

    for value, what in ((b"", "0 bytes"), (b"\x80abc\xff", "5 bytes"), (io.BytesIO(b"12345678"), "8 bytes in a stream"), (None, "None"),
                        ({"scale": 3.0, "more": [1]}, "a dict of 2 entries"), (bytearray(b"xy"), "2 bytes"), (collections.OrderedDict(a=1), "a dict of 1 entries")):
        for options in ({}, {"_use_new_zipfile_serialization": False}):
            path = save({**WEIGHTS, "fc._extra_state": value}, **options)
            found = dump(path)
            assert found.get("order") == list(WEIGHTS), (value, found)
            assert f"fc._extra_state ({what})" in found["notes"]["state-dict.extra-state"], found["notes"]
            assert show(path)["extra_state"] == {"fc._extra_state": what}
    assert "fc._extra_state" in dump(save({**WEIGHTS, "fc._extra_state": torch.ones(2)}))["tensors"]


def a_file_without_tensors_says_what_it_holds():
    refused(save({"config": fake("project.config", "Config")()}), "unsupported", "holds no state dict", "project.config.Config")
    refused(save({"epoch": 3}), "unsupported", "holds no tensors under names")


with temporary_directory() as DIRECTORY:
    run([
        each_object_is_told_of_with_a_remedy_that_works, a_state_dict_of_another_class_is_made_plain,
        what_torch_save_writes_on_request_is_not_called_damaged, packed_weights_in_tuples_are_told_of, a_whole_model_is_found_wherever_it_is,
        weights_beside_a_pickled_model_are_had_by_their_entry, plain_values_are_data, code_stays_code,
        b04_extra_state_is_data_and_listed, a_file_without_tensors_says_what_it_holds,
    ])
