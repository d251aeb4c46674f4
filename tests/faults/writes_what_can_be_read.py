# SPDX-License-Identifier: Apache-2.0
"""What goldseal writes it can read again: bytes that are not UTF-8 are told as text or refused by name, names that a format
keeps for itself are refused, TMPDIR may be relative and is named where it is no place (review A5, A6; faults 4, 16; issue 20,
section 5).

Kinds: where the bytes come from (the environment, a path, an option, a tensor's name), what is written (manifest, machine,
safetensors, report, saved results, the protocol), and names of odd kinds (reserved, with dots, with control characters)."""

import json
import os
import struct
import zipfile

import bench
import tiny_worker

BAD = os.fsdecode(b"caf\xe9")


def test_A5_facts_that_are_not_utf8_are_written_as_text(b):
    environment = b.environment(LD_LIBRARY_PATH=f"/opt/{BAD}", PYTHONPATH=f"/opt/{BAD}", OMP_NUM_THREADS=BAD,
                                CUDA_VISIBLE_DEVICES=BAD, LD_PRELOAD=None)
    b.must([*b.capture, "-o", "net.seal"], environment=environment)
    assert "caf\\\\xe9" in (b.work / "net.seal" / "manifest.toml").read_text(encoding="utf-8")
    b.expect(0, ["check", "net.seal"])
    b.must(["probe", "-o", "machine.toml"], environment=environment)
    (b.work / "machine.toml").read_text(encoding="utf-8")
    b.expect((0, 1), ["check", "net.seal", "--target", "machine.toml"])
    b.must(["verify", "net.seal", "--save-results", "results", "--report", "json=r.json"], environment=environment)
    b.must(["verify", "net.seal", "--results", "results"])
    json.loads((b.work / "r.json").read_text(encoding="utf-8"))


def test_A5_paths_and_options_that_are_not_utf8_are_refused_before_any_work(b):
    (b.work / BAD).mkdir()
    for name in ("net.safetensors", "x.npy"):
        (b.work / BAD / name).write_bytes((b.work / name).read_bytes())
    (b.work / f"{BAD}.npy").write_bytes((b.work / "x.npy").read_bytes())
    for arguments in (
        ["capture", f"{BAD}/net.safetensors", *b.capture[2:], "-o", "net.seal"],
        [*b.capture[:4], "--input", f"x={BAD}.npy", "-o", "net.seal"],
        [*b.capture, "--entry", BAD, "-o", "net.seal"],
        [*b.capture, "--detections", f"y,{BAD}", "-o", "net.seal"],
        ["capture", "net.safetensors", "--model", f"python:nothing:{BAD}", *b.capture[4:], "-o", "net.seal"],
        ["capture", "net.safetensors", "--model", f"python:nothing:nothing?key={BAD}", *b.capture[4:], "-o", "net.seal"],
        ["capture", "net.safetensors", "--model", f"python:nothing:nothing?{BAD}=1", *b.capture[4:], "-o", "net.seal"],
    ):
        b.expect(2, arguments, ["UTF-8", "caf\\xe9"])
        assert not (b.work / "net.seal").exists()
    b.leaves_no_litter()


def test_A5_a_seal_may_lie_under_a_name_that_is_not_utf8(b):
    """Beside its checkpoint: the path from one to the other has no such name in it."""
    (b.work / BAD).mkdir()
    b.must(["probe", "-o", f"{BAD}/machine.toml"])
    b.must([*b.capture, "-o", f"{BAD}.seal"])
    b.expect(0, ["check", f"{BAD}.seal"])


def test_A6_the_protocol_carries_no_path_that_is_not_utf8(b):
    b.seal()
    (b.work / BAD).mkdir()
    copy = f"{BAD}/net.safetensors"
    (b.work / copy).write_bytes((b.work / "net.safetensors").read_bytes())
    b.expect(2, ["verify", "net.seal", "--checkpoint", copy], ["UTF-8", "caf\\xe9"])
    b.expect(0, ["check", "net.seal", "--checkpoint", copy])
    (b.home / BAD).mkdir()
    b.expect(2, ["verify", "net.seal"], ["UTF-8", "TMPDIR"], environment=b.environment(TMPDIR=str(b.home / BAD)))


