# SPDX-License-Identifier: Apache-2.0
"""goldseal against the safetensors library: what the library reads is not called damaged, what it cannot read is not
taken, and what goldseal writes it reads. Each header below is given to both."""
import json
import os
import struct
import sys

from support import DUMP, dump, raw, refused, run, sha256, show, temporary_directory, torch

try:
    import safetensors
    import safetensors.torch
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(125)

U8 = {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}


def write(header, data=b"", name="file.safetensors"):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = os.path.join(DIRECTORY, name)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    return path


def library_reads(path):
    with open(path, "rb") as file:
        try:
            return {name: row for name, row in safetensors.deserialize(file.read())}
        except Exception:
            return None


def entry(dtype, shape, size):
    return {"w": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}


def headers():
    """Name, header, data: of what writers have written, and what hand-made files may hold."""
    yield "null metadata", {"__metadata__": None, "w": U8}, b"ab"
    yield "empty metadata", {"__metadata__": {}, "w": U8}, b"ab"
    yield "metadata last", {"w": U8, "__metadata__": {"format": "pt"}}, b"ab"
    yield "further fields", {"w": {**U8, "note": "x", "count": 3, "deep": {"a": [1, None, {"b": [True]}]}, "none": None}}, b"ab"
    yield "further field first", {"w": {"z": [], **U8}}, b"ab"
    yield "names out of the data's order", {"b": {**U8, "data_offsets": [2, 4]}, "a": U8}, b"abcd"
    yield "empty name", {"": U8}, b"ab"
    yield "no tensors", {}, b""
    yield "empty tensor at the end", {"a": U8, "b": {"dtype": "F32", "shape": [0, 3], "data_offsets": [2, 2]}}, b"ab"
    yield "white space before", b' \n\t{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"ab"
    yield "white space behind", b'{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}} \n\t ', b"ab"
    yield "metadata key twice", b'{"__metadata__":{"a":"1","a":"2"},"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"ab"
    yield "name twice", b'{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"ab"
    yield "entry as a list", b'{"w":["U8",[2],[0,2]]}', b"ab"
    yield "70 dimensions", {"w": {"dtype": "U8", "shape": [1] * 70, "data_offsets": [0, 1]}}, b"a"
    yield "escaped names", b'{"w\\u00e9\\/":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"ab"
    yield "metadata of numbers", {"__metadata__": {"a": 1}, "w": U8}, b"ab"
    yield "metadata as a list", {"__metadata__": [], "w": U8}, b"ab"
    yield "metadata twice", b'{"__metadata__":{},"__metadata__":{},"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"ab"
    yield "field twice", b'{"w":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"ab"
    yield "fraction", b'{"w":{"dtype":"U8","shape":[2.0],"data_offsets":[0,2]}}', b"ab"
    yield "gap", {"a": U8, "b": {**U8, "data_offsets": [3, 5]}}, b"abcde"
    yield "overlap", {"a": U8, "b": U8}, b"ab"
    yield "tail", {"w": U8}, b"abc"
    yield "short", {"w": U8}, b"a"
    yield "other size", {"w": {**U8, "shape": [3]}}, b"ab"
    yield "zeros behind", b'{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}\0\0', b"ab"
    yield "null shape", {"w": {**U8, "shape": None}}, b"ab"
    yield "number for a type", {"w": {**U8, "dtype": 1}}, b"ab"
    yield "no UTF-8", b'{"w\xff":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"ab"
    for bits, types in ((4, ["F4"]), (6, ["F6_E2M3", "F6_E3M2"]), (16, ["F16", "BF16", "I16", "U16"]), (32, ["F32", "I32", "U32"]),
                        (64, ["F64", "I64", "U64", "C64"]),
                        (8, ["U8", "I8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"])):
        for dtype in types:
            yield dtype, entry(dtype, [2, 8], bits * 2), b"\1" * (bits * 2)
            yield f"{dtype} empty", entry(dtype, [0], 0), b""
            yield f"{dtype} of another size", entry(dtype, [2, 8], bits * 2 - 1), b"\1" * (bits * 2 - 1)
    yield "F4 odd", entry("F4", [3, 3], 5), b"\1" * 5
    yield "F4 odd rows", entry("F4", [2, 3], 3), b"\1" * 3
    yield "F4 scalar", entry("F4", [], 1), b"\1"
    yield "F6 across rows", entry("F6_E2M3", [2, 2], 3), b"\1" * 3
    yield "F6 odd", entry("F6_E3M2", [3], 2), b"\1" * 2
    for unknown in ("F9", "C128", "U4", "I4"):
        yield unknown, entry(unknown, [2], 2), b"\1" * 2


def what_the_library_reads_is_not_called_damaged():
    for name, header, data in headers():
        path = write(header, data)
        read, found = library_reads(path), dump(path)
        kind = found.get("error", {}).get("kind")
        if read is None:
            assert kind in ("malformed", "unsupported"), (name, found)
        else:
            assert kind in (None, "unsupported"), (name, found)
            if kind is None:
                assert found["tensors"].keys() == read.keys(), (name, found)


