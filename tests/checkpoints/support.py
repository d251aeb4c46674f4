# SPDX-License-Identifier: Apache-2.0
"""What the scripts of this directory share: the dump program, and the expectation that PyTorch sets."""
import hashlib
import json
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy
    import torch
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(125)

warnings.filterwarnings("ignore")
DUMP = sys.argv[1]


def dump(path, *arguments):
    """What goldseal reads: the tensor table, or {"error": …}."""
    done = subprocess.run([DUMP, str(path), *arguments], stdout=subprocess.PIPE, timeout=300)
    assert done.returncode in (0, 1), f"{path}: exit code {done.returncode}"
    return json.loads(done.stdout)


def raw(tensor):
    """The bytes of a tensor's elements in row-major order."""
    tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.int_repr()
    tensor = tensor.contiguous()
    if tensor.numel() == 0:
        return b""
    try:
        return tensor.numpy().tobytes()
    except TypeError:  # an element type that numpy lacks
        return tensor.reshape(-1).view(torch.uint8).numpy().tobytes()


def sha256(tensor):
    return hashlib.sha256(raw(tensor)).hexdigest()


def compare(path, expected, *arguments):
    """Asserts that goldseal reads `expected`, a dict of tensors, from the file, in that order; returns the dump."""
    found = dump(path, *arguments)
    assert "error" not in found, f"{path}: {found}"
    assert found["order"] == list(expected), f"{path}: {found['order']}"
    for name, tensor in expected.items():
        row = found["tensors"][name]
        assert row["dtype"] == str(tensor.dtype).replace("torch.", ""), f"{path}: {name}: {row['dtype']}"
        assert row["shape"] == list(tensor.shape), f"{path}: {name}: {row['shape']}"
        assert row["strides"] == list(tensor.stride()), f"{path}: {name}: {row['strides']} {tensor.stride()}"
        assert row["offset"] == tensor.storage_offset(), f"{path}: {name}: {row['offset']}"
        assert row["sha256"] == sha256(tensor), f"{path}: {name}: other bytes"
    with open(path, "rb") as file:
        assert found["whole"] == hashlib.sha256(file.read()).hexdigest(), f"{path}: other file digest"
    return found


def show(path, *arguments):
    """What `inspect` sees of it."""
    return dump("--show", str(path), *arguments)


def refused(path, kind, *parts, without=()):
    """Asserts that goldseal makes no state dict of the file, and says why and what to do in these words."""
    found = dump(path).get("error")
    assert found and found["kind"] == kind, (kind, found)
    text = found["message"] + " | " + found["remedy"]
    for part in parts:
        assert part in text, f"{part!r} not in {text!r}"
    for part in without:
        assert part not in text, f"{part!r} in {text!r}"
    return found


def temporary_directory():
    return tempfile.TemporaryDirectory(prefix="goldseal-")


def run(cases):
    """Runs every function; prints one line each."""
    for case in cases:
        case()
        print(f"ok  {case.__name__}")
