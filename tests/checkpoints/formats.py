# SPDX-License-Identifier: Apache-2.0
"""The other containers: legacy torch.save, TorchScript, torch.export, safetensors, shards, numpy."""
import json
import os
import struct

from support import compare, dump, numpy, run, temporary_directory, torch


def network():
    torch.manual_seed(2)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())


def path_of(name):
    return os.path.join(DIRECTORY, name)


def legacy(value, name="legacy.pth"):
    torch.save(value, path_of(name), _use_new_zipfile_serialization=False)
    return path_of(name)


def legacy_files():
    state = network().state_dict()
    found = compare(legacy(state), state)
    assert found["container"] == "torch-legacy"
    base = torch.arange(24.0).reshape(4, 6)
    compare(legacy({"view": base[1:3, 2:5], "t": base.t(), "half": base.half(), "scalar": torch.tensor(3), "empty": torch.empty(0)}),
            {"view": base[1:3, 2:5], "t": base.t(), "half": base.half(), "scalar": torch.tensor(3), "empty": torch.empty(0)})


def a_legacy_file_that_was_cut_says_how_much_is_there():
    path = legacy({"w": torch.zeros(1000)})
    with open(path, "rb") as file:
        whole = file.read()
    with open(path_of("cut.pth"), "wb") as file:
        file.write(whole[:-1000])
    error = dump(path_of("cut.pth"))["error"]
    assert f"{len(whole) - 1000:,} of {len(whole):,} bytes" in error["message"], error


def a_legacy_file_with_a_storage_left_out_of_its_list_is_refused():
    path = legacy({"w": torch.zeros(4)})
    with open(path, "rb") as file:
        whole = file.read()
    with open(path_of("left_out.pth"), "wb") as file:
        file.write(whole[:whole.rindex(b"]q\0")] + b"].")  # an empty list of keys, and no storages
    error = dump(path_of("left_out.pth"))["error"]
    assert "is not in the file" in error["message"], error


def torchscript_archives():
    model = network().eval()
    path = path_of("script.pt")
    torch.jit.script(model).save(path)
    found = dump(path)
    assert found["container"] == "torchscript", found
    assert found["notes"] == {}, found["notes"]
    expected = model.state_dict()
    assert sorted(found["order"]) == sorted(expected), found["order"]
    compare(path, {name: expected[name] for name in found["order"]})


def frozen_torchscript_keeps_its_weights_as_constants():
    path = path_of("frozen.pt")
    torch.jit.freeze(torch.jit.script(network().eval())).save(path)
    found = dump(path)
    assert found["order"] and all(name.startswith("constants.") for name in found["order"]), found


def an_exported_program():
    if not hasattr(torch, "export") or not hasattr(torch.export, "pt2_archive"):
        return
    model = network().eval()
    model[0].bias = torch.nn.Parameter(model[1].bias.detach().clone())
    path = path_of("program.pt2")
    torch.export.save(torch.export.export(model, (torch.randn(1, 3, 8, 8),)), path)
    found = dump(path)
    assert found["container"] == "pt2", found
    expected = model.state_dict()
    assert sorted(found["order"]) == sorted(expected), found["order"]
    compare(path, {name: expected[name] for name in found["order"]})


def write_safetensors(path, state):
    """By hand, so that the test needs no safetensors package."""
    names = {torch.float32: "F32", torch.int64: "I64", torch.float16: "F16"}
    header, data = {}, b""
    for name, tensor in state.items():
        raw = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def safetensors_files():
    state = network().state_dict()
    write_safetensors(path_of("model.safetensors"), state)
    compare(path_of("model.safetensors"), state)
    try:
        from safetensors.torch import save_file
    except ImportError:
        return
    save_file(state, path_of("theirs.safetensors"), metadata={"format": "pt"})
    found = dump(path_of("theirs.safetensors"))
    compare(path_of("theirs.safetensors"), {name: state[name] for name in found["order"]})


def shards(save, suffix):
    state = network().state_dict()
    names = list(state)
    parts = {f"model-0000{i + 1}-of-00002{suffix}": names[i::2] for i in range(2)}
    for file, part in parts.items():
        save(path_of(file), {name: state[name] for name in part})
    index = {"metadata": {"total_size": 1}, "weight_map": {name: file for file, part in parts.items() for name in part}}
    path = path_of(f"model{suffix}.index.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(index, file)
    return path, state, parts


def sharded_checkpoints():
    for save, suffix in ((write_safetensors, ".safetensors"), (lambda path, state: torch.save(state, path), ".bin")):
        path, state, parts = shards(save, suffix)
        found = dump(path)
        assert found["container"].startswith("sharded-"), found
        assert sorted(found["order"]) == sorted(state), found["order"]
        for name, tensor in state.items():
            assert found["tensors"][name]["shape"] == list(tensor.shape)
        os.unlink(path_of(list(parts)[1]))
        error = dump(path)["error"]
        assert "1 of 2 shards are missing: model-00002-of-00002" in error["message"], error


def numpy_archives():
    arrays = {"a.weight": numpy.arange(6, dtype=numpy.float32).reshape(2, 3), "fortran": numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)),
              "scalar": numpy.array(3), "flags": numpy.array([True, False])}
    numpy.savez(path_of("arrays.npz"), **arrays)
    found = dump(path_of("arrays.npz"))
    assert found["container"] == "npz" and found["notes"] == {}, found
    expected = {name: torch.from_numpy(array) for name, array in arrays.items()}
    compare(path_of("arrays.npz"), expected)
    numpy.savez_compressed(path_of("small.npz"), **arrays)
    assert "compressed" in dump(path_of("small.npz"))["error"]["message"]


with temporary_directory() as DIRECTORY:
    run([
        legacy_files, a_legacy_file_that_was_cut_says_how_much_is_there,
        a_legacy_file_with_a_storage_left_out_of_its_list_is_refused, torchscript_archives,
        frozen_torchscript_keeps_its_weights_as_constants, an_exported_program, safetensors_files, sharded_checkpoints,
        numpy_archives,
    ])
