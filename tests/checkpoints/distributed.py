# SPDX-License-Identifier: Apache-2.0
"""Tensors that torch.distributed.checkpoint saved in pieces: two processes over gloo, and pieces laid out by hand."""
import os
import pickle
import sys

from support import DUMP, dump, run, sha256, temporary_directory, torch

try:
    import torch.distributed.checkpoint as checkpoint
    from torch.distributed.checkpoint.metadata import ChunkStorageMetadata, MetadataIndex
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FullyShardedDataParallel, StateDictType, fully_shard
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(125)


def path_of(name):
    return os.path.join(DIRECTORY, name)


def whole_tensors():
    torch.manual_seed(0)
    return {
        "rows": torch.arange(35.0).reshape(7, 5), "columns": torch.arange(35.0).reshape(7, 5),
        "middle": torch.randn(4, 6, 3), "last": torch.randn(4, 6, 3).half(), "odd": torch.randn(5, 3),
        "replicated": torch.arange(3), "scalar": torch.tensor(2.5), "single_row": torch.ones(1, 2),
    }


PLACEMENTS = {"rows": 0, "columns": 1, "middle": 1, "last": 2, "odd": 0, "single_row": 0}


def network():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 3))


def save_as_rank(rank, directory):
    """What each of two processes of a training does at its end."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{directory}/store", rank=rank, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    state = {}
    for name, tensor in whole_tensors().items():
        place = [Shard(PLACEMENTS[name])] if name in PLACEMENTS else [Replicate()]
        state[name] = distribute_tensor(tensor, mesh, place) if tensor.dim() else tensor
    checkpoint.save({"model": state, "epoch": 3}, checkpoint_id=f"{directory}/sharded")
    model = network()
    fully_shard(model, mesh=mesh)
    checkpoint.save({"model": model.state_dict()}, checkpoint_id=f"{directory}/fsdp2")
    model = FullyShardedDataParallel(network(), use_orig_params=True, device_id=torch.device("cpu"))
    with FullyShardedDataParallel.state_dict_type(model, StateDictType.SHARDED_STATE_DICT):
        checkpoint.save({"model": model.state_dict()}, checkpoint_id=f"{directory}/fsdp1")
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def expect(path, state):
    found = dump(path)
    assert "error" not in found and not found["notes"], found
    assert sorted(found["order"]) == sorted(state), found["order"]
    for name, tensor in state.items():
        row = found["tensors"][name]
        assert row["shape"] == list(tensor.shape) and row["sha256"] == sha256(tensor), (path, name, row)


def pieces_of_two_ranks_are_put_together():
    expect(path_of("sharded"), whole_tensors())


def members_of_enums_as_early_python_3_11_pickles_them_are_read():
    """Debian 12's Python 3.11.2 writes getattr(CLASS, NAME) where others write CLASS(VALUE)."""
    from torch.distributed.checkpoint.metadata import _MEM_FORMAT_ENCODING as kind
    usual = kind.__reduce_ex__
    tensors = whole_tensors()
    try:
        kind.__reduce_ex__ = lambda member, protocol: (getattr, (kind, member.name))
        checkpoint.save({"model": tensors}, checkpoint_id=path_of("enums"), no_dist=True)
        with open(path_of("enums/.metadata"), "rb") as file:
            assert b"getattr" in file.read()
    finally:
        kind.__reduce_ex__ = usual
    expect(path_of("enums"), tensors)


def both_kinds_of_fsdp_are_put_together():
    expect(path_of("fsdp1"), network().state_dict())
    expect(path_of("fsdp2"), network().state_dict())


def they_are_converted_to_one_file_that_pytorch_loads():
    for ending in ("pth", "safetensors"):
        output = path_of("joined." + ending)
        result = dump("--convert", path_of("sharded"), output, "")
        assert result.get("tensors") == len(whole_tensors()), result
        expect(output, whole_tensors())
    loaded = torch.load(path_of("joined.pth"), weights_only=True)
    for name, tensor in whole_tensors().items():
        assert torch.equal(loaded[name], tensor), name


def they_are_compared_with_one_file():
    torch.save(whole_tensors(), path_of("whole.pth"))
    assert dump("--diff", path_of("sharded"), path_of("whole.pth"))["equal"] == len(whole_tensors())
    other = whole_tensors()
    other["columns"][6, 4] += 1
    torch.save(other, path_of("other.pth"))
    changed = dump("--diff", path_of("sharded"), path_of("other.pth"))["changed"]
    assert list(changed) == ["columns"] and changed["columns"]["differing"] == 1, changed


def a_changed_byte_of_a_piece_is_noticed():
    part = os.path.join(path_of("fsdp2"), "__1_0.distcp")
    with open(part, "rb") as file:
        data = bytearray(file.read())
    for at in range(0, len(data), 97):
        changed = bytearray(data)
        changed[at] ^= 4
        with open(part, "wb") as file:
            file.write(changed)
        found = dump(path_of("fsdp2"))
        assert "error" in found or found["notes"], f"byte {at} changed, and nothing said"
    with open(part, "wb") as file:
        file.write(data)
    expect(path_of("fsdp2"), network().state_dict())


def a_rank_whose_file_was_not_copied_is_named():
    os.rename(os.path.join(path_of("fsdp2"), "__1_0.distcp"), path_of("kept"))
    error = dump(path_of("fsdp2"))["error"]
    os.rename(path_of("kept"), os.path.join(path_of("fsdp2"), "__1_0.distcp"))
    assert "__1_0.distcp is missing" in error["message"] and "every rank" in error["remedy"], error