def b06_sub_byte_types_have_their_bytes():
    data = bytes(range(8))
    path = write(entry("F4", [2, 8], 8), data)
    row = dump(path)["tensors"]["w"]
    assert row["dtype"] == "float4_e2m1fn_x2" and row["shape"] == [2, 4], row
    if hasattr(torch, "float4_e2m1fn_x2"):
        tensor = torch.frombuffer(bytearray(data), dtype=torch.uint8).reshape(2, 4).view(torch.float4_e2m1fn_x2)
        safetensors.torch.save_file({"w": tensor}, os.path.join(DIRECTORY, "torch.safetensors"))
        assert dump(os.path.join(DIRECTORY, "torch.safetensors"))["tensors"]["w"] == row
        torch.save({"w": tensor}, os.path.join(DIRECTORY, "torch.pth"))
        saved = dump(os.path.join(DIRECTORY, "torch.pth"))["tensors"]["w"]
        assert (saved["dtype"], saved["shape"], saved["sha256"]) == (row["dtype"], row["shape"], row["sha256"]), saved
    row = dump(write(entry("F6_E2M3", [2, 4], 6), data[:6]))["tensors"]["w"]
    assert row["dtype"] == "float6_e2m3fn" and row["shape"] == [2, 4], row
    refused(write(entry("F4", [2, 3], 3), b"abc"), "unsupported", "must be even")
    refused(write(entry("F4", [3, 3], 5), b"abcde"), "malformed", "[3, 3]")
    refused(write(entry("F9", [2], 2), b"ab"), "unsupported", "unsupported: F9")


def b06_pytorchs_small_types_are_read():
    names = [f"{sign}int{bits}" for sign in ("u", "") for bits in range(1, 8)]
    names += ["bits1x8", "bits2x4", "bits4x2", "bits8", "bits16", "float4_e2m1fn_x2", "float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz"]
    for name in names:
        if not hasattr(torch, name):
            continue
        dtype = getattr(torch, name)
        size = torch.empty(0, dtype=dtype).element_size()
        tensor = torch.arange(4 * size, dtype=torch.uint8).view(dtype)
        path = os.path.join(DIRECTORY, "small.pth")
        try:
            torch.save({"w": tensor}, path)
        except Exception:  # a type that this PyTorch cannot save
            continue
        row = dump(path)["tensors"]["w"]
        assert row["dtype"] == name and row["shape"] == [4], row
        assert row["sha256"] == sha256(torch.arange(4 * size, dtype=torch.uint8)), name


def what_goldseal_writes_the_library_reads():
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.bfloat16), "c": torch.zeros(0, 4), "d": torch.tensor(3)}
    for name in ("uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz", "float4_e2m1fn_x2", "complex64"):
        if hasattr(torch, name):
            tensors[name] = torch.arange(16, dtype=torch.uint8).view(getattr(torch, name))
    source, target = os.path.join(DIRECTORY, "in.pth"), os.path.join(DIRECTORY, "out.safetensors")
    torch.save(tensors, source)
    assert dump("--convert", source, target, "") == {"tensors": len(tensors), "renamed": 0, "converted": 0}
    back = safetensors.torch.load_file(target)
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype and back[name].shape == tensor.shape, name
        assert raw(back[name]) == raw(tensor), name


