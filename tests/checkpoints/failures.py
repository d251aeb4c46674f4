# SPDX-License-Identifier: Apache-2.0
"""Failures that people report when a model saved on one machine is loaded on another: each made with PyTorch, and the
message held against what helps."""
import argparse
import json
import os
import pathlib
import pickle
import sys
import types
import zipfile

from support import dump, numpy, run, temporary_directory, torch


def network(classes=2):
    torch.manual_seed(6)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 3 * (5 + classes), 1))


def path_of(name):
    return os.path.join(DIRECTORY, name)


def save(value, name="saved.pth", **options):
    torch.save(value, path_of(name), **options)
    return path_of(name)


def write(data, name="saved.pth"):
    with open(path_of(name), "wb") as file:
        file.write(data)
    return path_of(name)


def match(state, wanted=None):
    return dump("--match", save(state), save(wanted or network().state_dict(), "network.pth"))


def error(path, kind, *parts):
    found = dump(path).get("error")
    assert found and found["kind"] == kind, found
    text = found["message"] + " | " + found["remedy"]
    for part in parts:
        assert part in text, f"{part!r} not in {text!r}"


def matches_after(state, *removed):
    found = match(state)
    assert found["complete"] and found["removed"] == list(removed), found
    return found["saved_from"]


def prefixed(prefix, state):
    return {prefix + name: tensor for name, tensor in state.items()}


def explained(found, *parts):
    assert not found["complete"], found
    for part in parts:
        assert part in found["cause"] + " | " + found["remedy"], found


def data_parallel_prefix():
    # F01
    assert "DataParallel" in matches_after(torch.nn.DataParallel(network()).state_dict(), "module")


def infix_prefix_and_names_that_only_look_like_it():
    # F02
    class Mixed(torch.nn.Module):
        def __init__(self, wrap):
            super().__init__()
            self.features = wrap(torch.nn.Linear(2, 2))
            self.mlp_module = torch.nn.Linear(2, 2)

    have = Mixed(torch.nn.DataParallel).state_dict()
    assert "features.module.weight" in have
    found = match(have, Mixed(lambda module: module).state_dict())
    assert found["complete"] and found["removed"] == ["module"], found


def compiled_prefix():
    # F03
    if hasattr(torch, "compile"):
        state = torch.compile(network()).state_dict()
        assert next(iter(state)).startswith("_orig_mod.")
    else:
        state = prefixed("_orig_mod.", network().state_dict())
    assert "torch.compile" in matches_after(state, "_orig_mod")
    matches_after(prefixed("module.", state), "module", "_orig_mod")
    class Part(torch.nn.Module):
        def __init__(self, wrap):
            super().__init__()
            self.body = wrap(network())
            self.head = torch.nn.Linear(2, 2)

    if hasattr(torch, "compile"):
        have = Part(torch.compile).state_dict()
        assert "body._orig_mod.0.weight" in have and "head.weight" in have, have.keys()
        for names in (have, prefixed("module.", have)):
            found = match(names, Part(lambda module: module).state_dict())
            assert found["complete"] and "_orig_mod" in found["removed"], found


