# SPDX-License-Identifier: Apache-2.0
"""What goldseal writes never costs anybody a file: `--force` replaces nothing but what it is for, never an input, and what
appears meanwhile stays (review A1, A11, A12, A21; faults 9, 12; issue 20, section 1).

Kinds: what is in the target's place (a directory of models, the checkpoint, a link, a mount point, the working directory),
how an input is named there (its path, a link, a hard link, a shard, a file in it), which output (-o, --report,
--save-results), and what comes meanwhile."""

import os
import pathlib
import shutil
import subprocess
import time

import bench
import tiny_worker


def tree(path):
    """Every name and byte under a path."""
    path = pathlib.Path(path)
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {str(file): file.read_bytes() if file.is_file() else os.readlink(file) if file.is_symlink() else None for file in files}


def refuses(b, arguments, kept, says="", **more):
    """Exit code 2, and everything under `kept` is as it was."""
    kept = [b.work / name for name in kept]
    before = [tree(path) for path in kept]
    b.expect(2, arguments, says, **more)
    assert [tree(path) for path in kept] == before, f"{arguments} changed what was there"
    b.leaves_no_litter()


def test_A1_force_leaves_a_directory_of_models_alone(b):
    models = b.work / "models"
    models.mkdir()
    shutil.copy(b.work / "net.safetensors", models)
    (models / "stranger.txt").write_text("mine")
    refuses(b, [*b.capture, "-o", "models", "--force"], ["models"], "expected a seal to replace")
    # A name is not proof: some other program's manifest.toml, an empty one, one that is a directory.
    for content in ("[package]\nname = 'x'\n", ""):
        (models / "manifest.toml").write_text(content)
        refuses(b, [*b.capture, "-o", "models", "--force"], ["models"], "goldseal did not write")
    (models / "manifest.toml").unlink()
    (models / "manifest.toml").mkdir()
    refuses(b, [*b.capture, "-o", "models", "--force"], ["models"], "without manifest.toml")
    (b.work / "empty").mkdir()
    refuses(b, [*b.capture, "-o", "empty", "--force"], ["empty"], "expected a seal to replace")


def test_A1_force_never_replaces_the_checkpoint(b):
    shutil.copy(b.work / "net.safetensors", b.work / "own.seal")
    capture = ["capture", "own.seal", *b.capture[2:]]
    refuses(b, [*capture, "--force"], ["own.seal"], "own.seal")
    refuses(b, [*b.capture, "-o", "net.safetensors", "--force"], ["net.safetensors"], "net.safetensors")
    os.symlink("net.safetensors", b.work / "link")
    refuses(b, [*b.capture, "-o", "link", "--force"], ["net.safetensors", "link"])


def test_A1_a_seal_that_holds_other_files_is_left_alone(b):
    b.seal()
    (b.work / "net.seal" / "README.md").write_text("mine")
    refuses(b, [*b.capture, "-o", "net.seal", "--force"], ["net.seal"], "README.md")
    (b.work / "net.seal" / "README.md").unlink()
    (b.work / "net.seal" / "more").mkdir()
    refuses(b, [*b.capture, "-o", "net.seal", "--force"], ["net.seal"], "more")


def test_A1_a_directory_that_an_input_lies_in_is_left_alone(b):
    b.seal()
    seal = b.work / "net.seal"
    for name, arguments in (
        ("architecture.pt", ["capture", "net.seal/architecture.pt", *b.capture[2:]]),
        ("architecture.cfg", ["capture", "net.safetensors", "--model", "darknet:net.seal/architecture.cfg", *b.capture[4:]]),
        ("architecture.pt2", [*b.capture[:4], "--input", "x=net.seal/architecture.pt2"]),
    ):
        shutil.copy(b.work / ("x.npy" if "pt2" in name else "net.safetensors"), seal / name)
        refuses(b, [*arguments, "-o", "net.seal", "--force"], ["net.seal"], "an input of this run")
        (seal / name).unlink()