def lay_out(name, value, boxes, claimed=None):
    """A checkpoint of one tensor whose pieces are `boxes`; the metadata says that they are at `claimed`."""
    parts = {f"p{i:03}": value[box].clone() for i, box in enumerate(boxes)}
    checkpoint.save(parts, checkpoint_id=path_of(name), no_dist=True)
    path = os.path.join(path_of(name), ".metadata")
    with open(path, "rb") as file:
        metadata = pickle.load(file)
    chunks, storage = [], {}
    for i, box in enumerate(claimed or boxes):
        at = torch.Size(s.start for s in box)
        chunks.append(ChunkStorageMetadata(at, torch.Size(s.stop - s.start for s in box)))
        storage[MetadataIndex("w", at, i)] = metadata.storage_data[MetadataIndex(f"p{i:03}", torch.Size([0] * value.dim()), 0)]
    described = metadata.state_dict_metadata["p000"]
    described.size, described.chunks = value.shape, chunks
    metadata.state_dict_metadata, metadata.storage_data, metadata.planner_data = {"w": described}, storage, {"w": ("w",)}
    with open(path, "wb") as file:
        pickle.dump(metadata, file, protocol=4)
    return path_of(name)


def boxes_of(*rows):
    return [tuple(slice(begin, end) for begin, end in row) for row in rows]


def pieces_in_any_layout_are_put_together():
    value = torch.arange(24.0).reshape(4, 6)
    grid = boxes_of(((0, 2), (0, 3)), ((0, 2), (3, 6)), ((2, 4), (0, 3)), ((2, 4), (3, 6)))
    bricks = boxes_of(((0, 1), (0, 6)), ((1, 3), (0, 2)), ((1, 4), (2, 6)), ((3, 4), (0, 2)))
    pinwheel = boxes_of(((0, 1), (0, 4)), ((0, 3), (4, 6)), ((1, 4), (0, 2)), ((3, 4), (2, 6)), ((1, 3), (2, 4)))
    for layout in (grid, bricks, pinwheel, grid[::-1]):
        expect(lay_out("layout", value, layout), {"w": value})
    deep = torch.randn(3, 2, 5, 2)
    halves = boxes_of(((0, 3), (0, 2), (0, 2), (0, 2)), ((0, 3), (0, 2), (2, 5), (0, 2)))
    expect(lay_out("deep", deep, halves), {"w": deep})
    large = torch.arange(400_000, dtype=torch.int64).reshape(2, 200_000)
    expect(lay_out("large", large, boxes_of(((0, 2), (0, 150_000)), ((0, 2), (150_000, 200_000)))), {"w": large})


def pieces_that_do_not_fill_the_tensor_are_refused_with_what_is_missing():
    value = torch.arange(24.0).reshape(4, 6)
    gap = boxes_of(((0, 2), (0, 6)), ((2, 4), (0, 5)))
    error = dump(lay_out("gap", value, gap))["error"]
    assert "'w' is not whole: no piece holds its elements [2:4, 5:6]" in error["message"], error
    error = dump(lay_out("cut", value, boxes_of(((0, 1), (0, 6)), ((3, 4), (0, 6)))))["error"]
    assert "[1:3, :]" in error["message"] and "every rank" in error["remedy"], error


def pieces_that_overlap_are_refused_with_their_files():
    value = torch.arange(24.0).reshape(4, 6)
    error = dump(lay_out("overlap", value, boxes_of(((0, 3), (0, 6)), ((2, 4), (0, 6)))))["error"]
    assert "overlap" in error["message"] and "both hold its elements [2:3, 0:6]" in error["message"], error
    assert error["message"].count("__0_0.distcp at byte") == 2, error


def pieces_that_are_not_what_the_metadata_says_are_refused():
    value = torch.arange(24.0).reshape(4, 6)
    rows = boxes_of(((0, 2), (0, 6)), ((2, 4), (0, 6)))
    error = dump(lay_out("outside", value, rows, boxes_of(((0, 2), (0, 6)), ((3, 5), (0, 6)))))["error"]
    assert "a piece of 'w' lies outside of it" in error["message"], error
    error = dump(lay_out("shape", value, rows, boxes_of(((0, 1), (0, 6)), ((1, 4), (0, 6)))))["error"]
    assert "'w' has the shape [2, 6] in its file, and another in the metadata" in error["message"], error


if __name__ == "__main__":
    if len(sys.argv) > 2:
        save_as_rank(int(sys.argv[2]), sys.argv[3])
        sys.stdout.flush()
        os._exit(0)  # PyTorch's own threads may still run, and would end the process by std::terminate
    import subprocess
    with temporary_directory() as DIRECTORY:
        ranks = [subprocess.Popen([sys.executable, "-B", __file__, DUMP, str(rank), DIRECTORY]) for rank in range(2)]
        assert [rank.wait(timeout=300) for rank in ranks] == [0, 0]
        run([
            pieces_of_two_ranks_are_put_together, members_of_enums_as_early_python_3_11_pickles_them_are_read, both_kinds_of_fsdp_are_put_together,
            they_are_converted_to_one_file_that_pytorch_loads, they_are_compared_with_one_file,
            a_changed_byte_of_a_piece_is_noticed, a_rank_whose_file_was_not_copied_is_named,
            pieces_in_any_layout_are_put_together,
            pieces_that_do_not_fill_the_tensor_are_refused_with_what_is_missing,
            pieces_that_overlap_are_refused_with_their_files, pieces_that_are_not_what_the_metadata_says_are_refused,
        ])