def b30_a_header_beyond_the_librarys_limit():
    path = os.path.join(DIRECTORY, "many.pth")
    shared = torch.zeros(1)
    torch.save({"x" * 9500 + str(i): shared for i in range(10_700)}, path)
    target = os.path.join(DIRECTORY, "many.safetensors")
    error = dump("--convert", path, target, "")["error"]
    assert error["kind"] == "unsupported" and "safetensors reads 100 MB" in error["message"], error["message"][-200:]
    assert not os.path.exists(target)
    names = {"y" * 9500 + str(i): {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(13_800)}
    path = write(names)
    assert library_reads(path) is None
    refused(path, "unsupported", "a header of 132 MB; safetensors reads 100 MB", "several files", "torch.save")


def b32_bytes_behind_the_last_tensor():
    refused(write({"w": U8}, b"ab" + bytes(16)), "malformed", "16 bytes follow the last tensor", "appended", "save it again", without=("cut short",))


def metadata_are_told():
    found = show(write({"__metadata__": {"format": "tf", "by": "hand"}, "w": U8}, b"ab"))
    assert found["metadata"] == {"format": "tf", "by": "hand"}, found
    assert "TensorFlow" in found["notes"]["safetensors.format"], found["notes"]
    assert "safetensors.format" not in show(write({"__metadata__": {"format": "pt"}, "w": U8}, b"ab"))["notes"]
    assert "x" in show(write({"w": {**U8, "x": 1}}, b"ab"))["notes"]["safetensors.extra-fields"]


def pieces(**offsets):
    return {"__metadata__": {"DCP_SHARDING_INFO": json.dumps({name: {"saved_offsets": at} for name, at in offsets.items()}), "DCP_VERSION": "1.0", "format": "pt"},
            "w": {"dtype": "U8", "shape": [1, 2], "data_offsets": [0, 2]}}


def b17_pieces_of_a_distributed_checkpoint():
    said = ("pieces of tensors (DCP), not consolidated", "consolidate_safetensors_files", "_consolidate_hf_safetensors")
    refused(write(pieces(w=[1, 0]), b"cd", "shard-00002-model-00001-of-00001.safetensors"), "unsupported", *said, "w [1, 2] is the piece that begins at [1, 0]")
    os.remove(os.path.join(DIRECTORY, "shard-00002-model-00001-of-00001.safetensors"))
    refused(write(pieces(w=[0, 0]), b"ab", "shard-00001-model-00001-of-00001.safetensors"), "unsupported", *said, "may be the first piece")
    os.remove(os.path.join(DIRECTORY, "shard-00001-model-00001-of-00001.safetensors"))
    refused(write(pieces(w=[0, 0]), b"ab", "renamed.safetensors"), "unsupported", *said)
    assert dump(write(pieces(w=[0, 0]), b"ab", "model-00001-of-00001.safetensors"))["order"] == ["w"]
    assert "w [1, 2] is the piece" in show(write(pieces(w=[1, 0]), b"cd"))["notes"]["safetensors.pieces"]
    broken = pieces(w=[1, 0])
    broken["__metadata__"]["DCP_SHARDING_INFO"] = "{no json"
    refused(write(broken, b"cd"), "unsupported", *said)


def b17_the_files_of_all_ranks():
    """Put together by names and places: in any order, several parts of the model, a tensor in one rank alone, an empty piece.
    Refused: overlaps, gaps, files of two runs, a part of the model that no rank has, other types."""
    def folder(name, *files):
        os.makedirs(os.path.join(DIRECTORY, name))
        for rank, part, parts, at, data in files:
            header = pieces(w=at)
            header["w"]["shape"], header["w"]["data_offsets"] = [len(data) // 2, 2], [0, len(data)]
            write(header, data, f"{name}/shard-{rank:05}-model-{part:05}-of-{parts:05}.safetensors")
        return os.path.join(DIRECTORY, name)

    whole = folder("whole", (1, 1, 1, [0, 0], b"abcd"), (2, 1, 1, [2, 0], b"ef"))
    for path in (whole, whole + "/shard-00001-model-00001-of-00001.safetensors", whole + "/shard-00002-model-00001-of-00001.safetensors"):
        found = dump(path)
        assert found["container"] == "sharded-safetensors" and found["order"] == ["w"], found
        assert found["tensors"]["w"]["sha256"] == sha256(torch.tensor(list(b"abcdef"), dtype=torch.uint8)), found
        assert "a last rank's file" in found["notes"]["safetensors.pieces-joined"], found
    found = dump(folder("order", (1, 1, 1, [1, 0], b"cd"), (2, 1, 1, [0, 0], b"ab"), (3, 1, 1, [2, 0], b"")))
    assert found["tensors"]["w"]["shape"] == [2, 2], found
    refused(folder("overlap", (1, 1, 1, [0, 0], b"abcd"), (2, 1, 1, [1, 0], b"cd")), "malformed", "w")
    refused(folder("gap", (1, 1, 1, [0, 0], b"ab"), (2, 1, 1, [2, 0], b"ef")), "malformed", "w")
    refused(folder("runs", (1, 1, 1, [0, 0], b"ab"), (2, 1, 2, [1, 0], b"cd")), "malformed", "several runs")
    refused(folder("parts", (1, 1, 2, [0, 0], b"ab"), (2, 1, 2, [1, 0], b"cd")), "io", "1 of 00002 parts of the model are there")


def b17_pytorchs_own_writer():
    try:
        from torch.distributed.checkpoint import HuggingFaceStorageWriter
        import torch.distributed.checkpoint as dcp
    except ImportError:
        return
    folder = os.path.join(DIRECTORY, "hf")
    dcp.save({"w": torch.arange(8.0)}, storage_writer=HuggingFaceStorageWriter(path=folder, save_distributed=True), no_dist=True)
    files = [name for name in sorted(os.listdir(folder)) if name.endswith(".safetensors")]
    assert files and files[0].startswith("shard-"), files
    refused(os.path.join(folder, files[0]), "unsupported", "pieces of tensors (DCP)")
    from torch.distributed.checkpoint._consolidate_hf_safetensors import consolidate_safetensors_files

    out = os.path.join(DIRECTORY, "hf-out")
    os.makedirs(out)
    consolidate_safetensors_files(folder, out, {"w": 1})
    whole = [name for name in os.listdir(out) if name.endswith(".safetensors")]
    assert dump(os.path.join(out, whole[0]))["tensors"]["w"]["sha256"] == sha256(torch.arange(8.0))


assert DUMP
with temporary_directory() as DIRECTORY:
    run([
        what_the_library_reads_is_not_called_damaged, b06_sub_byte_types_have_their_bytes, b06_pytorchs_small_types_are_read,
        what_goldseal_writes_the_library_reads, b30_a_header_beyond_the_librarys_limit, b32_bytes_behind_the_last_tensor, metadata_are_told,
        b17_pieces_of_a_distributed_checkpoint, b17_the_files_of_all_ranks, b17_pytorchs_own_writer,
    ])