def test_A1_the_working_directory_and_mount_points_are_left_alone(b):
    b.seal()
    seal = b.work / "net.seal"
    capture = ["capture", "../net.safetensors", *b.capture[2:4], "--input", "x=../x.npy"]
    for name in (".", "../net.seal", str(seal)):
        refuses(b, [*capture, "-o", name, "--force"], ["net.seal"], "working directory", cwd=seal)
    mounted = subprocess.run(["mount", "--bind", seal, seal], capture_output=True, check=False)
    if mounted.returncode == 0:
        try:
            refuses(b, [*b.capture, "-o", "net.seal", "--force"], ["net.seal"], "mount point")
        finally:
            subprocess.run(["umount", seal], check=True)


def test_force_replaces_a_seal_whole_or_damaged_and_a_link_stays_a_link(b):
    b.seal()
    first = tree(b.work / "net.seal")
    bench.write_npy(b.work / "x.npy", [0.3] * tiny_worker.SIZE)
    b.seal("net.seal", "--force")
    assert tree(b.work / "net.seal") != first
    manifest = b.work / "net.seal" / "manifest.toml"
    manifest.write_bytes(manifest.read_bytes()[:300] + b"\xff damaged")
    (b.work / "net.seal" / "manifest.toml.minisig").write_text("a signature of what is replaced")
    b.seal("net.seal", "--force")
    os.rename(b.work / "net.seal", b.work / "real.seal")
    os.symlink("real.seal", b.work / "net.seal")
    bench.write_npy(b.work / "x.npy", [0.4] * tiny_worker.SIZE)
    before = tree(b.work / "real.seal")
    b.seal("net.seal", "--force")
    assert (b.work / "net.seal").is_symlink() and tree(b.work / "real.seal") != before
    b.expect(0, ["verify", "net.seal"])
    b.leaves_no_litter()


def test_convert_never_replaces_its_input(b):
    shutil.copy(b.work / "net.safetensors", b.work / "copy.safetensors")
    os.symlink("net.safetensors", b.work / "link.safetensors")
    os.link(b.work / "copy.safetensors", b.work / "hard.safetensors")
    for source, output in (("net.safetensors", "net.safetensors"), ("net.safetensors", "./net.safetensors"),
                           ("net.safetensors", "link.safetensors"), ("link.safetensors", "net.safetensors"),
                           ("copy.safetensors", "hard.safetensors")):
        refuses(b, ["convert", source, "-o", output, "--force"], ["net.safetensors", "copy.safetensors"], "an input of this run")


def test_convert_never_replaces_a_shard_of_its_input(b):
    bench.write_weights(b.work / "part-1.safetensors")
    (b.work / "model.safetensors.index.json").write_text('{"weight_map": {"%s": "part-1.safetensors"}}' % tiny_worker.WEIGHT)
    refuses(b, ["convert", "model.safetensors.index.json", "-o", "part-1.safetensors", "--force"], ["part-1.safetensors"],
            "an input of this run")


def test_reports_and_machines_never_replace_an_input(b):
    b.seal()
    b.must(["check", "net.seal", "--report", "json=r.json"])
    (b.work / "policy.toml").write_text('extends = "deploy"\n')
    (b.work / "machine.toml").write_text("")
    b.must(["probe", "-o", "machine.toml"])
    for verb in (["check", "net.seal"], ["verify", "net.seal"]):
        for victim in ("net.safetensors", "net.seal/manifest.toml", "net.seal/golden.safetensors"):
            refuses(b, [*verb, "--report", f"json={victim}"], ["net.safetensors", "net.seal"], "an input of this run")
    refuses(b, ["check", "net.seal", "--checkpoint", "net.safetensors", "--report", "html=net.safetensors"], ["net.safetensors"])
    refuses(b, ["check", "net.seal", "--target", "machine.toml", "--report", "json=machine.toml"], ["machine.toml"])
    refuses(b, ["check", "net.seal", "--policy", "./policy.toml", "--report", "json=policy.toml"], ["policy.toml"])
    refuses(b, ["report", "r.json", "--report", "html=r.json"], ["r.json"], "an input of this run")
    refuses(b, [*b.capture, "-o", "other.seal", "--report", "json=x.npy"], ["x.npy"], "an input of this run")
    refuses(b, [*b.capture, "-o", "other.seal", "--report", "json=net.safetensors"], ["net.safetensors"])