def test_faults_4_a_relative_TMPDIR_works_and_a_missing_one_is_named(b):
    (b.work / "tmp").mkdir()
    relative = b.environment(TMPDIR="tmp")
    b.must([*b.capture, "-o", "net.seal"], environment=relative)
    b.must(["verify", "net.seal"], environment=relative)
    assert not os.listdir(b.work / "tmp")
    for value in ("/nonexistent", "net.safetensors", "/proc"):
        for verb in ([*b.capture, "-o", "other.seal"], ["verify", "net.seal"]):
            b.expect(2, verb, ["TMPDIR=", "set TMPDIR to a directory"], environment=b.environment(TMPDIR=value))
    b.must(["verify", "net.seal"], environment=b.environment(TMPDIR=""))
    b.must(["verify", "net.seal"], environment=b.environment(TMPDIR=None))


def torch_file(path, names):
    """What torch.save writes of a state dict with these names."""

    class Reduced:
        def __init__(self, function, arguments):
            self.function, self.arguments = function, arguments

    out = bytearray(b"\x80\x02}(")
    for name in names:
        out += b"X" + struct.pack("<I", len(name)) + name
        out += b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        out += b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQK\x00K\x01\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
    out += b"u."
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(out))
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/data/0", struct.pack("<f", 1.0))


def test_names_that_safetensors_cannot_hold_are_refused_by_name(b):
    torch_file(b.work / "good.pth", [b"w"])
    b.must(["convert", "good.pth", "-o", "good.safetensors"])
    torch_file(b.work / "meta.pth", [b"__metadata__"])
    b.expect(2, ["convert", "meta.pth", "-o", "out.safetensors"], "'__metadata__'")
    torch_file(b.work / "bad.pth", [b"caf\xe9"])
    b.expect((2, 4), ["convert", "bad.pth", "-o", "out.safetensors"], "caf\\xe9")
    assert not (b.work / "out.safetensors").exists()
    b.leaves_no_litter()


def test_faults_16_an_output_or_input_named_metadata_is_refused_by_name(b):
    class Reserved(tiny_worker.TinyWorker):
        """As the workers of goldseal do where a network's output has this name."""

        def on_build(self, request):
            built = super().on_build(request)
            built["inputs"][0]["name"] = "__metadata__"
            return built

    ours, theirs = tiny_worker.socket.socketpair()
    Reserved(ours).start()
    b.expect(2, [*b.capture[:4], "--input", "__metadata__=x.npy", "-o", "net.seal"], "'__metadata__'", worker=theirs)
    assert not (b.work / "net.seal").exists()


def odd_worker(output, layer=None):
    class Odd(tiny_worker.TinyWorker):
        def on_run(self, request):
            reply = super().on_run(request)
            path = self._path(request["outputs"])
            values = tiny_worker.read_safetensors(path)["y"]
            narrow = request["compute"] == "native"
            code = "f" if narrow else "d"
            data = struct.pack(f"<{len(values)}{code}", *values)
            tiny_worker.write_safetensors(path, [(output, "F32" if narrow else "F64", [len(values)], data)])
            reply["outputs"][0]["name"] = output
            return reply

    ours, theirs = tiny_worker.socket.socketpair()
    Odd(ours).start()
    return theirs


def test_every_seal_that_is_written_can_be_read_whatever_its_outputs_are_called(b):
    """It is written and read back, or nothing is written: never a seal that `check` calls damaged."""
    for index, name in enumerate(("a/b", "a.b", "", " ", '"', "\\", "\n", "\x1b[31m", "\x7f", "é", "\U0001f600", "=", "#", "\u202e",
                                  "y" * 1000, "." * 20_000, "default/output/y", "input/x")):
        seal = f"{index}.seal"
        code, said = b.run([*b.capture, "-o", seal], worker=odd_worker(name))
        assert code in (0, 2), (name[:20], code, said[-500:])
        assert (code == 0) == (b.work / seal).exists(), (name[:20], code)
        if code == 0:
            b.expect(0, ["check", seal])
            b.expect(0, ["verify", seal], worker=odd_worker(name))
        b.leaves_no_litter()


def test_a_manifest_above_the_readers_limit_is_not_written(b):
    class Large(tiny_worker.TinyWorker):
        def on_build(self, request):
            return {**super().on_build(request), "configuration": {"large": "x" * (40 << 20)}}

        def on_environment(self, request):
            facts = super().on_environment(request)
            facts["facts"]["torch.large"] = {"value": "x" * (40 << 20), "origin": "a test"}
            return facts

    ours, theirs = tiny_worker.socket.socketpair()
    Large(ours).start()
    b.expect(2, [*b.capture, "-o", "net.seal"], "manifest.toml", worker=theirs)
    assert not (b.work / "net.seal").exists()
    b.leaves_no_litter()


if __name__ == "__main__":
    bench.main(dict(globals()))
