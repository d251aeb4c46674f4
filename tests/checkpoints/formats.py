# SPDX-License-Identifier: Apache-2.0
"""The other containers: legacy torch.save, TorchScript, torch.export, safetensors, shards, numpy."""
import io
import json
import os
import pickle
import struct
import zipfile

from support import compare, dump, numpy, run, sha256, temporary_directory, torch


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


def exported_programs_before_torch_2_8():
    """As torch/export/__init__.py of 2.1 to 2.7 writes them: Python's zipfile, torch.save inside."""
    state = network().state_dict()

    def saved(value):
        buffer = io.BytesIO()
        torch.save(value, buffer)
        return buffer.getvalue()

    with zipfile.ZipFile(path_of("old.pt2"), "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
        archive.writestr("serialized_state_dict.pt", saved(dict(state)))
        archive.writestr("serialized_constants.pt", saved({}))
        archive.writestr("version", "5.1")
    found = compare(path_of("old.pt2"), state)
    assert found["container"] == "pt2-before-2.8" and "torch 2.1" in found["needs"], found


def distributed(value, name):
    """Saves with torch.distributed.checkpoint in one process; False where this PyTorch has none."""
    try:
        import torch.distributed.checkpoint as checkpoint
        checkpoint.save(value, checkpoint_id=path_of(name), no_dist=True)
    except (ImportError, AttributeError, TypeError):
        return False
    return True


def distributed_checkpoints():
    state = network().state_dict()
    if not distributed({"model": state, "optimizer": {"moment": torch.ones(3)}, "epoch": 3, "names": ["a"]}, "dcp"):
        return
    for path in (path_of("dcp"), os.path.join(path_of("dcp"), ".metadata")):
        found = dump(path)
        assert found["container"] == "distcp" and found["entry"] == "model" and found["candidates"] == ["optimizer"], found
        assert sorted(found["order"]) == sorted(state), found["order"]
        for name, tensor in state.items():
            row = found["tensors"][name]
            assert row["sha256"] == sha256(tensor) and row["shape"] == list(tensor.shape), name
    assert dump(path_of("dcp"), "optimizer")["order"] == ["moment"]
    assert distributed(state, "bare")
    assert sorted(dump(path_of("bare"))["order"]) == sorted(state)


def a_damaged_distributed_checkpoint_is_refused():
    if not distributed({"w": torch.arange(5000.0)}, "damaged"):
        return
    (part,) = [os.path.join(path_of("damaged"), name) for name in os.listdir(path_of("damaged")) if name.endswith(".distcp")]
    with open(part, "rb") as file:
        data = bytearray(file.read())
    data[len(data) // 2] ^= 1
    with open(part, "wb") as file:
        file.write(data)
    assert "are damaged" in dump(path_of("damaged"))["error"]["message"]
    with open(part, "wb") as file:
        file.write(data[:len(data) // 2])
    assert "not in the file" in dump(path_of("damaged"))["error"]["message"]
    os.unlink(part)
    error = dump(path_of("damaged"))["error"]
    assert "is missing" in error["message"] and "whole directory" in error["remedy"], error


def distributed_metadata_that_lies_is_refused():
    if not distributed({"w": torch.arange(8.0).reshape(2, 4)}, "lies"):
        return
    path = os.path.join(path_of("lies"), ".metadata")
    with open(path, "rb") as file:
        original = file.read()

    def refusal(change):
        metadata = pickle.loads(original)
        ((index, info),) = metadata.storage_data.items()
        change(metadata, index, info)
        with open(path, "wb") as file:
            pickle.dump(metadata, file)
        error = dump(path)["error"]
        return error["message"] + " | " + error["remedy"]

    def elsewhere(metadata, index, info):
        info.relative_path = "../__0_0.distcp"

    def too_long(metadata, index, info):
        info.length = 2**40

    def another_shape(metadata, index, info):
        metadata.state_dict_metadata["w"].size = torch.Size((4, 2))

    def elsewhere_in_the_tensor(metadata, index, info):
        metadata.storage_data = {type(index)("w", torch.Size((1, 0)), 0): info}

    def nowhere(metadata, index, info):
        metadata.storage_data.clear()

    assert "must name files in its directory, found '../__0_0.distcp'" in refusal(elsewhere)
    assert "are not in the file" in refusal(too_long)
    assert "lies outside of it" in refusal(another_shape), refusal(another_shape)
    assert "no file holds the piece of 'w' that begins at [0, 0]" in refusal(elsewhere_in_the_tensor)
    assert "no file holds 'w'" in refusal(nowhere)
    with open(path, "wb") as file:
        file.write(original)
    assert dump(path)["order"] == ["w"]


def a_distributed_checkpoint_whose_metadata_names_code_is_refused():
    os.makedirs(path_of("hostile"), exist_ok=True)
    with open(os.path.join(path_of("hostile"), ".metadata"), "wb") as file:
        pickle.dump(os.system, file, protocol=4)
    error = dump(path_of("hostile"))["error"]
    assert "that is code, not weights" in error["message"], error


with temporary_directory() as DIRECTORY:
    run([
        legacy_files, a_legacy_file_that_was_cut_says_how_much_is_there,
        a_legacy_file_with_a_storage_left_out_of_its_list_is_refused, torchscript_archives,
        frozen_torchscript_keeps_its_weights_as_constants, an_exported_program, safetensors_files, sharded_checkpoints,
        numpy_archives, exported_programs_before_torch_2_8, distributed_checkpoints,
        a_damaged_distributed_checkpoint_is_refused, distributed_metadata_that_lies_is_refused,
        a_distributed_checkpoint_whose_metadata_names_code_is_refused,
    ])