def test_no_output_replaces_a_file_that_any_option_names(b):
    """Kinds: each option that names a file, as FILE, @FILE, NAME=FILE or BUILDER:FILE, or the directory that it lies in; by
    another spelling and by a hard link; with --force. What it says does not matter: it is refused before it is read."""
    b.seal()
    b.must(["check", "net.seal", "--report", "json=run.json", "--report-dir", "nodes"])
    shutil.copytree(b.work / "nodes", b.work / "good")
    victim = b.work / "victim.json"
    victim.write_text("mine")
    os.link(victim, b.work / "linked.json")
    check, report = ["check", "net.seal", "--force"], ["--report", "json=./victim.json"]
    for option in ("--checkpoint", "--policy", "--signed-by", "--signature-file", "--model-key", "--require-attestation", "--target",
                   "--config"):
        more = {"--model-key": ["--model-signature", "x"]}.get(option, [])
        refuses(b, [*check, option, "victim.json", *more, *report], ["victim.json"])
        refuses(b, [*check, option, "linked.json", *more, *report], ["victim.json"])
    refuses(b, [*check, "--model", "darknet:victim.json", *report], ["victim.json"], "an input of this run")
    refuses(b, ["merge", "nodes", "--expect", "@victim.json", *report, "--force"], ["victim.json"], "an input of this run")
    for option in ("--key", "--passphrase-file", "--certificate", "--chain", "--attach", "--public-key", "--bom"):
        refuses(b, ["attest", "run.json", option, "victim.json", "-o", "victim.json", "--force"], ["victim.json"])
    for option in ("--certificate", "--chain"):
        refuses(b, ["sign", "net.seal", option, "victim.json", "--pae", "victim.json", "--force"], ["victim.json"])
    refuses(b, ["bom", "net.seal", "--merge", "victim.json", "-o", "linked.json", "--force"], ["victim.json"], "an input of this run")
    refuses(b, ["verify", "net.seal", "--input", "x=victim.json", *report, "--force"], ["victim.json"], "an input of this run")
    # What nodes left is read where its directory is named; a fleet's report among it is made anew.
    for more in (["merge", "nodes"], ["merge", "run.json", "--baseline", "good"]):
        node = next((b.work / more[-1]).rglob("*.json")).relative_to(b.work)
        for form in ("json", "html"):
            refuses(b, [*more, "--report", f"{form}={node}", "--force"], ["nodes", "good"], "or an earlier")
    for _ in range(2):
        b.must(["merge", "nodes", "--report", "json=nodes/fleet.json"])


def test_a_signature_is_written_over_nothing_that_a_seal_leads_to(b):
    """A stranger's seal may hold a link in the signature's place."""
    if shutil.which("openssl") is None:
        return
    b.seal()
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", b.work / "k.pem"],
                   check=True, capture_output=True)
    (b.work / "precious").write_text("mine")
    place = b.work / "net.seal" / "model.sig"
    sign = ["sign", "net.seal", "--key", "k.pem"]
    for target in ("../precious", "../new", "/dev/null"):
        place.symlink_to(target)
        for force in ([], ["--force"]):
            refuses(b, [*sign, *force], ["precious"], "found a symbolic link")
            assert place.is_symlink() and not (b.work / "new").exists()
        place.unlink()
    place.mkdir()
    refuses(b, [*sign, "--force"], ["net.seal"], "found a directory")
    place.rmdir()
    os.mkfifo(place)
    b.expect(2, [*sign, "--force"], "found something else")
    place.unlink()
    b.must(sign)
    b.must([*sign, "--force"])


# Every verb that writes what a second run can make again, and what its output is called.
REPORTS = ("text", "oneline", "json", "junit", "sarif", "github", "markdown", "nagios", "prometheus", "html")
FLEET_REPORTS = ("text", "oneline", "json", "junit", "markdown", "nagios", "prometheus", "html")


