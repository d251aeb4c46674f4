# SPDX-License-Identifier: Apache-2.0
"""Starts a worker and speaks PROTOCOL.md with it; what the tests of this directory share."""
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError:
    print("skipped: this Python has no numpy")
    sys.exit(125)

NUMPY_TYPES = {"F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1", "U8": "u1", "BOOL": "?"}
TORCH_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
               "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool"}

WORKER = None  # the program that is tested and its arguments; main() sets it


class Refused(Exception):
    """A reply with ok: false."""

    def __init__(self, error):
        super().__init__(f"{error['kind']}: {error['message']}")
        self.error = error
        self.kind = error["kind"]
        self.message = error["message"]
        self.where = error.get("where", "")
        self.remedy = error.get("remedy", "")


class Worker:
    """One worker process with its run directory; a context manager that leaves neither behind."""

    def __init__(self, command, greet=True, environment=None, **hello):
        self.directory = tempfile.mkdtemp(prefix="goldseal-test-")
        self.nonce = secrets.token_hex(8)
        self.last_id = 0
        self.stderr_path = os.path.join(self.directory, "stderr")
        ours, theirs = socket.socketpair()
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                   (os.POSIX_SPAWN_OPEN, 2, self.stderr_path, os.O_WRONLY | os.O_CREAT, 0o600),
                   (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)]
        self.pid = os.posix_spawn(command[0], command, dict(os.environ, **(environment or {})), file_actions=actions)
        theirs.close()
        self.socket = ours
        self.reader = ours.makefile("rb")
        if greet:
            self.greeting = self.hello(**hello)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Closes the socket and returns the exit status."""
        if self.pid is None:
            return None
        self.reader.close()
        self.socket.close()
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        shutil.rmtree(self.directory)
        return os.waitstatus_to_exitcode(status)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def wait(self):
        """Waits for the worker to leave on its own; returns (exit status, its stderr)."""
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        with open(self.stderr_path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        self.reader.close()
        self.socket.close()
        shutil.rmtree(self.directory)
        return os.waitstatus_to_exitcode(status), text

    def send_bytes(self, line):
        self.socket.sendall(line)

    def receive(self):
        line = self.reader.readline()
        if not line:
            raise EOFError("the worker has closed its end")
        return json.loads(line)

    def ask(self, op, **members):
        """Sends a request and returns the reply's members; raises Refused."""
        self.last_id += 1
        self.send_bytes(json.dumps({"id": self.last_id, "op": op, **members}).encode() + b"\n")
        reply = self.receive()
        assert reply["id"] == self.last_id, reply
        assert reply["nonce"] == self.nonce, reply
        if not reply["ok"]:
            raise Refused(reply["error"])
        return reply

    def hello(self, **members):
        return self.ask("hello", nonce=self.nonce, **{"protocol": 3, "run_directory": self.directory, **members})

    def path(self, name):
        return os.path.join(self.directory, name)

    def load(self, tensors):
        """tensors: name -> numpy array. Writes them to a file and loads them from it."""
        names = list(tensors)
        entries = []
        with open(self.path("weights.bin"), "wb") as file:
            for name in names:
                array = np.asarray(tensors[name])
                file.write(b"\0" * (-file.tell() % 64))
                entries.append(assignment(name, array, file.tell()))
                file.write(array.tobytes())
        self.write_json("tensors.json", {"files": ["weights.bin"], "tensors": entries})
        return self.ask("load", tensors="tensors.json")

    def write_json(self, name, document):
        with open(self.path(name), "w", encoding="utf-8") as file:
            json.dump(document, file)

    def run(self, inputs, compute="native", **members):
        """inputs: name -> numpy array. Returns (outputs by name, the reply)."""
        write_safetensors(self.path("inputs.safetensors"), inputs)
        reply = self.ask("run", inputs="inputs.safetensors", outputs="outputs.safetensors", compute=compute, **members)
        return read_safetensors(self.path("outputs.safetensors")), reply


def build(process, module):
    """A module of modules.py: as a TorchScript archive where the worker is LibTorch's, else by its class's name."""
    if "python" in process.greeting["builders"]:
        kind = type(module)
        return process.ask("build", builder="python", source=f"{kind.__module__}:{kind.__qualname__}")
    import torch
    torch.jit.script(module).save(process.path("net.pt"))
    return process.ask("build", builder="torchscript", source="net.pt", options={})


def assignment(name, array, begin):
    """A `tensors` entry for a contiguous array whose bytes begin there."""
    strides = [stride // array.itemsize for stride in np.empty(array.shape, array.dtype).strides]
    return {"state_entry": name, "file": 0, "begin": begin, "bytes": array.nbytes, "dtype": torch_name(array.dtype),
            "shape": list(array.shape), "strides": strides, "offset": 0}


def torch_name(dtype):
    for code, numpy_type in NUMPY_TYPES.items():
        if np.dtype(numpy_type) == dtype:
            return TORCH_NAMES[code]
    raise ValueError(dtype)


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, array in tensors.items():
        code = next(code for code, numpy_type in NUMPY_TYPES.items() if np.dtype(numpy_type) == array.dtype)
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in tensors.values():
            file.write(array.tobytes())


def read_safetensors(path):
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[begin:end], NUMPY_TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors



def worker(**members):
    """A worker of the program that the command line names."""
    return Worker(WORKER, **members)


def main():
    """Runs the calling script's unittest cases: SCRIPT "WORKER [ARGUMENT...]". Exit code 125, skipped, if this Python has no torch."""
    global WORKER
    try:
        import torch  # noqa: F401
    except ImportError:
        print("skipped: this Python has no torch")
        sys.exit(125)
    WORKER = shlex.split(sys.argv.pop(1))
    unittest.main(module="__main__")
