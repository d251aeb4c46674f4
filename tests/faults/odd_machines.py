# SPDX-License-Identifier: Apache-2.0
"""Users and machines that are unlike the developer's: what is odd is named or borne, and costs nobody a file (issue 20, sections
1, 6 and 9).

Kinds: kernels that lack system calls (by what the newest one is: before close_range, pidfd_open, Landlock), what lies in an
output's place and is no file (a pipe that nobody reads, whose reader comes late or stops reading; a socket; devices), an
input named as a verb's less usual output (--pae), streams that are closed or full, and limits."""

import ctypes
import fcntl
import os
import platform
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import threading
import time

import bench

# The first system call that a kernel lacks, by its version; what is missing answers ENOSYS. 4.18 is RHEL 8's.
FIRST_MISSING = {"x86_64": {"5.8": 436, "5.2": 434, "4.18": 335}, "aarch64": {"5.8": 436, "5.2": 434, "4.18": 295}}


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def older_kernel(first):
    """For preexec_fn: no system call from this number on."""
    load, at_least, answer = 0x20, 0x35, 0x06
    errno_of, enosys, allow = 0x00050000, 38, 0x7FFF0000
    lines = ((load, 0, 0, 0), (at_least, 0, 1, first), (answer, 0, 0, errno_of | enosys), (answer, 0, 0, allow))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = Program(len(lines), ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)

    def install():
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(program), 0, 0):
            os._exit(77)

    install.kept = code
    return install


def interpreter(b, text):
    """Something that goldseal starts as if it were Python."""
    path = b.work / "interpreter"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return ["--runtime", f"python={path}", "--timeout", "1"]


def test_models_run_and_end_on_older_kernels(b):
    """What is started holds nothing that it was not given: with a pipe's other end open, neither of the two would ever end."""
    b.seal()
    told = b.temporary.parent / "descriptors"
    started = interpreter(b, f"ls /proc/self/fd > {told}; exec sleep 1000")
    for version, first in FIRST_MISSING.get(platform.machine(), {}).items():
        older = older_kernel(first)
        probe = subprocess.run(["true"], preexec_fn=older, check=False)
        if probe.returncode == 77:
            return
        hung = [["verify", "net.seal", "--trust-code", "--no-sandbox", *started]]
        if version == "4.18":  # it lacks whatever the others lack; each run waits ten seconds more than it is told to
            hung.append([*b.capture, "-o", "o.seal", "--no-sandbox", *started])
        for arguments in hung:
            told.unlink(missing_ok=True)
            code, said = b.run(arguments, worker=False, preexec_fn=older)
            assert code in (2, 3), f"kernel {version}: {arguments[0]}: exit code {code}\n{said}"
            assert "a defect" not in said, said
            assert len(told.read_text().split()) <= 5, f"kernel {version}: {told.read_text()}"
        b.expect(0, ["probe"], preexec_fn=older)
        b.expect(0, ["check", "net.seal"], preexec_fn=older)
        b.expect(0, ["verify", "net.seal"], preexec_fn=older)
        b.expect(0, [*b.capture, "-o", "o.seal"], preexec_fn=older)
        shutil.rmtree(b.work / "o.seal")
        b.leaves_no_litter()


def writers(b):
    """Each verb that writes where it is told, by its output."""
    b.seal()
    b.must(["check", "net.seal", "--report", "json=run.json"])
    return [lambda o: ["probe", "-o", o], lambda o: ["bom", "net.seal", "-o", o], lambda o: ["sign", "net.seal", "--pae", o],
            lambda o: ["attest", "run.json", "--pae", o], lambda o: ["check", "net.seal", "--report", f"json={o}"],
            lambda o: ["report", "run.json", "--report", f"html={o}"], lambda o: ["merge", "run.json", "--report", f"json={o}"]]


def test_a_pipe_that_nobody_reads_is_not_waited_for(b):
    for verb in writers(b):
        os.mkfifo(b.work / "pipe")
        if verb("pipe")[0] == "probe":  # the one that waits; what comes of a request to stop is tried for all
            b.expect(2, verb("pipe"), "nobody reads this pipe")
        process = b.start(verb("pipe"))
        time.sleep(0.4)
        assert process.poll() is None, "it did not wait for a reader"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=5)
        assert process.returncode == -signal.SIGINT, (verb("pipe"), process.returncode)
        assert stat.S_ISFIFO((b.work / "pipe").stat().st_mode)
        (b.work / "pipe").unlink()
    b.leaves_no_litter()


def test_a_pipes_reader_may_come_late_and_read_slowly(b):
    verb = writers(b)[-2]
    b.must(verb("page.html"))
    os.mkfifo(b.work / "pipe")
    read = []

    def reads():
        time.sleep(0.3)
        with open(b.work / "pipe", "rb", buffering=0) as pipe:
            while part := pipe.read(30_000):
                read.append(part)
                time.sleep(0.02)

    thread = threading.Thread(target=reads)
    thread.start()
    b.expect(0, verb("pipe"))
    thread.join()
    assert len(b"".join(read)) == (b.work / "page.html").stat().st_size

    # One that stops reading leaves a request to stop to end it.
    pipe = os.open(b.work / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(pipe, 1031, 4096)  # F_SETPIPE_SZ
    process = b.start(verb("pipe"))
    while not select.select([pipe], [], [], 1)[0]:
        assert process.poll() is None, "nothing was written"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=5)
    os.close(pipe)
    assert process.returncode == -signal.SIGTERM, process.returncode


def test_sockets_and_devices_stay_what_they_are(b):
    for verb in writers(b):
        listening = socket.socket(socket.AF_UNIX)
        os.chdir(b.work)
        listening.bind("socket")
        b.expect(2, verb("socket"), "error: ")
        assert stat.S_ISSOCK((b.work / "socket").stat().st_mode)
        (b.work / "socket").unlink()
        listening.close()
        b.expect(0, verb("/dev/null"))
        b.expect(2, verb("/dev/full"), "No space left on device")


def test_the_bytes_to_sign_replace_no_input(b):
    writers(b)
    before = {path: path.read_bytes() for path in (b.work / "net.seal").iterdir()}
    before[b.work / "run.json"] = (b.work / "run.json").read_bytes()
    (b.work / "link").symlink_to("run.json")
    os.link(b.work / "run.json", b.work / "hard")
    for name in ("run.json", "./run.json", "link", "hard"):
        b.expect(2, ["attest", "run.json", "--pae", name], "it is an input of this run")
    (b.work / "into").symlink_to("net.seal")
    for name in ("net.seal/manifest.toml", "net.seal/golden.safetensors", "net.seal/new.bin", "into/new.bin"):
        b.expect(2, ["sign", "net.seal", "--pae", name], "this file would lie in a seal")
    assert all(path.read_bytes() == data for path, data in before.items())
    assert sorted(path.name for path in (b.work / "net.seal").iterdir()) == sorted(path.name for path in before if path.parent.name == "net.seal")


if __name__ == "__main__":
    bench.main(dict(globals()))