def outputs(b):
    """(kind, arguments up to the output's name)"""
    b.seal()
    b.must(["check", "net.seal", "--report", "json=run.json", "--report-dir", "nodes"])
    (b.work / "other.safetensors").write_bytes((b.work / "net.safetensors").read_bytes()[:-4] + b"abcd")
    for form in REPORTS:
        yield f"run {form}", (0,), lambda name, form=form: ["check", "net.seal", "--report", f"{form}={name}"]
        yield f"run {form}", (0,), lambda name, form=form: ["report", "run.json", "--report", f"{form}={name}"]
        # A verdict that fails has another first line.
        yield f"run {form}", (1, 4), lambda name, form=form: ["check", "net.seal", "--checkpoint", "other.safetensors",
                                                              "--report", f"{form}={name}"]
    yield "run json", (0,), lambda name: ["verify", "net.seal", "--report", f"json={name}"]
    for form in FLEET_REPORTS:
        yield f"fleet {form}", (0,), lambda name, form=form: ["merge", "nodes", "--report", f"{form}={name}"]
        yield f"fleet {form}", (3,), lambda name, form=form: ["merge", "nodes", "--expect", "gone", "--report", f"{form}={name}"]
    yield "environment", (0,), lambda name: ["probe", "-o", name]
    yield "environment json", (0,), lambda name: ["probe", "--format", "json", "-o", name]
    yield "bom", (0,), lambda name: ["bom", "net.seal", "-o", name]
    yield "pae", (0,), lambda name: ["sign", "net.seal", "--pae", name]
    yield "pae", (0,), lambda name: ["attest", "run.json", "--pae", name]


# Files of others that look like what goldseal writes.
STRANGERS = {
    "notes": "mine\n",
    "a test log": "PASS tests/test_a.py\n",
    "a report of another tool": '<?xml version="1.0"?>\n<testsuites name="pytest"><testsuite name="goldseal"/></testsuites>\n',
    "metrics beside ours": '# HELP goldseal_info x\ngoldseal_info{verb="check"} 1\nnode_load1 0.5\n',
    "a report within another document": '{"runs": [{"schema": "goldseal.report/2"}], "schema": "mine/1"}',
    "another tool's sarif": '{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "goldseal"}}}, {"tool": {"driver": {"name": "x"}}}]}',
    "another tool's bom": '{"bomFormat": "CycloneDX", "metadata": {"tools": {"components": [{"name": "syft"}]}}}',
    "a page about goldseal": "<html><head><title>goldseal</title></head></html>",
    "a machine's name": "[environment]\n",
    "half of a JSON": '{"schema": "goldseal.report/2"',
    "bytes": "\x00\xff",
}


def test_an_output_replaces_only_an_earlier_one_of_its_kind(b):
    runs = list(outputs(b))
    made = {}
    for kind, codes, run in runs:  # what a pipeline does each day: the same path again, whatever the verdict was
        b.expect(codes, run(f"out {kind}"))
        made[kind] = (b.work / f"out {kind}").read_bytes()
        assert made[kind], kind
    victim = b.work / "victim"
    seen = set()
    for kind, codes, run in runs:
        if kind in seen:
            continue
        seen.add(kind)
        victim.write_bytes(b"")
        b.expect(codes, run("victim"))  # of mktemp
        text_alike = ("text", "oneline", "html")
        others = {other: content for other, content in made.items()
                  if other != kind and not (kind.endswith(text_alike) and other.endswith(text_alike))}
        some = dict(list(others.items())[::5])
        for name, content in {**{n: c.encode("latin-1") for n, c in STRANGERS.items()}, **some}.items():
            victim.write_bytes(content)
            refuses(b, run("victim"), ["victim"], "or an earlier")
        victim.unlink()
    victim.write_bytes(b"mine")
    os.symlink("victim", b.work / "link")
    refuses(b, ["probe", "-o", "link"], ["victim", "link"], "--force")
    for arguments in (["probe", "-o", "victim"], ["bom", "net.seal", "-o", "victim"], ["sign", "net.seal", "--pae", "victim"],
                      ["attest", "run.json", "--pae", "victim"], ["check", "net.seal", "--report", "json=victim"],
                      ["report", "run.json", "--report", "html=victim"], ["merge", "nodes", "--report", "json=victim"]):
        victim.write_bytes(b"mine")
        b.must([*arguments, "--force"])
        assert victim.read_bytes() != b"mine", arguments
    refuses(b, ["probe", "-o", "nodes", "--force"], ["nodes"])
    # Streams that were led into a file are written on, and what stands there stays.
    with open(b.work / "log", "wb") as log:
        log.write(b"mine\n")
        log.flush()
        b.expect(0, ["check", "net.seal", "--report", "oneline=/dev/stdout", "--report", "json=/dev/stdout", "--quiet"], stdout=log)
        b.expect(0, ["probe", "-o", "/dev/stdout"], stdout=log)
    assert (b.work / "log").read_bytes().startswith(b"mine\nPASS")
    refuses(b, ["check", "net.seal", "--report", "json=new", "--report", "html=./new"], [], "twice")
    assert not (b.work / "new").exists()
    b.leaves_no_litter()