def fsdp_and_checkpoint_wrappers():
    # F04
    state = network().state_dict()
    matches_after(prefixed("_fsdp_wrapped_module._checkpoint_wrapped_module.", state), "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
    assert "DeepSpeed" in matches_after(prefixed("_forward_module.", state), "_forward_module")
    matches_after(prefixed("_forward_module.module.", state), "_forward_module", "module")
    explained(match({"_fsdp_wrapped_module._flat_param": torch.zeros(1000)}), "flat FSDP shards", "FULL_STATE_DICT")


def lightning_checkpoint():
    # F05
    state = prefixed("model.", network().state_dict())
    path = save({"epoch": 1, "global_step": 2, "pytorch-lightning_version": "2.0", "state_dict": state, "loops": {}, "callbacks": {},
                 "optimizer_states": [torch.optim.Adam(network().parameters()).state_dict()], "lr_schedulers": []})
    assert dump(path)["entry"] == "state_dict"
    matches_after(state, "model")


def nothing_is_loaded_partially():
    # F06
    state = network().state_dict()
    state["0.weight.bad"] = state.pop("0.weight")
    found = match(state)
    assert found["missing"] == 1 and found["unexpected"] == 1, found
    explained(found, "`bad` stands after `weight` in the file alone", "--rename weight.bad=weight")
    state["0.extra"] = torch.zeros(7)
    explained(match(state), "1 of 9 names are missing, 2 are unexpected", "missing is 0.weight; unexpected is")


def a_broadcastable_shape_is_a_mismatch():
    # F06
    state = network().state_dict()
    state["0.bias"] = torch.zeros(1)
    assert match(state)["mismatched"] == 1


def weights_beside_their_average():
    # F07
    state, average = network().state_dict(), network().state_dict()
    error(save({"state_dict": state, "state_dict_ema": average}), "usage", "state_dict (9 tensors), state_dict_ema (9 tensors)", "--entry")
    assert dump(save({"state_dict": state, "state_dict_ema": average}), "state_dict_ema")["entry"] == "state_dict_ema"
    ema = {"model_ema." + name.replace(".", ""): tensor for name, tensor in state.items()}
    explained(match(ema), "lost their dots")
    both = {**state, **prefixed("ema_", state)}
    explained(match(both), "ema_0.weight")
    found = dump(save({"state_dict": state, "shadow_params": [tensor for tensor in state.values()]}), "state_dict")
    assert found["candidates"] == ["shadow_params"], found


def a_wrapped_checkpoint_is_named():
    # F08
    path = save({"epoch": 3, "state_dict": network().state_dict(), "optimizer_states": [{"state": {}, "param_groups": []}]})
    assert dump(path)["entry"] == "state_dict"


def fake_class(module, name, base=object):
    package = types.ModuleType(module)
    created = type(name, (base,), {"__module__": module})
    setattr(package, name, created)
    parts = module.split(".")
    for i in range(1, len(parts)):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    sys.modules[module] = package
    return created


def a_whole_model_needs_its_code():
    # F09
    model = fake_class("models.yolo", "Model", torch.nn.Module)()
    model.conv = torch.nn.Conv2d(3, 4, 3)
    for value in (model, {"epoch": 1, "model": model, "ema": None}):
        for options in ({}, {"_use_new_zipfile_serialization": False}):
            error(save(value, **options), "unsupported", "whole model", "models.yolo.Model", "torch.nn.modules.conv.Conv2d", "state_dict()", "the code of models")


def paths_numpy_scalars_and_namespaces_beside_the_weights():
    # F11, F12, F13
    state = network().state_dict()
    found = dump(save({"state_dict": state, "where": pathlib.PosixPath("/data")}))
    assert "save paths as str" in found["notes"]["pickle.objects"], found["notes"]
    found = dump(save({"state_dict": state, "best": numpy.float64(0.5), "curve": numpy.arange(3)}))
    assert "weights_only=False" in found["notes"]["pickle.objects"], found["notes"]
    if int(numpy.__version__.split(".")[0]) >= 2:
        assert "numpy 2 or newer" in found["notes"]["pickle.objects"], found["notes"]
    found = dump(save({"state_dict": state, "args": argparse.Namespace(lr=0.1)}))
    assert "argparse.Namespace" in found["notes"]["pickle.objects"], found["notes"]
    assert "weights_only=False" in found["needs"], found["needs"]


def objects_of_unknown_classes_are_listed():
    # F13
    config = fake_class("project.config", "Config")()
    error(save({"state_dict": network().state_dict(), "config": config}), "unsupported", "project.config.Config", "weights_only=True")


def pickle_protocols():
    # F14
    error(save(network().state_dict(), pickle_protocol=5), "unsupported", "protocol 5", "Python 3.8", "pickle_protocol")


def a_whole_model_also_needs_the_torch_of_its_day():
    # F10
    error(save(torch.nn.Sequential(torch.nn.Upsample(scale_factor=2))), "unsupported", "torch.nn.modules.upsampling.Upsample",
          "'Upsample' object has no attribute 'recompute_scale_factor'", "state_dict()")


def texts_of_python_2():
    """F14: Python 2 pickled its texts as byte strings: SHORT_BINSTRING, in whatever encoding."""
    path = save({"state_dict": {"weight": torch.ones(2)}, "author": "Ren@e"}, _use_new_zipfile_serialization=False)
    data = open(path, "rb").read()
    unicode_text = b"X\x05\x00\x00\x00Ren@e"
    assert unicode_text in data
    found = dump(write(data.replace(unicode_text, b"U\x05Ren\xe9e")))
    assert "encoding='latin1'" in found["notes"]["pickle.python2"], found["notes"]
    assert found["order"] == ["weight"], found
    found = dump(write(data.replace(unicode_text, b"U\x05Renee")))
    assert found["notes"] == {}, found["notes"]
    key = b"X\x06\x00\x00\x00weight"
    assert key in data
    error(write(data.replace(key, b"U\x06w\xe9ight")), "unsupported", "is not UTF-8", "encoding='latin1'")


def tied_weights_that_were_saved_once():
    # F17
    class Language(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(5, 3)
            self.lm_head = torch.nn.Linear(3, 5, bias=False)
            self.lm_head.weight = self.embed.weight

    whole = Language().state_dict()
    once = {"embed.weight": whole["embed.weight"]}
    explained(match(once, whole), "lm_head.weight is tied to embed.weight", "tie")
    explained(match(prefixed("module.", once), whole), "lm_head.weight is tied to embed.weight")
    assert match(whole, whole)["complete"]


def a_program_compiled_for_one_gpu():
    # F38
    """The records that AOTInductor writes (torch/_inductor/codecache.py, get_device_information)."""
    device = {"AOTI_DEVICE_KEY": "cuda", "AOTI_PLATFORM": "linux", "AOTI_MACHINE": "x86_64", "AOTI_CPU_ISA": "AVX2", "AOTI_COMPUTE_CAPABILITY": "86"}
    writer = torch._C.PyTorchFileWriter(path_of("aoti.pt2"))
    for name, text in (("archive_format", "pt2"), ("data/aotinductor/model/c_wrapper_metadata.json", json.dumps(device))):
        writer.write_record(name, text.encode(), len(text))
    writer.write_end_of_file()
    error(path_of("aoti.pt2"), "unsupported", "AOTInductor", "cuda of compute capability 86", "for each kind of GPU")


def counters_of_old_batch_norms():
    # F15
    state = network().state_dict()
    del state["1.num_batches_tracked"]
    explained(match(state), "num_batches_tracked", "0.4.1")


def another_class_count():
    # F16
    explained(match(network(classes=1).state_dict(), network(classes=80).state_dict()), "[18, 4, 1, 1]", "[255, 4, 1, 1]", "1 classes", "80 classes")


def half_precision():
    # F18
    found = match(network().half().state_dict())
    explained(found, "half precision", "float16")
    found = dump(save(network().half().state_dict()))
    assert ".float()" in found["advice"]["dtype.half"], found


def a_device_that_is_not_here():
    # F19, F20
    before = list(torch.serialization._package_registry)
    torch.serialization.register_package(0, lambda storage: "cuda:2", lambda storage, location: None)
    try:
        path = save({"w": torch.ones(2)})
    finally:
        torch.serialization._package_registry[:] = before
    found = dump(path)
    assert found["tensors"]["w"]["location"] == "cuda:2", found
    for part in ("1 tensors were saved from cuda:2", "map_location='cpu'", "map_location={'cuda:2': 'cuda:0'}"):
        assert part in found["advice"]["location.device"], found["advice"]


def pointers_and_web_pages():
    # F21
    error(write(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 248077090\n"), "unsupported", "Git LFS pointer", "248,077,090 bytes", "git lfs pull")
    error(write(b"<!DOCTYPE html>\n<html><head>"), "unsupported", "a web page")


def truncated_files():
    # F22
    whole = open(save({"w": torch.zeros(10_000)}), "rb").read()
    error(write(whole[:20_000]), "malformed", "20,000 of at least 40,", "download it again")
    whole = open(save({"w": torch.zeros(10_000)}, _use_new_zipfile_serialization=False), "rb").read()
    error(write(whole[:20_000]), "malformed", f"20,000 of {len(whole):,} bytes")


def pickle_dump_and_archives():
    # F23
    error(write(pickle.dumps({"w": [1.0]}, protocol=2)), "unsupported", "pickle.dump", "Invalid magic number")
    error(write(b"\x1f\x8b\x08\x00" + b"x" * 100, "model.pth.tar"), "unsupported", "gzip", "is not a tar archive")
    assert dump(save(network().state_dict(), "checkpoint.pth.tar"))["container"] == "torch-zip"


def the_torch_that_a_file_needs():
    # F24
    assert dump(save({"w": torch.ones(1)}))["needs"] == "torch 1.6 or newer"
    assert dump(save({"w": torch.ones(1)}, _use_new_zipfile_serialization=False))["needs"] == "any torch"


def a_device_frozen_into_torchscript():
    # F37
    class Frozen(torch.nn.Module):
        def forward(self, x):
            return x + torch.zeros(1, device=torch.device("cuda:0"))

    torch.jit.script(Frozen()).save(path_of("frozen.pt"))
    assert "CUDA device" in dump(path_of("frozen.pt"))["notes"].get("torchscript.frozen-device", ""), dump(path_of("frozen.pt"))


def b45_a_part_of_what_was_saved():
    """Two copies with counters beside them, a backbone with heads, a network two levels down. Not: names that fit in other shapes,
    or some of them."""
    state = network().state_dict()
    explained(match({**prefixed("ema_model.", state), **prefixed("online_model.", state), "initted": torch.tensor(True), "step": torch.tensor(4)}),
              "a part of what was saved", "behind `ema_model.` and behind `online_model.`", "beside 11 others",
              "--drop 'online_model.*'", "--drop 'step'", "--strip-prefix ema_model", "which copy is meant")
    explained(match({**prefixed("student.backbone.", state), "student.head.weight": torch.ones(2), **prefixed("teacher.backbone.", state)}),
              "behind `student.backbone.` and behind `teacher.backbone.`")
    found = match({**prefixed("encoder.", {name: torch.ones(2) for name in state}), "head.w": torch.ones(1)})
    assert "a part of what was saved" not in found["cause"], found


def b50_batch_norm_that_keeps_statistics_or_none():
    """Statistics missing in the file or in the network, also those of several layers; a list of parameters."""
    state = network().state_dict()
    without = {name: tensor for name, tensor in state.items() if "running" not in name and "tracked" not in name}
    explained(match(without), "statistics of 1 normalisations are missing", "named_parameters()", "save model.state_dict()", "track_running_stats=False")
    slashed = {name.replace(".", "/"): tensor for name, tensor in state.items()}
    explained(match(slashed), "names are the network's, with `/` in place of `.`", "name.replace('/', '.')")
    explained(match(prefixed("backbone.", state)), "behind `backbone.`, and nothing else is", "--strip-prefix backbone")
    explained(match(state, without), "statistics that the network does not keep", "track_running_stats=True")
    conv, norm = {"c.weight": torch.ones(2, 2), "d.weight": torch.ones(2)}, {f"c.bn.{name}": torch.ones(2) for name in ("weight", "bias", "running_mean", "running_var")}
    explained(match({**conv, **norm}, {**conv, "c.bias": torch.ones(2)}), "the checkpoint has 1 BatchNorm layers (c.bn) that the network lacks", "before its layers are fused")
    explained(match({**conv, **norm}, conv), "folded into the layers before them")
    explained(match({**conv, "c.bias": torch.ones(2)}, {**conv, **norm}), "the network has 1 BatchNorm layers (c.bn) that the checkpoint lacks")
    explained(match({str(number): tensor for number, tensor in enumerate(network().parameters())}), "numbers for names", "model.state_dict()")


def b56_affine_biases_lists_and_positions():
    """What one side alone is built with: scales of BatchNorm, biases, a list in place of a dict, positions of another size."""
    norm = {**{f"bn.{name}": torch.ones(2) for name in ("running_mean", "running_var", "weight", "bias")}, "fc.weight": torch.ones(2, 2)}
    plain = {name: tensor for name, tensor in norm.items() if name not in ("bn.weight", "bn.bias")}
    explained(match(plain, norm), "the network alone has the weights and biases of 1 BatchNorm layers (bn.", "affine=False, as they were trained")
    explained(match(norm, plain), "the checkpoint alone has the weights and biases of 1 BatchNorm layers", "affine=True, as they were trained")
    explained(match({"fc.weight": torch.ones(2, 2)}, {"fc.weight": torch.ones(2, 2), "fc.bias": torch.ones(2)}), "the network alone has 1 biases (fc.bias)", "bias=False")
    numbered, named = {"p.0": torch.ones(2), "p.1": torch.ones(3)}, {"p.first": torch.ones(2), "p.second": torch.ones(3)}
    explained(match(numbered, named), "p is a list in the checkpoint", "a dict in the network", "--rename OLD=NEW")
    explained(match(named, numbered), "p is a list in the network")
    explained(match({"pos_embed": torch.ones(1, 5, 2), "w": torch.ones(2)}, {"pos_embed": torch.ones(1, 10, 2), "w": torch.ones(2)}), "pos_embed is [1, 5, 2], [1, 10, 2] wanted", "img_size")


def b46_files_of_other_frameworks():
    onnx = b"\x08\x07\x12\x07pytorch\x1a\x052.0.0:" + b"\x00\x80" * 40
    cases = [(onnx, "model.bin", "an ONNX model"), (b"\x08\x07\x3a" + b"\x80" * 40, "model.onnx", "an ONNX model"),
             (b"\x1c\0\0\0TFL3" + b"\x80" * 40, "m.pt", "TensorFlow Lite"), (b"lmgg\x01\0\0\x80" + b"\x80" * 40, "m.bin", "GGML"),
             (b"\0\0\x01\x02" + b"\x80" * 40 + bytes.fromhex("57fb808b247547db"), "model.ckpt", "index of a TensorFlow checkpoint"),
             (b"\xfe\x80" * 40, "model.ckpt.data-00000-of-00001", "TensorFlow checkpoint's data"), (b"\x08\x01\x80" * 20, "saved_model.pb", "SavedModel"),
             (b"\x81\xa6params\x81" + b"\x80" * 40, "flax_model.msgpack", "Flax"), (b"ptrt\0\0\x80" + b"\x80" * 40, "m.engine", "TensorRT"),
             (pickle.dumps({"StructuredToParameterName@@": {}}, protocol=4), "model.pdparams", "PaddlePaddle"), (b"\x08\x04\x80" * 20, "m.mlmodel", "Core ML")]
    for data, name, said in cases:
        error(write(data, name), "unsupported", said)
    write(b"<net/>", "vino.xml")
    error(write(b"\xfe\x80" * 40, "vino.bin"), "unsupported", "OpenVINO")
    error(write(b"\x89HDF\r\n\x1a\n" + b"\x80" * 40, "weights.h5"), "unsupported", "found an HDF5 file")


def b47_values_that_are_no_tensors():
    state = network().state_dict()
    error(save({name: tensor.numpy() for name, tensor in state.items()}), "unsupported", "numpy arrays", "torch.from_numpy")
    error(save({name: tensor.tolist() for name, tensor in state.items() if tensor.dim()}), "unsupported", "lists of numbers", "torch.tensor")
    error(save(list(state.items())), "unsupported", "pairs of names and tensors", "dict(torch.load(FILE))")


def b48_tensors_of_other_kinds():
    left_out = lambda value: dump(save({"w": value, "b": torch.ones(2)}))["notes"]["state-dict.unsupported-tensors"]
    assert "w (sparse" in left_out(torch.eye(3).to_sparse()) and "w (sparse" in left_out(torch.nn.Parameter(torch.eye(3).to_sparse()))
    if int(torch.__version__.split(".")[0]) >= 2:  # PyTorch 1.13 writes no word of it
        assert "w (a conjugate" in left_out(torch.ones(2, dtype=torch.complex64).conj())
    assert "w (on the meta device" in left_out(torch.empty(2, device="meta"))


def b49_a_zip_around_the_checkpoint():
    with zipfile.ZipFile(path_of("download.zip"), "w") as archive:
        archive.write(save(network().state_dict()), "best.pth")
        archive.writestr("readme.txt", "x")
    error(path_of("download.zip"), "unsupported", "a zip archive around best.pth", "name best.pth")
    with zipfile.ZipFile(path_of("net.keras"), "w") as archive:
        archive.writestr("model.weights.h5", "x")
    error(path_of("net.keras"), "unsupported", "a Keras model")


with temporary_directory() as DIRECTORY:
    run([
        data_parallel_prefix, infix_prefix_and_names_that_only_look_like_it, compiled_prefix, fsdp_and_checkpoint_wrappers,
        lightning_checkpoint, nothing_is_loaded_partially, a_broadcastable_shape_is_a_mismatch, weights_beside_their_average,
        a_wrapped_checkpoint_is_named, a_whole_model_needs_its_code, paths_numpy_scalars_and_namespaces_beside_the_weights,
        a_whole_model_also_needs_the_torch_of_its_day, texts_of_python_2, tied_weights_that_were_saved_once,
        a_program_compiled_for_one_gpu, objects_of_unknown_classes_are_listed, pickle_protocols, counters_of_old_batch_norms, another_class_count,
        half_precision, a_device_that_is_not_here, pointers_and_web_pages, truncated_files, pickle_dump_and_archives,
        the_torch_that_a_file_needs, a_device_frozen_into_torchscript,
        b45_a_part_of_what_was_saved, b50_batch_norm_that_keeps_statistics_or_none, b56_affine_biases_lists_and_positions, b46_files_of_other_frameworks, b47_values_that_are_no_tensors, b48_tensors_of_other_kinds,
        b49_a_zip_around_the_checkpoint,
    ])
