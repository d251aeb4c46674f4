# SPDX-License-Identifier: Apache-2.0
"""Each fault of the machine has its own name and exit code, and none is taken for damage or for the model's failure (review A8,
A9, A10, A18, A21; faults 1, 2, 3, 5, 6, 7, 8, 13; issue 20, section 6).

Kinds: what cannot be read and why, what changes while it is read and how, what cannot be written to (streams, limits), what
the system does not give (threads, descriptors, memory, time), signals, and texts without measure."""

import ctypes
import errno
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import bench
import tiny_worker


# A sanitizer needs terabytes of address space, and looks for leaks by tracing.
SANITIZED = bool(os.environ.get("SANITIZED"))


def sparse(path, size, name="w", dtype="F32"):
    """A safetensors file of zeros that take no room on the disk."""
    header = json.dumps({name: {"dtype": dtype, "shape": [size // (4 if dtype == "F32" else 1)], "data_offsets": [0, size]}}).encode()
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)


def sparse_seal(b, size):
    """A seal, whole but for its golden file, which is so large that digesting it takes minutes."""
    b.seal()
    golden = b.work / "net.seal" / "golden.safetensors"
    with open(golden, "r+b") as file:
        file.truncate(size)


def injected(b, arguments, *faults, **more):
    """Under strace, with system calls that fail; None where there is no strace that may trace."""
    strace = shutil.which("strace")
    if SANITIZED or strace is None or subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True, check=False).returncode:
        return None
    options = [option for fault in faults for option in ("-e", f"inject={fault}")]
    wrapped = bench.Bench.__new__(bench.Bench)
    wrapped.__dict__.update(b.__dict__)
    wrapped.goldseal = strace
    return wrapped.run(["-f", "-qq", "-o", os.devnull, *options, b.goldseal, *arguments], **more)


# --- cannot be read ----------------------------------------------------------------------------------------------------------


def unreadable(b, name):
    """Commands of another user cannot read it: root reads everything."""
    (b.work / name).chmod(0)
    for directory in (b.home, b.work, b.temporary, b.home.parent):
        directory.chmod(0o777)
    return {"user": 65534, "extra_groups": []} if os.geteuid() == 0 else {}


def test_faults_2_a_checkpoint_that_may_not_be_read_is_not_damaged(b):
    b.seal()
    if os.geteuid() == 0 and not os.access(b.goldseal, os.X_OK):
        return
    as_other = unreadable(b, "net.safetensors")
    for verb in ("check", "verify", "inspect"):
        target = "net.seal" if verb != "inspect" else "net.safetensors"
        said = b.expect(2, [verb, target], "Permission denied", **as_other)
        assert "DAMAGED" not in said and "damaged" not in said, said
    (b.work / "net.safetensors").chmod(0o644)
    for name in ("manifest.toml", "golden.safetensors"):
        unreadable(b, f"net.seal/{name}")
        said = b.expect(2, ["check", "net.seal"], ["Permission denied", name], **as_other)
        assert "DAMAGED" not in said, said
        (b.work / "net.seal" / name).chmod(0o644)


def test_faults_2_no_descriptor_no_disk_and_no_room_are_not_damage(b):
    b.seal()
    for fault in ("EMFILE", "ENFILE", "EIO", "ENOSPC", "EROFS", "EACCES", "ENOMEM", "ESTALE", "ETIMEDOUT"):
        for when in range(1, 60):
            found = injected(b, ["check", "net.seal"], f"openat:error={fault}:when={when}")
            if found is None:
                return
            code, said = found
            assert code in (0, 1, 2, 3, 127), f"{fault} at open {when}: exit code {code}\n{said}"
            assert "DAMAGED" not in said, said
            if when > 12 and fault != "EIO":
                break


def test_faults_10_EINTR_of_reading_calls_delays_and_no_more(b):
    b.seal()
    for when in range(1, 40):
        found = injected(b, ["check", "net.seal"], f"openat:error=EINTR:when={when}")
        if found is None:
            return
        # 127: of the loader, which bears none.
        assert found[0] in (0, 127), (when, found)


# --- B10: changes while it is read ------------------------------------------------------------------------------------------------


def test_A8_a_file_that_is_cut_short_while_it_is_read_is_told(b):
    """Not a bus error: of the parser, of digests, of a comparison, of a conversion."""
    for arguments in (["diff", "large.safetensors", "net.safetensors"], ["convert", "large.safetensors", "-o", "out.pth"],
                      ["inspect", "large.safetensors", "--values"]):
        sparse(b.work / "large.safetensors", 3 << 30)
        process = b.start(arguments)
        time.sleep(0.3)
        assert process.poll() is None, f"{arguments} was too fast"
        os.truncate(b.work / "large.safetensors", 4096)
        out, err = process.communicate(timeout=60)
        said = (out + err).decode()
        assert process.returncode == 2, (arguments, process.returncode, said)
        assert "large.safetensors" in said and "while it was read" in said, said
        assert not (b.work / "out.pth").exists()
        b.leaves_no_litter()


def test_A18_chmod_and_hard_links_are_no_change(b):
    b.seal()
    stop = threading.Event()

    def touch():
        while not stop.is_set():
            (b.work / "net.safetensors").chmod(0o640)
            os.link(b.work / "net.safetensors", b.work / "hard")
            (b.work / "hard").unlink()
            (b.work / "net.safetensors").chmod(0o644)

    thread = threading.Thread(target=touch)
    thread.start()
    try:
        for _ in range(10):
            b.expect(0, ["check", "net.seal"])
            b.expect(0, ["verify", "net.seal"])
    finally:
        stop.set()
        thread.join()


def test_a_checkpoint_that_is_written_to_while_it_is_read_is_not_damaged(b):
    b.seal()
    data = (b.work / "net.safetensors").read_bytes()
    stop = threading.Event()
    rests = []  # when a busy machine stopped the writer, and the file was cut short for longer than two writes take

    def rewrite():
        while not stop.is_set():
            begin = time.monotonic()
            with open(b.work / "net.safetensors", "wb", buffering=0) as file:  # cut short, then whole again
                file.write(data[:40])
                file.write(data[40:])
            end = time.monotonic()
            if end - begin > 0.0002:
                rests.append((begin, end))

    def timed():
        begin = time.monotonic()
        return b.run(["check", "net.seal"])[0], begin, time.monotonic()

    thread = threading.Thread(target=rewrite)
    thread.start()
    try:
        runs = [timed() for _ in range(60)]
    finally:
        stop.set()
        thread.join()
    # 4 is an accusation, except where the file was at rest at the wrong moment: it is then another file, seen as it is.
    codes = [code for code, _, _ in runs]
    assert set(codes) <= {0, 2, 4} and codes.count(4) <= len(codes) // 10, codes
    for code, begin, end in runs:
        assert code != 4 or any(at < end and begin < until for at, until in rests), codes


def exchange(one, other):
    if ctypes.CDLL(None, use_errno=True).renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def replacing(b, one, other, body):
    """Runs `body` while two seals change places all the time."""
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            exchange(one, other)
            time.sleep(0.0005)

    try:
        exchange(one, other)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOSYS):
            return
        raise
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        body()
    finally:
        stop.set()
        thread.join()


def test_faults_5_a_seal_that_is_replaced_while_it_is_read_is_seen_whole(b):
    b.seal("one.seal")
    bench.write_npy(b.work / "x.npy", [0.7] * tiny_worker.SIZE)
    b.seal("other.seal")
    codes = []

    def read():
        codes.extend(b.run(["check", "one.seal"])[0] for _ in range(100))
        codes.extend(b.run(["verify", "one.seal"])[0] for _ in range(25))

    replacing(b, b.work / "one.seal", b.work / "other.seal", read)
    assert set(codes) <= {0, 2}, {code: codes.count(code) for code in codes}


def test_faults_5_a_seal_that_is_removed_and_written_anew_is_seen_whole_or_is_not_there(b):
    b.seal("one.seal")
    stop = threading.Event()

    def renew():
        while not stop.is_set():
            shutil.copytree(b.work / "one.seal", b.work / "next.seal")
            try:
                exchange(b.work / "one.seal", b.work / "next.seal")
            except OSError:
                stop.set()
            shutil.rmtree(b.work / "next.seal")

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        codes = [b.run(["check", "one.seal"])[0] for _ in range(80)]
    finally:
        stop.set()
        thread.join()
    assert set(codes) <= {0, 2}, {code: codes.count(code) for code in codes}


def test_faults_5_a_seal_that_is_copied_over_is_not_called_damaged_while_it_changes(b):
    b.seal("one.seal")
    bench.write_npy(b.work / "x.npy", [0.7] * tiny_worker.SIZE)
    b.seal("other.seal")
    shutil.copytree(b.work / "one.seal", b.work / "target.seal")
    for name in ("manifest.toml", "golden.safetensors"):
        shutil.copy(b.work / "other.seal" / name, b.work / "target.seal")
        # Half of it is there: for good that is damage.
        if name == "manifest.toml":
            b.expect(4, ["check", "target.seal"])
    b.expect(0, ["check", "target.seal"])


# --- cannot be written to ----------------------------------------------------------------------------------------------------


def broken_pipe():
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def test_faults_1_an_unwritable_stream_changes_no_exit_code(b):
    b.seal()
    (b.work / "broken.pth").write_bytes(b"PK\3\4 no archive")
    verbs = {  # what each ends with where all can be said
        ("check", "nosuch.seal"): 2, ("check", "net.seal"): 0, ("inspect", "broken.pth"): 4, ("nosuchverb",): 2, ("check",): 2,
        ("explain", "nosuch"): 2, ("convert", "net.safetensors", "-o", "a.nosuch"): 2, ("verify", "net.seal", "--depth", "x"): 2,
    }
    stray = b.environment(GOLDSEAL_QWERTYUIOP="1")  # a warning, too
    for arguments, wanted in verbs.items():
        assert b.run(list(arguments), environment=stray)[0] == wanted, arguments
        for stream in ("full", "pipe", "closed"):
            for both in (False, True):
                options = {}
                opened = []
                if stream == "closed":
                    options["preexec_fn"] = (lambda: (os.close(1), os.close(2))) if both else lambda: os.close(2)
                else:
                    end = os.open("/dev/full", os.O_WRONLY) if stream == "full" else broken_pipe()
                    opened.append(end)
                    options["stderr"] = end
                    if both:
                        options["stdout"] = end
                code, said = b.run(list(arguments), environment=stray, **options)
                for end in opened:
                    os.close(end)
                assert code == wanted, f"{arguments} with stderr {stream}, stdout too: {both}: exit code {code}\n{said}"


def test_a_closed_stream_never_becomes_a_file_that_is_written(b):
    """A file that is opened takes the lowest free number: what is meant for standard error would go into it."""
    stray = b.environment(GOLDSEAL_QWERTYUIOP="1")
    b.must(["convert", "net.safetensors", "-o", "good.pth"])
    code, _ = b.run(["convert", "net.safetensors", "-o", "out.pth"], environment=stray,
                    preexec_fn=lambda: (os.close(0), os.close(1), os.close(2)))
    assert code == 0, code
    b.expect(0, ["diff", "good.pth", "out.pth"])


def test_what_cannot_be_printed_is_no_success_of_verbs_that_print_data(b):
    with open("/dev/full", "w") as full:
        for arguments in (["probe"], ["schema"], ["inspect", "net.safetensors"]):
            code, said = b.run(arguments, stdout=full)
            assert code == 2 and "standard output" in said, (arguments, code, said)


def limit_of(kind, value):
    return lambda: resource.setrlimit(kind, (value, value))


def test_faults_6_a_limit_on_the_size_of_files_is_told(b):
    b.seal()
    b.must(["check", "net.seal", "--report", "json=r.json"])
    kept = sorted(os.listdir(b.work))
    for arguments in (["report", "r.json", "--report", "html=r.html"], ["probe", "-o", "e.toml"],
                      ["convert", "net.safetensors", "-o", "o.pth"], [*b.capture, "-o", "o.seal"],
                      ["verify", "net.seal", "--save-results", "results"], ["check", "net.seal", "--report", "json=o.json"]):
        b.expect(2, arguments, "File too large", preexec_fn=limit_of(resource.RLIMIT_FSIZE, 100))
        assert sorted(os.listdir(b.work)) == kept
        b.leaves_no_litter()


def test_faults_3_a_full_disk_is_never_the_models_failure(b):
    """Nor is a place that cannot be written to: for the run's own files, and for reports."""
    b.seal()
    mounted = b.home / "full"
    mounted.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", mounted], capture_output=True, check=False).returncode:
        return
    try:
        full = b.environment(TMPDIR=str(mounted))
        said = b.expect((2, 3), ["verify", "net.seal"], "No space left on device", environment=full)
        assert "the worker declined" not in said and "FAIL" not in said, said
        sparse(b.work / "some.safetensors", 1 << 16)
        b.expect(2, ["convert", "some.safetensors", "-o", str(mounted / "o.pth")], "No space left on device")
        b.expect(2, ["probe", "-o", str(mounted / "e.toml")], "No space left on device")
        b.expect(2, [*b.capture, "-o", str(mounted / "o.seal")], "No space left on device")
        assert os.listdir(mounted) == []
        log = os.open(mounted / "log", os.O_WRONLY | os.O_CREAT)
        os.write(log, b"x" * 4096)
        code, _ = b.run(["convert", "net.safetensors", "-o", str(mounted / "o.pth")], stderr=log)
        os.close(log)
        assert code == 2, code
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_faults_3_a_worker_that_starts_slowly_leaves_the_verdict_open(b):
    b.seal()
    ours, theirs = socket.socketpair()
    said = b.expect(3, ["verify", "net.seal", "--timeout", "1"], "in step hello", worker=theirs)
    assert "declined" not in said, said
    ours.close()
    ours, theirs = socket.socketpair()
    b.expect(3, [*b.capture, "-o", "o.seal", "--timeout", "1"], "hello", worker=theirs)
    ours.close()


# --- what the system does not give -------------------------------------------------------------------------------------------


def test_A10_a_checkpoint_may_have_more_files_than_there_are_descriptors(b):
    index = {}
    for part in range(1000):
        bench.write_weights(b.work / f"part-{part}.safetensors", part, prefix=f"{part}.")
        index[f"{part}.{tiny_worker.WEIGHT}"] = f"part-{part}.safetensors"
    (b.work / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    few = limit_of(resource.RLIMIT_NOFILE, 64)
    b.expect(0, ["inspect", "model.safetensors.index.json", "--quiet"], preexec_fn=few)
    b.expect(0, ["convert", "model.safetensors.index.json", "-o", "out.safetensors"], preexec_fn=few)
    b.expect(0, ["diff", "model.safetensors.index.json", "out.safetensors"], preexec_fn=few)


def test_few_descriptors_are_told_in_one_line(b):
    b.seal()
    for count in range(3, 12):
        for arguments in (["check", "net.seal"], ["inspect", "net.safetensors"], ["probe"], ["convert", "net.safetensors", "-o", "o.pth", "--force"],
                          [*b.capture, "-o", "o.seal", "--force"]):
            code, said = b.run(arguments, preexec_fn=limit_of(resource.RLIMIT_NOFILE, count))
            assert code in (0, 2, 3, 127), f"{arguments} with {count} descriptors: exit code {code}\n{said}"
            b.leaves_no_litter()  # what is given up is removed without a descriptor to list it by


def test_A9_no_more_threads_means_slower_work(b):
    """As nobody, whose processes are counted; root's are not."""
    b.seal()
    for directory in (b.home.parent, b.home, b.work, b.temporary):
        directory.chmod(0o777)
    if os.geteuid() != 0:
        return

    def alone():
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        os.setgroups([])
        os.setuid(65534)

    for arguments in (["check", "net.seal"], ["convert", "net.safetensors", "-o", "o.pth"], ["inspect", "net.safetensors", "--values"],
                      ["diff", "net.safetensors", "net.safetensors"], [*b.capture, "-o", "o.seal"], ["verify", "net.seal"],
                      ["check", "net.seal", "--target", "m.toml"]):
        if "m.toml" in arguments:
            b.must(["probe", "-o", "m.toml"])
        b.expect(0, arguments, preexec_fn=alone)


def room_of(path):
    """The bytes of memory that the segments of a 64-bit ELF file take: with less, the system cannot start it."""
    data = pathlib.Path(path).read_bytes()
    (table,) = struct.unpack_from("<Q", data, 0x20)
    size, count = struct.unpack_from("<HH", data, 0x36)
    loaded = [struct.unpack_from("<IIQQQQQQ", data, table + i * size) for i in range(count)]
    ranges = [(entry[3], entry[3] + entry[6]) for entry in loaded if entry[0] == 1]
    return max(end for _, end in ranges) - min(begin for begin, _ in ranges)


def test_little_memory_is_told(b):
    b.seal()
    # Besides the command, the system maps the dynamic loader and a stack before any of its code runs.
    startable = room_of(b.goldseal) + (1 << 20)
    assert startable < 24 << 20, "the limits below must reach the command's own code"
    if SANITIZED:
        return
    for megabytes in (8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96):
        for arguments in (["check", "net.seal"], ["convert", "net.safetensors", "-o", "o.pth", "--force"]):
            code, said = b.run(arguments, preexec_fn=limit_of(resource.RLIMIT_AS, megabytes << 20))
            # 127: the loader had too little. A signal: the system could not map the command.
            killed = code is not None and code < 0 and megabytes << 20 < startable
            assert code in (0, 2, 3, 127) or killed, f"{arguments} with {megabytes} MB: exit code {code}\n{said}"


def test_a_small_stack_suffices(b):
    b.seal()
    if SANITIZED:
        return
    for kilobytes in (128, 96, 64):
        for arguments in (["check", "net.seal"], ["verify", "net.seal"], ["inspect", "net.safetensors"], ["convert", "net.safetensors", "-o", "o.pth", "--force"]):
            code, said = b.run(arguments, preexec_fn=limit_of(resource.RLIMIT_STACK, kilobytes << 10))
            assert code in (0, 2, 3), f"{arguments} with a stack of {kilobytes} KB: exit code {code}\n{said}"


# --- signals -----------------------------------------------------------------------------------------------------------------


def test_faults_8_a_request_to_stop_is_heard_in_the_middle_of_a_large_file(b):
    size = 60 << 30
    sparse_seal(b, size)
    sparse(b.work / "large.safetensors", size)
    sparse(b.work / "integers.safetensors", size, dtype="U8")

    class Large(tiny_worker.TinyWorker):
        def on_build(self, request):
            entry = {"name": "w", "dtype": "float32", "shape": [size // 4]}
            return {**super().on_build(request), "state_entries": [entry]}

    def worker_of(arguments):
        if arguments[0] != "capture":
            return None
        ours, theirs = socket.socketpair()
        Large(ours).start()
        return theirs

    for number in (signal.SIGINT, signal.SIGTERM):
        for arguments in (["check", "net.seal"], ["verify", "net.seal"], ["convert", "large.safetensors", "-o", "o.pth"],
                          ["diff", "large.safetensors", "net.safetensors"], ["inspect", "large.safetensors", "--values"],
                          ["inspect", "integers.safetensors", "--values"],
                          ["capture", "large.safetensors", *b.capture[2:], "-o", "o.seal"]):
            process = b.start(arguments, worker=worker_of(arguments))
            time.sleep(0.7)
            assert process.poll() is None, f"{arguments} was too fast: {process.communicate()}"
            # One second is promised; a busy machine gets some more.
            code = bench.signalled(process, number, within=5)
            assert code == -number, f"{arguments}: {signal.Signals(number).name} was not heard: {code}"
            b.leaves_no_litter()


def test_A21_a_parent_that_ignores_SIGCHLD_hides_no_crash(b):
    b.seal()
    (b.work / "crash.py").write_text("#!%s\nimport os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n" % sys.executable)
    (b.work / "crash.py").chmod(0o755)
    fake = b.work / "fake-python"
    fake.write_text("#!/bin/sh\nkill -SEGV $$\n")
    fake.chmod(0o755)
    plain = b.run(["verify", "net.seal", "--model", "python:nothing:nothing", "--runtime", f"python={fake}"], worker=False)
    ignoring = b.run(["verify", "net.seal", "--model", "python:nothing:nothing", "--runtime", f"python={fake}"], worker=False,
                     preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert plain[0] == ignoring[0], (plain, ignoring)
    assert "exit code 0" not in ignoring[1], ignoring[1]


# --- texts without measure ---------------------------------------------------------------------------------------------------


def test_faults_13_a_model_that_raises_50_MB_says_a_few_lines(b):
    b.seal()

    class Raises(tiny_worker.TinyWorker):
        stage = "run"

        def answer(self, request):
            if request["op"] == self.stage:
                return {"ok": False, "error": {"kind": self.kind, "message": "\x1b[31m" + "x" * 50_000_000, "where": "y" * 1_000_000}}
            return {}

        def __getattribute__(self, name):
            if name == "on_run":
                return self.answer
            return super().__getattribute__(name)

    for kind in ("runtime", "unsupported", "usage", "malformed", "memory"):
        for arguments in (["verify", "net.seal"], [*b.capture, "-o", "o.seal"]):
            ours, theirs = socket.socketpair()
            worker = Raises(ours)
            worker.kind = kind
            worker.start()
            code, said = b.run(arguments, worker=theirs)
            assert code in (1, 2, 3, 4), (kind, arguments, code)
            assert len(said) < 40_000, f"{kind}: {len(said)} bytes were said"
            assert "\x1b" not in said


def test_faults_13_names_of_10_MB_are_told_by_their_beginning(b):
    b.seal()
    name = "n" * 10_000_000
    (b.work / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {name: "part.safetensors"}}))
    bench.write_weights(b.work / "part.safetensors")
    for kind in ("Q9", 7):
        header = json.dumps({name: {"dtype": kind, "shape": [1], "data_offsets": [0, 1]}}).encode()
        (b.work / f"{kind}.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"x")
    for arguments in (["inspect", "model.safetensors.index.json"], ["inspect", "Q9.safetensors"], ["inspect", "7.safetensors"],
                      ["check", "net.seal", "--checkpoint", "Q9.safetensors"], ["explain", "n" * 100_000], ["n" * 100_000],
                      ["check", "net.seal", "--policy", "n" * 100_000], ["check", "n" * 100_000]):
        code, said = b.run(arguments)
        assert code in (1, 2, 4), (arguments[0][:20], code)
        assert len(said) < 40_000, f"{[a[:30] for a in arguments]}: {len(said)} bytes were said"


# --- options and inputs of odd kinds -----------------------------------------------------------------------------------------


def test_faults_7_a_report_is_written_or_refused_by_every_verb(b):
    b.seal()
    b.must(["check", "net.seal", "--report", "json=r.json"])
    verbs = {"inspect": ["net.safetensors"], "diff": ["net.seal", "net.seal"], "config": [], "probe": [], "schema": [],
             "convert": ["net.safetensors", "-o", "o.pth"], "explain": ["golden.float64"], "runtime": [], "completion": ["bash"],
             "manual": ["man"], "check": ["net.seal"], "verify": ["net.seal"], "report": ["r.json"],
             "capture": [*b.capture[1:], "-o", "o.seal"]}
    for verb, arguments in verbs.items():
        code, said = b.run([verb, *arguments, "--report", "json=out.json"])
        written = (b.work / "out.json").exists()
        assert code == (0 if written else 2), f"{verb}: exit code {code}, a report was written: {written}\n{said}"
        if not written:
            assert "--report" in said, said
            assert not (b.work / "o.pth").exists(), "it went to work all the same"
        else:
            (b.work / "out.json").unlink()
        # A report that is set for all verbs is meant for those that have one.
        b.expect(0, [verb, *arguments, *(["--force"] if verb == "capture" else [])], environment=b.environment(GOLDSEAL_REPORT="json=out.json"))
        assert (b.work / "out.json").exists() == written, verb
        (b.work / "out.json").unlink(missing_ok=True)
        (b.work / "o.pth").unlink(missing_ok=True)


def test_pipes_and_files_of_proc_are_read_or_refused_by_name(b):
    b.seal()
    b.must(["probe", "-o", "machine.toml"])
    machine = (b.work / "machine.toml").read_bytes()
    reading, writing = os.pipe()
    os.write(writing, machine)
    os.close(writing)
    code, said = b.run(["check", "net.seal", "--target", "/dev/stdin"], stdin=reading)
    os.close(reading)
    assert code in (0, 1), (code, said)
    b.expect(2, ["check", "net.seal", "--config", "/proc/self/environ"])
    b.expect(2, ["inspect", "/proc/self/maps"], "copy it to a disk")
    b.expect(2, ["check", "net.seal", "--checkpoint", "/proc/self/mem"], "copy it to a disk")
    os.mkfifo(b.work / "pipe")
    b.expect(2, ["inspect", "pipe"], "a pipe")
    # Nobody ever writes to it: the wait can be ended.
    process = b.start(["check", "net.seal", "--target", "pipe"])
    time.sleep(0.3)
    assert bench.signalled(process, signal.SIGTERM, within=5) == -signal.SIGTERM


def test_A21_an_index_with_two_weight_maps_is_refused(b):
    bench.write_weights(b.work / "part.safetensors")
    entry = json.dumps({tiny_worker.WEIGHT: "part.safetensors"})
    index = b.work / "model.safetensors.index.json"
    index.write_text('{"weight_map": %s}' % entry)
    b.expect(0, ["inspect", index])
    index.write_text('{"weight_map": {"a": "b"}, "weight_map": %s}' % entry)
    b.expect(2, ["inspect", index], "the index has two entries 'weight_map'")


def test_A21_a_build_that_fails_is_told_before_a_large_checkpoint_is_digested(b):
    sparse(b.work / "large.safetensors", 60 << 30)

    class Refuses(tiny_worker.TinyWorker):
        def on_build(self, request):
            return {"ok": False, "error": {"kind": "unsupported", "message": "no such network"}}

    ours, theirs = socket.socketpair()
    Refuses(ours).start()
    began = time.monotonic()
    b.expect(2, ["capture", "large.safetensors", *b.capture[2:], "-o", "o.seal"], "no such network", worker=theirs)
    assert time.monotonic() - began < 20, "it waited for the digests"


if __name__ == "__main__":
    bench.main(dict(globals()))