def test_nothing_is_written_into_a_seal(b):
    b.seal()
    b.must(["check", "net.seal", "--report", "json=run.json"])
    b.must(["check", "net.seal", "--report-dir", "nodes"])
    for arguments in (["probe", "-o", "net.seal/x"], ["bom", "net.seal", "-o", "net.seal/x"], ["check", "net.seal", "--report", "json=net.seal/x"],
                      ["report", "run.json", "--report", "json=net.seal/../net.seal/x"], ["merge", "nodes", "--report", "json=net.seal/x"],
                      ["sign", "net.seal", "--pae", "net.seal/x"], ["attest", "run.json", "--pae", "net.seal/x"],
                      ["verify", "net.seal", "--report", "text=net.seal/x"], ["probe", "-o", "net.seal/below/x"],
                      ["check", "net.seal", "--report-dir", "net.seal"], ["verify", "net.seal", "--report-dir", "net.seal/below/nodes"],
                      ["verify", "net.seal", "--save-results", "net.seal/results"], [*b.capture, "-o", "net.seal/inner.seal"],
                      ["convert", "net.safetensors", "-o", "net.seal/x.safetensors"]):
        refuses(b, [*arguments, "--force"], ["net.seal"], "would lie in a seal")
    (b.work / "net.seal" / "below").mkdir()
    refuses(b, ["probe", "-o", "net.seal/below/x"], ["net.seal"], "would lie in a seal")


def test_a_found_goldseal_toml_writes_only_beneath_itself_and_is_told(b):
    b.seal()
    below = b.work / "theirs"
    below.mkdir()
    shutil.copytree(b.work / "net.seal", below / "net.seal")
    shutil.copy(b.work / "net.safetensors", below)
    os.symlink("..", below / "up")
    for path in ("../stolen", str(b.work / "stolen"), "up/stolen"):
        (below / "goldseal.toml").write_text(f'report = "text={path}"\n')
        refuses(b, ["check", "net.seal"], ["theirs"], "outside of the file's own directory", cwd=below)
        assert not (b.work / "stolen").exists()
    b.expect(0, ["check", "net.seal", "--config", "goldseal.toml"], cwd=below)
    (b.work / "stolen").unlink()
    (below / "goldseal.toml").write_text('report = "text=r.txt"\n[verify]\ndepth = "quick"\ndevice = "cpu"\n')
    said = b.expect(0, ["verify", "net.seal"], "with the settings of goldseal.toml", cwd=below)
    assert "PASS" in said
    first = (below / "r.txt").read_text().splitlines()
    assert "depth quick" in first[0] and "device cpu" in first[0], first[0]
    assert any("settings" in line and "which was found" in line for line in first[1:]), first
    b.expect(0, ["verify", "net.seal", "--format", "json"], ['"settings"', "device cpu, depth quick"], cwd=below)
    (below / "goldseal.toml").write_text('device = "cpu"\nanonymous = true\ncolor = "never"\n')
    assert "note:" not in b.expect(0, ["probe", "--no-config"], cwd=below)
    said = b.expect(0, ["probe"], "note: of goldseal.toml, which was found: anonymous true", cwd=below)
    assert "note:" not in b.expect(0, ["probe", "--config", "goldseal.toml"], cwd=below)


def test_saved_results_replace_saved_results_alone(b):
    b.seal()
    (b.work / "wandb").mkdir()
    (b.work / "wandb" / "run.json").write_text("{}")
    (b.work / "wandb" / "notes").write_text("mine")
    refuses(b, ["verify", "net.seal", "--save-results", "wandb"], ["wandb"], "saved results")
    refuses(b, ["verify", "net.seal", "--save-results", "net.seal"], ["net.seal"], "saved results")
    b.must(["verify", "net.seal", "--save-results", "results"])
    (b.work / "results" / "mine").write_text("mine")
    refuses(b, ["verify", "net.seal", "--save-results", "results"], ["results"], "mine")
    (b.work / "results" / "mine").unlink()
    b.must(["verify", "net.seal", "--save-results", "results"])
    b.must(["verify", "net.seal", "--results", "results"])


