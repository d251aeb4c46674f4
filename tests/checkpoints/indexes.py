# SPDX-License-Identifier: Apache-2.0
"""A checkpoint in several files: the index decides which file counts (B05)."""
import json
import os
import struct

from support import dump, refused, run, sha256, temporary_directory, torch


def shard(name, **tensors):
    header, data = {}, b""
    for key, values in tensors.items():
        packed = struct.pack(f"<{len(values)}f", *values)
        header[key] = {"dtype": "F32", "shape": [len(values)], "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    with open(os.path.join(DIRECTORY, name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def index(text, name="model.safetensors.index.json"):
    path = os.path.join(DIRECTORY, name)
    with open(path, "w") as file:
        file.write(text if isinstance(text, str) else json.dumps({"metadata": {"total_size": 8}, "weight_map": text}))
    return path


def read(path, **expected):
    found = dump(path)
    assert "error" not in found, found
    assert {name: row["sha256"] for name, row in found["tensors"].items()} == {
        name: sha256(torch.tensor(values, dtype=torch.float32)) for name, values in expected.items()}, found
    return found["notes"]


def b05_the_indexed_copy_counts_and_the_stale_one_is_told():
    shard("1.safetensors", a=[1], w=[1, 2])
    shard("2.safetensors", w=[3, 4])
    notes = read(index({"a": "1.safetensors", "w": "2.safetensors"}), a=[1], w=[3, 4])
    assert "1 tensors lie in a second file too" in notes["index.stale-copies"] and "w in 1.safetensors" in notes["index.stale-copies"], notes
    assert "loaders that read whole files" in notes["index.stale-copies"]
    notes = read(index({"a": "1.safetensors", "w": "1.safetensors"}), a=[1], w=[1, 2])
    assert notes == {}, notes


def b05_tensors_that_the_index_lost():
    shard("1.safetensors", a=[1], **{"mtp.x": [5], "mtp.y": [6]})
    notes = read(index({"a": "1.safetensors"}), a=[1])
    assert "2 tensors that the index does not name" in notes["index.unnamed-tensors"] and "mtp.x in 1.safetensors" in notes["index.unnamed-tensors"], notes
    assert "loaders that read whole files take them" in notes["index.unnamed-tensors"]


def b05_shards_of_torch_save_too():
    torch.save({"a": torch.tensor([1.0]), "w": torch.tensor([9.0])}, os.path.join(DIRECTORY, "1.bin"))
    torch.save({"w": torch.tensor([2.0])}, os.path.join(DIRECTORY, "2.bin"))
    notes = read(index({"a": "1.bin", "w": "2.bin"}, "pytorch_model.bin.index.json"), a=[1], w=[2])
    assert "w in 1.bin" in notes["index.stale-copies"], notes


def b05_what_the_index_places_must_be_there():
    shard("1.safetensors", a=[1])
    shard("2.safetensors", w=[1])
    refused(index({"a": "1.safetensors", "w": "1.safetensors", "v": "2.safetensors"}), "malformed", "is not in", "where the index says it is")
    refused(index({"a": "3.safetensors"}), "io", "1 of 1 shards are missing")


def b05_an_index_that_says_two_things():
    shard("1.safetensors", a=[1])
    shard("2.safetensors", a=[2])
    refused(index('{"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}}'), "unsupported", "names 'a' twice")
    refused(index('{"weight_map": {"a": "1.safetensors"}, "weight_map": {"a": "2.safetensors"}}'), "unsupported", "two entries 'weight_map'")
    read(index('{"weight_map": {"a": "1.safetensors"}, "metadata": null}'), a=[1])


with temporary_directory() as DIRECTORY:
    run([
        b05_the_indexed_copy_counts_and_the_stale_one_is_told, b05_tensors_that_the_index_lost, b05_shards_of_torch_save_too,
        b05_what_the_index_places_must_be_there, b05_an_index_that_says_two_things,
    ])
