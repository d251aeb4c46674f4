# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: a directory with a tiny model and its seal, and the command run in it. No PyTorch is
needed: tiny_worker answers."""

import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tiny_worker

LIMIT = 60


def write_npy(path, values):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(values)},), }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    data = struct.pack(f"<{len(values)}f", *values)
    pathlib.Path(path).write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)


def write_weights(path, offset=0, prefix=""):
    size = tiny_worker.SIZE
    weight = struct.pack(f"<{size * size}f", *(((7 * i + offset) % 13 - 6) / 10 for i in range(size * size)))
    tiny_worker.write_safetensors(path, [(prefix + tiny_worker.WEIGHT, "F32", [size, size], weight)])


class Bench:
    """`home/work` is the working directory, `home/tmp` is TMPDIR."""

    def __init__(self, goldseal, root):
        self.goldseal = os.path.realpath(goldseal)
        self.home = pathlib.Path(os.path.realpath(root)) / "home"
        self.work = self.home / "work"
        self.temporary = self.home / "tmp"
        for directory in (self.home, self.work, self.temporary):
            directory.mkdir()
        write_weights(self.work / "net.safetensors")
        write_npy(self.work / "x.npy", [0.2 * (i + 1) for i in range(tiny_worker.SIZE)])

    capture = ["capture", "net.safetensors", "--model", "python:nothing:nothing", "--input", "x=x.npy"]

    def seal(self, name="net.seal", *more):
        self.must([*self.capture, "-o", name, *more])

    def environment(self, **more):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GOLDSEAL_")}
        # A fixed time makes the same run write the same bytes.
        environment.update(TMPDIR=str(self.temporary), SOURCE_DATE_EPOCH="1700000000", NO_COLOR="1", LC_ALL="C.UTF-8")
        return {key: value for key, value in {**environment, **more}.items() if value is not None}

    def start(self, arguments, environment=None, worker=None, **popen):
        """The command, with a worker where the verb runs the model."""
        arguments = [os.fsencode(argument) for argument in arguments]
        worker = worker if worker is not None else arguments[0] in (b"capture", b"verify") and b"--results" not in arguments
        end = worker if hasattr(worker, "fileno") else tiny_worker.attach() if worker else None
        if end is not None:
            arguments += [b"--runtime", f"attached={end.fileno()}".encode()]
        popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": self.work, **popen}
        try:
            return subprocess.Popen([self.goldseal, *arguments], env=environment or self.environment(),
                                    pass_fds=(end.fileno(),) if end is not None else (), **popen)
        finally:
            if end is not None:
                end.close()

    def run(self, arguments, environment=None, worker=None, **popen):
        """The exit code, and what was said, on standard output and error; code None for a command that hangs."""
        process = self.start(arguments, environment, worker, **popen)
        try:
            out, err = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None, "it hangs"
        return process.returncode, ((out or b"") + (err or b"")).decode("utf-8", "replace")

    def must(self, arguments, **more):
        self.expect(0, arguments, **more)

    def expect(self, code, arguments, says="", **more):
        """`code`: one, or several that are right. Gives what was said."""
        found, said = self.run(arguments, **more)
        shown = said if len(said) < 3000 else said[:2000] + "\n…\n" + said[-900:]
        allowed = code if isinstance(code, tuple) else (code,)
        assert found in allowed, f"{arguments}: exit code {found} instead of {code}\n{shown}"
        flat = " ".join(said.split())
        for text in [says] if isinstance(says, str) else says:
            assert text in flat, f"{arguments}: expected to read «{text}» in:\n{shown}"
        return said

    def leaves_no_litter(self):
        """Nothing half-written lies about, and nothing in TMPDIR."""
        litter = [str(path) for path in self.home.rglob("*.partial")] + os.listdir(self.temporary)
        assert not litter, f"litter: {litter}"


def main(tests):
    """Runs the functions of a test file, each with a directory of its own: FILE.py GOLDSEAL [NAME …]"""
    chosen = sys.argv[2:]
    failed = 0
    for name, test in tests.items():
        if not name.startswith("test_") or (chosen and name not in chosen):
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root:
            try:
                test(Bench(sys.argv[1], root))
                print(f"proved: {name}")
            except Exception as error:
                failed += 1
                traceback.print_exc(limit=-2)
                print(f"not proved: {name}: {error}", file=sys.stderr)
    sys.exit(1 if failed else 0)


def signalled(process, number, within):
    """Sends a signal and gives the exit code; None where it takes longer than `within` seconds."""
    process.send_signal(number)
    try:
        process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return None
    return process.returncode