def slow_worker(b, then):
    """A worker that calls `then` before it answers the last request."""

    class Slow(tiny_worker.TinyWorker):
        def on_bye(self, request):
            then()
            return {}

    ours, theirs = tiny_worker.socket.socketpair()
    Slow(ours).start()
    return theirs


def test_capture_refuses_what_appeared_meanwhile(b):
    seal = b.work / "new.seal"

    def appear():
        seal.mkdir()
        (seal / "stranger").write_text("mine")

    for force in ([], ["--force"]):
        shutil.rmtree(seal, ignore_errors=True)
        b.expect(2, [*b.capture, "-o", "new.seal", *force], "", worker=slow_worker(b, appear))
        assert (seal / "stranger").read_text() == "mine"
        b.leaves_no_litter()
    shutil.rmtree(seal)
    b.expect(2, [*b.capture, "-o", "new.seal"], "appeared", worker=slow_worker(b, lambda: seal.write_text("mine")))
    assert seal.read_text() == "mine"


def test_faults_12_convert_without_force_leaves_what_appeared_meanwhile(b):
    # A checkpoint of a size that takes a while, and a file that comes as soon as the command is at work.
    size = 1 << 28
    header = ('{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (size, size)).encode()
    with open(b.work / "large.safetensors", "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)
    process = b.start(["convert", "large.safetensors", "-o", "out.safetensors"])
    while process.poll() is None and not list(b.work.glob(".out.safetensors.*.partial")):
        time.sleep(0.002)
    (b.work / "out.safetensors").write_text("mine")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2 and b"appeared while this run was at work" in err, (process.returncode, err)
    assert (b.work / "out.safetensors").read_text() == "mine"
    b.leaves_no_litter()


def test_A11_what_a_killed_run_left_blocks_nobody_and_stays(b):
    for name in (".out.toml.1.partial", ".net.seal.1.partial", ".out.pth.1.partial"):
        (b.work / name).mkdir()
    # In a new PID namespace every run has the number 1, as in containers.
    alone = ["unshare", "--pid", "--fork", "--kill-child"]
    usable = subprocess.run([*alone, "true"], capture_output=True, check=False).returncode == 0
    for arguments in (["probe", "-o", "out.toml"], ["convert", "net.safetensors", "-o", "out.pth"]):
        for _ in range(2):
            command = [*(alone if usable else []), b.goldseal, *arguments, *(["--force"] if arguments[0] == "convert" else [])]
            done = subprocess.run(command, cwd=b.work, env=b.environment(), capture_output=True, check=False)
            assert done.returncode == 0, done.stderr
    b.seal()
    assert len(list(b.work.glob(".*.1.partial"))) == 3, "another run's staging was removed"


def test_long_names_and_names_that_are_not_utf8_can_be_written(b):
    for name in ("n" * 251 + ".pth", os.fsdecode(b"caf\xe9.pth"), "é" * 125 + ".pth"):
        b.must(["convert", "net.safetensors", "-o", name])
        assert (b.work / name).exists()
    b.leaves_no_litter()


def test_a_replaced_file_keeps_its_mode_and_a_linked_one_its_link(b):
    (b.work / "real").mkdir()
    (b.work / "real" / "out.pth").write_text("old")
    (b.work / "real" / "out.pth").chmod(0o600)
    os.symlink("real/out.pth", b.work / "out.pth")
    b.must(["convert", "net.safetensors", "-o", "out.pth", "--force"])
    assert (b.work / "out.pth").is_symlink()
    assert (b.work / "real" / "out.pth").stat().st_mode & 0o777 == 0o600
    assert (b.work / "real" / "out.pth").stat().st_size > 100
    refuses(b, ["convert", "net.safetensors", "-o", "out.pth"], ["real"], "exists already")


if __name__ == "__main__":
    bench.main(dict(globals()))
