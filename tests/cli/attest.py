# SPDX-License-Identifier: Apache-2.0
"""Verdicts and publishers' signatures: `attest.py GOLDSEAL TORCH_DIR`.

Kinds tried. Attestations: of a pass, of warnings, of a failure, of no verdict, of a check, of another seal, checkpoint, policy
and machine, old ones, by a stranger, several in one file, other statements. Publishers' signatures: of a file, of a directory,
in shards, with a key, by a stranger, keyless, over another file, over one file too few; a file that was changed. Code that a
seal names, where its signer counts and where not."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from signing_support import bundle_of, make_key, sh, statement_of

try:
    import torch
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(125)

GOLDSEAL, TORCH = sys.argv[1:3]
RUNTIME = ("--runtime", f"libtorch={TORCH}")


def goldseal(*arguments):
    done = sh(GOLDSEAL, *map(str, arguments), check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def judged(*arguments):
    code, out, err = goldseal(*arguments, "--format", "json")
    assert out, err
    return code, {f["id"]: f for f in json.loads(out)["findings"]}


def make_model():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
    torch.jit.script(network).save("net.pt")
    torch.save(network.state_dict(), "net.pth")
    code, out, err = goldseal("capture", "net.pth", "--model", "torchscript:net.pt", "--input", "input=random:1x3x8x8,seed=1", *RUNTIME)
    assert code == 0, (out, err)


def attest(report, output, *options, key="k"):
    return goldseal("attest", report, "--key", f"{key}.pem", "-o", output, "--force", *options)


def admission(attestation, *options, seal="net.seal"):
    code, findings = judged("check", seal, "--require-attestation", attestation, *options)
    finding = findings["seal.attestation"]
    breaches = [id for id, f in findings.items() if f["status"] == "fail"]
    if code == 1 and all(id.startswith("env.") for id in breaches):
        code = 0  # what the machine of this test lacks is not what is proved here
    return code, finding


def prove_attestation():
    by = ("--signed-by", "k.pub")
    code, out, err = goldseal("verify", "net.seal", *RUNTIME, "--report", "json=run.json", "--quiet")
    assert code == 0, (out, err)
    code, _, err = attest("run.json", "v.jsonl")
    assert code == 0, err
    line = pathlib.Path("v.jsonl").read_text()
    assert line.count("\n") == 1
    import base64

    statement = json.loads(base64.b64decode(json.loads(line)["dsseEnvelope"]["payload"]))
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    predicate = statement["predicate"]
    assert predicate["result"] in ("PASSED", "WARNED") and "golden.float64" in predicate["passedTests"], predicate
    subjects = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
    assert subjects["net.pth"] == hashlib.sha256(pathlib.Path("net.pth").read_bytes()).hexdigest()
    parts = {c["name"]: c for c in predicate["configuration"]}
    assert subjects["net.seal"] == parts["seal"]["digest"]["sha256"]
    assert "policy:deploy" in parts and parts["report"]["digest"]["sha256"] == hashlib.sha256(pathlib.Path("run.json").read_bytes()).hexdigest()
    # The seal's subject is the one that its signature has.
    sh(GOLDSEAL, "sign", "net.seal", "--key", "k.pem")
    signed = json.loads(base64.b64decode(json.loads(pathlib.Path("net.seal/model.sig").read_text())["dsseEnvelope"]["payload"]))
    assert signed["subject"][0]["digest"]["sha256"] == subjects["net.seal"]
    known = {name for name in parts["environment"]["annotations"] if name.startswith("torch.")}
    assert "torch.version" in known, known
    # Where check finds the PyTorch that ran, what files tell is compared; what was not compared is said.
    os.environ["GOLDSEAL_PYTHON"] = sys.executable
    code, finding = admission("v.jsonl", *by)
    assert code == 0 and finding["status"] in ("pass", "warn"), finding
    without = {**os.environ, "PATH": "/nonexistent", "HOME": os.getcwd(), "GOLDSEAL_PYTHON": "/nonexistent"}
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH"):
        without.pop(name, None)
    out = subprocess.run([GOLDSEAL, "check", "net.seal", "--require-attestation", "v.jsonl", *by, "--format", "json"],
                         env=without, capture_output=True, text=True, check=False).stdout
    finding = next(f for f in json.loads(out)["findings"] if f["id"] == "seal.attestation")
    # PyTorch lies in /usr too, which is always looked into: another version is another machine.
    assert finding["status"] in ("pass", "warn") or "torch.version" in finding["message"], finding
    machine_is_known = finding["status"] == "pass"
    if finding["status"] == "warn" and "torch.version" in finding["message"]:
        assert f"torch.version {parts['environment']['annotations']['torch.version']}" in finding["message"], finding
        assert "--target" in finding["remedy"], finding
    # The machine that serves may be named, and is compared in full: the one that ran, and another.
    sh(GOLDSEAL, "probe", *RUNTIME, "-o", "serving.toml")
    code, finding = admission("v.jsonl", *by, "--target", "serving.toml")
    assert finding["status"] == "pass", finding
    serving = pathlib.Path("serving.toml").read_text()
    version = parts["environment"]["annotations"]["torch.version"]
    pathlib.Path("other.toml").write_text(serving.replace(f'"{version}"', '"1.0.0"'))
    code, finding = admission("v.jsonl", *by, "--target", "other.toml")
    assert finding["status"] == "fail" and "torch.version" in finding["message"], finding
    os.rename("net.pth", "away.pth")
    code, _, err = goldseal("check", "net.seal", "--require-attestation", "v.jsonl", *by, "--target", "serving.toml")
    assert code == 2 and "the checkpoint is missing" in err, err
    os.rename("away.pth", "net.pth")

    def refused(words, attestation="v.jsonl", *options, seal="net.seal", by=by):
        code, finding = admission(attestation, *by, *options, seal=seal)
        assert code != 0 and finding["status"] == "fail" and words in finding["message"], (words, finding)

    refused("found one by another", by=("--signed-by", "other.pub", "--signature", "warn"))
    code, _, err = goldseal("check", "net.seal", "--require-attestation", "v.jsonl")
    assert code == 2 and "--signed-by" in err, err
    pathlib.Path("p.toml").write_text('[policy]\nname = "p"\nextends = "deploy"\n')
    refused("on this policy", "v.jsonl", "--policy", "p.toml")
    code, _, err = goldseal("check", "net.seal", "--require-attestation", "v.jsonl", *by, "--max-age", "soon")
    assert code == 2 and "90s, 30m, 12h or 7d" in err, err
    # Another seal of the same checkpoint, another checkpoint of the same seal.
    sh(GOLDSEAL, "capture", "net.pth", "--model", "torchscript:net.pt", "--input", "input=random:1x3x8x8,seed=2", *RUNTIME, "-o", "second.seal")
    refused("on this seal", seal="second.seal")
    report = json.loads(pathlib.Path("run.json").read_text())

    def with_report(change, name="changed.json"):
        changed = json.loads(json.dumps(report))
        change(changed)
        pathlib.Path(name).write_text(json.dumps(changed))
        return name

    def old(r):
        r["started"] = "2020-01-01T00:00:00Z"

    def future(r):
        r["started"] = "2999-01-01T00:00:00Z"

    def other_gpu(r):
        r["evidence"]["environment"].append({"name": "cpu.model", "found": "Another CPU", "sealed": "", "status": "skipped"})
        r["evidence"]["environment"] = [e for e in r["evidence"]["environment"] if e["name"] != "cpu.model" or e["found"] == "Another CPU"]
        r["evidence"]["environment"] = [e for e in r["evidence"]["environment"] if not e["name"].startswith(("torch.", "python."))]

    def without_torch(r):
        r["evidence"]["environment"] = [e for e in r["evidence"]["environment"] if not e["name"].startswith(("torch.", "python.", "cpu.aten"))]

    def other_checkpoint(r):
        for s in r["subjects"]:
            if s["role"] == "checkpoint":
                s["sha256"] = "0" * 64

    def failing(r):
        r["findings"][0]["status"] = "fail"
        r["findings"][0]["severity"] = "fail"
        r.pop("verdict")

    for change, words in ((other_gpu, "cpu.model is Another CPU there"), (other_checkpoint, "on this checkpoint"), (failing, "the attested verdict is FAIL")):
        code, _, err = attest(with_report(change), "bad.jsonl")
        assert code == 0, err
        refused(words, "bad.jsonl")
    known_machine = json.loads(json.dumps(report))
    without_torch(known_machine)
    report = known_machine  # of the facts that check finds wherever it runs
    code, _, err = attest(with_report(lambda r: None), "good.jsonl")
    assert code == 0, err
    code, finding = admission("good.jsonl", *by)
    assert code == 0 and finding["status"] == "pass", (code, finding)
    code, finding = admission("good.jsonl", *by, "--max-age", "7d")
    assert code == 0 and finding["status"] == "pass", finding
    for change, words in ((old, "--max-age"), (future, "of a time to come")):
        attest(with_report(change), "bad.jsonl")
        refused(words, "bad.jsonl", "--max-age", "7d")
    pathlib.Path("both.jsonl").write_text(pathlib.Path("bad.jsonl").read_text() + pathlib.Path("good.jsonl").read_text())
    code, finding = admission("both.jsonl", *by)
    assert code == 0 and finding["status"] == "pass", finding
    refused("predicateType: expected https://in-toto.io/attestation", "net.seal/model.sig")
    pathlib.Path("empty.jsonl").write_text("\n")
    refused("found none", "empty.jsonl")

    # No verdict, nothing to attest.
    def inconclusive(r):
        r["findings"] = [{"id": "x.y", "status": "unknown", "severity": "required"}]
        r.pop("verdict")

    code, _, err = attest(with_report(inconclusive), "none.jsonl")
    assert code == 2 and "found INCONCLUSIVE" in err and not os.path.exists("none.jsonl"), err
    code, _, err = attest(with_report(lambda r: r.pop("subjects")), "none.jsonl")
    assert code == 2 and "on a seal and a checkpoint" in err, err
    # The report of a check is no verdict on the answers.
    sh(GOLDSEAL, "check", "net.seal", "--report", "json=check.json", "--quiet")
    attest("check.json", "check.jsonl")
    refused("of a model's run (verify)", "check.jsonl")
    # A bill of materials, signed with the verdict's subjects.
    sh(GOLDSEAL, "bom", "net.seal", "-o", "net.cdx.json")
    code, _, err = attest("run.json", "bom.jsonl", "--bom", "net.cdx.json")
    assert code == 0, err
    told = json.loads(base64.b64decode(json.loads(pathlib.Path("bom.jsonl").read_text())["dsseEnvelope"]["payload"]))
    assert told["predicateType"] == "https://cyclonedx.org/bom" and told["predicate"]["bomFormat"] == "CycloneDX"
    # Whoever signs a bill of materials signs one, and that of the seal that was verified; another tool's names no seal.
    sh(GOLDSEAL, "bom", "second.seal", "-o", "second.cdx.json")
    for file, words in (("run.json", "found other JSON"), ("second.cdx.json", "that of another seal")):
        code, _, err = attest("run.json", "none.jsonl", "--bom", file)
        assert code == 2 and words in err and not os.path.exists("none.jsonl"), (file, code, err)
    pathlib.Path("other.cdx.json").write_text('{"bomFormat": "CycloneDX", "specVersion": "1.6"}')
    code, _, err = attest("run.json", "other.jsonl", "--bom", "other.cdx.json")
    assert code == 0, err
    print("proved: attestations", machine_is_known)


def prove_model_signature():
    model = pathlib.Path("published")
    shutil.rmtree(model, ignore_errors=True)
    model.mkdir()
    shutil.copy("net.pth", model)
    (model / "README").write_text("x")
    at = ("--checkpoint", model / "net.pth")

    def told(*options):
        code, findings = judged("check", "net.seal", *at, "--model-signature", model / "model.sig", *options)
        breaches = [id for id, f in findings.items() if f["status"] == "fail"]
        return 0 if code == 1 and all(id.startswith("env.") for id in breaches) else code, findings["file.signature"]

    by = ("--model-key", "k.pub")
    bundle = bundle_of(statement_of(model))
    (model / "model.sig").write_text(json.dumps(bundle))
    code, finding = told(*by)
    assert code == 0 and finding["status"] == "pass", finding
    code, finding = told("--model-key", "other.pub")
    assert code == 4 and "found one by another" in finding["message"], (code, finding)
    (model / "model.sig").write_text(json.dumps(bundle_of(statement_of(model, lambda r: [x for x in r if x["name"] != "net.pth"]))))
    code, finding = told(*by)
    assert code == 4 and "does not cover this file" in finding["message"], finding
    (model / "model.sig").write_text(json.dumps(bundle_of(statement_of(model, lambda r: [{**x, "digest": "0" * 64} for x in r]))))
    code, finding = told(*by)
    assert code == 4 and "found another" in finding["message"], finding
    data = (model / "net.pth").read_bytes()
    for shift, words in ((0, None), (1, "does not cover its bytes")):
        shards = [{"name": f"net.pth:{a + (shift if a else 0)}:{b}", "algorithm": "sha256-sharded-100", "digest": hashlib.sha256(data[a + (shift if a else 0):b]).hexdigest()}
                  for a, b in ((0, 100), (100, len(data)))]
        statement = statement_of(model, lambda r, shards=shards: shards)
        statement["predicate"]["serialization"].update(method="shards", shard_size=100)
        (model / "model.sig").write_text(json.dumps(bundle_of(statement)))
        code, finding = told(*by)
        assert (code == 0) == (words is None) and (words is None or words in finding["message"]), finding
    single = statement_of(model, lambda r: [{**x, "name": "."} for x in r if x["name"] == "net.pth"])
    (model / "model.sig").write_text(json.dumps(bundle_of(single)))
    code, finding = told(*by)
    assert code == 0 and finding["status"] == "pass", finding
    vectors = pathlib.Path(__file__).resolve().parents[1] / "unit" / "signing" / "vectors"
    keyless = json.loads((vectors / "spec-sigstore.json").read_text())
    keyless["dsseEnvelope"]["payload"] = bundle["dsseEnvelope"]["payload"]
    (model / "model.sig").write_text(json.dumps(keyless))
    code, finding = told(*by)
    assert code == 3 and finding["status"] == "unknown" and "keyless" in finding["message"], (code, finding)
    assert "model_signing verify sigstore" in finding["remedy"], finding
    code, _, err = goldseal("check", "net.seal", *at, "--model-signature", "missing.sig", *by)
    assert code == 2, err
    print("proved: publishers' signatures")


def prove_trusted_code():
    pathlib.Path("mine.py").write_text("import torch\n\n\nclass Net(torch.nn.Linear):\n    def __init__(self):\n        super().__init__(4, 2)\n")
    torch.manual_seed(0)
    torch.save(nn.Linear(4, 2).state_dict(), "mine.pth")
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    python = ("--runtime", f"python={sys.executable}")
    sh(GOLDSEAL, "capture", "mine.pth", "--model", "python:mine:Net", "--input", "input=random:1x4,seed=1", *python, env=env)
    sh(GOLDSEAL, "sign", "mine.seal", "--key", "k.pem")

    def verify(*options):
        done = sh(GOLDSEAL, "verify", "mine.seal", *python, *options, check=False, env=env)
        said = done.stdout.decode() + done.stderr.decode()
        return done.returncode, done.returncode in (0, 1), said

    code, ran, said = verify("--trust-code=signed", "--signed-by", "k.pub")
    assert code == 0 and "not run" not in said.split("\n")[0], (code, said)
    code, ran, said = verify("--signed-by", "k.pub")
    assert code == 3, (code, said)
    code, ran, said = verify("--trust-code=signed", "--signed-by", "other.pub")
    assert code == 4 and not ran, (code, said)
    code, ran, said = verify("--trust-code=signed", "--signed-by", "other.pub", "--signature", "warn")
    assert code == 3 and not ran, (code, said)
    print("proved: code of seals whose signer counts")


def main():
    if shutil.which("openssl") is None:
        print("skipped: no openssl")
        sys.exit(125)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_key("k")
        make_key("other")
        make_model()
        prove_attestation()
        prove_model_signature()
        prove_trusted_code()
        os.chdir("/")


main()
