# SPDX-License-Identifier: Apache-2.0
"""A worker that needs no PyTorch: y = tanh(W x), answered over the protocol (src/worker_libtorch/PROTOCOL.md) from a thread
of the test, which gives goldseal the other end (`--runtime attached=DESCRIPTOR`). It makes a whole capture or verify take a
twentieth of a second, so that a campaign can try hundreds of them."""

import hashlib
import json
import math
import os
import socket
import struct
import threading

SIZE = 8
WEIGHT = "layer.weight"
_MASK = (1 << 64) - 1


def write_safetensors(path, tensors):
    """`tensors`: (name, dtype, shape, bytes) each."""
    header, position = {}, 0
    for name, dtype, shape, data in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + len(data)]}
        position += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(tensor[3] for tensor in tensors))


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    result = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            code = {"F32": "f", "F64": "d"}[entry["dtype"]]
            result[name] = list(struct.unpack(f"<{(end - begin) // struct.calcsize(code)}{code}", body[begin:end]))
    return result


def _mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def _perturbed(name, values, perturb):
    if not perturb or ("only" in perturb and name not in perturb["only"]):
        return values
    hashed = 0xCBF29CE484222325
    for byte in name.encode():
        hashed = ((hashed ^ byte) * 0x100000001B3) & _MASK
    start = _mix(hashed ^ (perturb["seed"] & _MASK))
    result = []
    for index, value in enumerate(values):
        u = (_mix((start + (index + 1) * 0x9E3779B97F4A7C15) & _MASK) >> 11) * 2.0**-53
        xi = 2 * u - 1
        result.append(value * (1 + perturb["relative"] * xi) if value else perturb.get("zero", 0) * xi)
    return result


def _single(values):
    return list(struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values)))


class TinyWorker(threading.Thread):
    """Answers on `channel` until it is closed."""

    def __init__(self, channel):
        super().__init__(daemon=True)
        self._channel = channel
        self._nonce = ""
        self._directory = ""
        self._weight = b""

    def run(self):
        try:
            with self._channel, self._channel.makefile("r", encoding="utf-8") as lines:
                for line in lines:
                    request = json.loads(line)
                    reply = {"id": request["id"], "ok": True, **getattr(self, "on_" + request["op"])(request)}
                    self._channel.sendall((json.dumps({**reply, "nonce": self._nonce}) + "\n").encode())
                    if request["op"] == "bye":
                        return
        except (OSError, ValueError):
            pass  # the command has gone; the test looks at how

    def _path(self, name):
        return os.path.join(self._directory, name)

    def on_hello(self, request):
        self._nonce, self._directory = request["nonce"], request["run_directory"]
        return {"protocol": request["protocol"], "runtime": "tiny", "version": "1", "devices": ["cpu"],
                "builders": ["python"]}

    def on_environment(self, request):
        return {"facts": {"torch.version": {"value": "2.0.0", "origin": "a test"},
                          "numerics.threads": {"value": 1, "origin": "a test"}}}

    def on_build(self, request):
        return {"state_entries": [{"name": WEIGHT, "dtype": "float32", "shape": [SIZE, SIZE]}],
                "inputs": [{"name": "x", "dtype": "float32", "shape": [SIZE]}], "configuration": {}}

    def on_load(self, request):
        with open(self._path(request["tensors"]), encoding="utf-8") as file:
            table = json.load(file)
        for tensor in table["tensors"]:
            with open(table["files"][tensor["file"]], "rb") as file:
                file.seek(tensor["begin"] + 4 * tensor["offset"])
                self._weight = file.read(4 * SIZE * SIZE)
        return {"loaded": 1, "seconds": 0}

    def on_digest(self, request):
        digest = hashlib.sha256(self._weight).hexdigest()
        return {"tensors": [{"name": WEIGHT, "dtype": "float32", "shape": [SIZE, SIZE], "sha256": digest}]}

    def on_run(self, request):
        weight = struct.unpack(f"<{SIZE * SIZE}f", self._weight)
        x = read_safetensors(self._path(request["inputs"]))["x"]
        narrow = request["compute"] == "native"
        weight = _perturbed(WEIGHT, weight, request.get("perturb"))
        x = _perturbed("input/x", x, request.get("perturb"))
        if narrow:
            weight, x = _single(weight), _single(x)
        y = [math.tanh(sum(weight[SIZE * i + j] * x[j] for j in range(SIZE))) for i in range(SIZE)]
        code = "f" if narrow else "d"
        data = struct.pack(f"<{SIZE}{code}", *y)
        write_safetensors(self._path(request["outputs"]), [("y", "F32" if narrow else "F64", [SIZE], data)])
        return {"outputs": [{"name": "y", "dtype": "float32" if narrow else "float64", "shape": [SIZE]}], "seconds": 0}

    def on_gradients(self, request):
        return {"tensors": [{"name": WEIGHT, "elements": SIZE * SIZE, "reached": SIZE * SIZE}]}

    def on_bye(self, request):
        return {}


def attach():
    """A worker at work, and the descriptor to give to goldseal, which the caller closes."""
    ours, theirs = socket.socketpair()
    TinyWorker(ours).start()
    return theirs
