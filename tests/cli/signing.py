# SPDX-License-Identifier: Apache-2.0
"""Who sealed it: signing a seal and refusing others. `signing.py GOLDSEAL SAMPLE.seal`; needs openssl, no PyTorch.

Kinds tried. Keys: the three curves, encrypted ones, other algorithms, public for private, certificates. Signatures:
none, another's, broken, over another seal, of another version, with a wrong hint, several. What was signed: names twice,
absolute, `..`, a link, a file too many, one too few, one changed, line ends, one that is ignored, shards. Who says that it
is needed: flag, variable, goldseal.toml, policy, and which of these wins. What becomes of the seal: moved, copied, replaced,
checked out by git."""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from signing_support import bundle_of, make_key, pae, sh, statement_of

GOLDSEAL = sys.argv[1]
SAMPLE = pathlib.Path(sys.argv[2]).resolve()
if shutil.which("openssl") is None:
    print("skipped: no openssl")
    sys.exit(125)


def goldseal(*arguments, env=None):
    done = sh(GOLDSEAL, *map(str, arguments), check=False, env=env)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check(seal, *options, env=None, verb="check"):
    """The finding on the signature, the exit code, and everything else that was found."""
    target = ("--target", "target.toml") if verb == "check" else ()  # the sample's checkpoint is not here
    code, out, err = goldseal(verb, seal, *target, *options, "--format", "json", env=env)
    if not out:
        return None, code, err
    findings = {f["id"]: f for f in json.loads(out)["findings"]}
    return findings["seal.signature"], code, findings


def refused(seal, words, *options):
    finding, code, others = check(seal, *options)
    assert finding is not None, others
    assert code == 4 and finding["status"] == "fail" and finding["severity"] == "integrity", (code, finding)
    assert list(others) == ["seal.signature"], list(others)  # nothing else was read
    assert words in finding["message"], (words, finding["message"])
    assert finding["remedy"], finding
    return finding["message"]


def accepted(seal, *options):
    finding, _, others = check(seal, *options)
    assert finding is not None, others
    assert finding["status"] == "pass", finding
    assert "seal.manifest" in others and others["seal.golden-file"]["status"] == "pass"
    return finding["message"]


def copy(name):
    target = pathlib.Path(name)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(SAMPLE, target)
    return target


def write_signature(seal, bundle):
    (seal / "model.sig").write_text(json.dumps(bundle))


def prove_keys():
    for curve in ("P-256", "P-384", "P-521"):
        make_key("c", curve)
        seal = copy("curve.seal")
        code, out, err = goldseal("sign", seal, "--key", "c.pem")
        assert code == 0 and "2 files signed by c.pem" in out and curve in out, (code, out, err)
        assert "covers all 2 files" in accepted(seal, "--signed-by", "c.pub")
        code, _, err = goldseal("sign", seal, "--key", "c.pem")
        assert code == 2 and "model.sig" in err, err  # no signature is lost by accident
        assert goldseal("sign", seal, "--key", "c.pem", "--force")[0] == 0
    make_key("locked", "P-256", "-aes256", "-pass", "pass:open sesame")
    pathlib.Path("right").write_text("open sesame\n")
    pathlib.Path("wrong").write_text("open barley\n")
    seal = copy("locked.seal")
    code, _, err = goldseal("sign", seal, "--key", "locked.pem", "--passphrase-file", "wrong")
    assert code == 2 and "passphrase does not open" in err, err
    assert not (seal / "model.sig").exists()
    assert goldseal("sign", seal, "--key", "locked.pem", "--passphrase-file", "right")[0] == 0
    accepted(seal, "--signed-by", "locked.pub")
    done = subprocess.run(["bash", "-c", f'"$0" sign {seal} --force --key locked.pem --passphrase-fd 7 7<right', GOLDSEAL],
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(["setsid", GOLDSEAL, "sign", seal, "--force", "--key", "locked.pem"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--passphrase-file" in done.stderr, done.stderr
    sh("openssl", "genpkey", "-algorithm", "ED25519", "-out", "ed.pem")
    sh("openssl", "genpkey", "-algorithm", "RSA", "-out", "rsa.pem")
    sh("openssl", "ecparam", "-name", "secp256k1", "-genkey", "-noout", "-out", "koblitz.pem")
    sh("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-param_enc", "explicit", "-out", "explicit.pem")
    for key in ("ed.pem", "rsa.pem", "koblitz.pem", "explicit.pem", "c.pub", "right"):
        code, _, err = goldseal("sign", seal, "--force", "--key", key)
        assert code == 2 and "expected a" in err and "fix" in err, (key, code, err)
    for file in ("c.pem", "right"):
        code, _, err = goldseal("check", seal, "--signed-by", file)
        assert code == 2 and "expected" in err, err
    code, _, err = goldseal("sign", seal)
    assert code == 2 and "expected one of --key, --pae and --attach" in err, err


def prove_two_steps():
    seal = copy("token.seal")
    assert goldseal("sign", seal, "--pae", "bytes")[0] == 0
    assert pathlib.Path("bytes").read_bytes().startswith(b"DSSEv1 28 application/vnd.in-toto+json ")
    assert not (seal / "model.sig").exists()
    pathlib.Path("leaf.pem").write_text("kept")
    code, _, err = goldseal("sign", seal, "--pae", "leaf.pem", "--certificate", "leaf.pem")
    assert code == 2 and "it is an input of this run" in err and pathlib.Path("leaf.pem").read_text() == "kept", err
    sh("openssl", "dgst", "-sha256", "-sign", "k.pem", "-out", "sig", "bytes")
    code, _, err = goldseal("sign", seal, "--attach", "sig", "--public-key", "other.pub")
    assert code == 2 and "expected a signature by" in err, err
    assert goldseal("sign", seal, "--attach", "sig", "--public-key", "k.pub")[0] == 0
    accepted(seal, "--signed-by", "k.pub")
    code, _, err = goldseal("sign", seal, "--attach", "sig")
    assert code == 2 and "--public-key or --certificate" in err, err
    pathlib.Path("sig").write_bytes(b"no signature")
    code, _, err = goldseal("sign", seal, "--force", "--attach", "sig", "--public-key", "k.pub")
    assert code == 2 and "that are neither" in err, err
    accepted(seal, "--signed-by", "k.pub")


def prove_plain_openssl():
    """The line of docs/signing.md: payload, PAE, signature, and the root over the digests."""
    seal = copy("plain.seal")
    assert goldseal("sign", seal, "--key", "k.pem")[0] == 0
    bundle = json.loads((seal / "model.sig").read_text())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"], validate=True)
    pathlib.Path("pae").write_bytes(pae(payload))
    pathlib.Path("sig").write_bytes(base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"], validate=True))
    assert b"Verified OK" in sh("openssl", "dgst", "-sha256", "-verify", "k.pub", "-signature", "sig", "pae").stdout
    hint = hashlib.sha256(sh("openssl", "pkey", "-pubin", "-in", "k.pub", "-pubout").stdout).hexdigest()
    assert bundle["verificationMaterial"]["publicKey"]["hint"] == hint
    statement = json.loads(payload)
    assert [r["name"] for r in statement["predicate"]["resources"]] == ["golden.safetensors", "manifest.toml"]
    assert statement["subject"][0]["name"] == "plain.seal"
    wanted = statement_of(seal)
    assert statement["predicate"]["resources"] == wanted["predicate"]["resources"]
    assert statement["subject"][0]["digest"] == wanted["subject"][0]["digest"]
    # A second key's text before the PEM, as GnuTLS writes it, changes no hint.
    pathlib.Path("talkative.pub").write_text("Public Key Info:\n\tKey ID\n\n" + pathlib.Path("k.pub").read_text())
    accepted(seal, "--signed-by", "talkative.pub")
    pathlib.Path("both.pub").write_text(pathlib.Path("other.pub").read_text() + pathlib.Path("k.pub").read_text())
    accepted(seal, "--signed-by", "both.pub")
    accepted(seal, "--signed-by", "other.pub", "--signed-by", "k.pub")


def prove_refusals():
    seal = copy("hostile.seal")
    by = ("--signed-by", "k.pub")
    messages = [refused(seal, "expected a signature of the seal, found none", *by)]
    assert goldseal("sign", seal, "--key", "other.pem")[0] == 0
    messages.append(refused(seal, "found one by another", *by))
    write_signature(seal, bundle_of(statement_of(seal)))
    accepted(seal, *by)
    good = json.loads((seal / "model.sig").read_text())

    def hostile(words, statement=None, **changes):
        bundle = bundle_of(statement) if statement is not None else json.loads(json.dumps(good))
        for key, value in changes.items():
            bundle["dsseEnvelope"][key] = value
        write_signature(seal, bundle)
        messages.append(refused(seal, words, *by))

    hostile("expected one signature, found 2", signatures=good["dsseEnvelope"]["signatures"] * 2)
    hostile("that of URLs", payload=good["dsseEnvelope"]["payload"][:-4] + "_-8=")
    hostile("with its padding", payload=good["dsseEnvelope"]["payload"].rstrip("=") + "A=")
    other = copy("elsewhere.seal")
    (other / "more").write_text("x")
    hostile("the signature is broken", payload=bundle_of(statement_of(other))["dsseEnvelope"]["payload"])
    write_signature(seal, bundle_of(statement_of(seal), hint="0" * 64))
    messages.append(refused(seal, "the bundle's hint is wrong", *by))
    write_signature(seal, bundle_of(statement_of(seal), key="other", hint=good["verificationMaterial"]["publicKey"]["hint"]))
    refused(seal, "the signature is broken", *by)  # a stranger's, under the signer's name
    more = {"name": "x", "algorithm": "sha256", "digest": "0" * 64}
    for words, replace in (("stands twice", lambda r: r + [r[0]]), ("it is absolute", lambda r: r + [{**more, "name": "/x"}]),
                           ("leads out of the model", lambda r: r + [{**more, "name": "../x"}]),
                           ("is missing from the seal", lambda r: r + [more]),
                           ("the signature does not cover it", lambda r: r[:1]),
                           ("expected sha256", lambda r: [{**r[0], "algorithm": "md5"}, r[1]])):
        hostile(words, statement_of(seal, replace))
    old = statement_of(seal)
    old["predicateType"] = "https://model_signing/Digests/v0.1"
    hostile("version 0.2", old)
    single = statement_of(seal, lambda r: [{**r[1], "name": "."}])
    hostile("one of a single file", single)
    # What the signer ignores is not read either.
    ignoring = statement_of(seal, lambda r: r[1:])
    ignoring["predicate"]["serialization"]["ignore_paths"].append("golden.safetensors")
    write_signature(seal, bundle_of(ignoring))
    _, code, others = check(seal, *by)
    assert code == 4 and others["seal.golden-file"]["status"] == "fail", (code, others["seal.golden-file"])
    ignoring = statement_of(seal)
    ignoring["predicate"]["serialization"]["ignore_paths"].append("manifest.toml")
    hostile("also says to ignore it", ignoring)
    shards = statement_of(seal)
    size = (seal / "golden.safetensors").stat().st_size
    data = (seal / "golden.safetensors").read_bytes()
    for parts, words in ((((0, 10), (10, size)), None), (((0, 10),), "leaves out its bytes from 10"),
                         (((0, 10), (11, size)), "leaves out its bytes from 10"), (((0, size + 1),), "that were signed, found")):
        resources = [{"name": f"golden.safetensors:{a}:{b}", "algorithm": "sha256", "digest": hashlib.sha256(data[a:b]).hexdigest()} for a, b in parts]
        manifest = shards["predicate"]["resources"][-1]
        length = (seal / "manifest.toml").stat().st_size
        whole = statement_of(seal, lambda r: resources + [{**manifest, "name": f"manifest.toml:0:{length}"}])
        whole["predicate"]["serialization"].update(method="shards", shard_size=10)
        write_signature(seal, bundle_of(whole))
        if words is None:
            accepted(seal, *by)
        else:
            refused(seal, words, *by)
    write_signature(seal, good)
    accepted(seal, *by)
    # The files themselves.
    (seal / "notes.txt").write_text("later")
    messages.append(refused(seal, "notes.txt: it lies in the seal, and the signature does not cover it", *by))
    (seal / "notes.txt").unlink()
    (seal / "link").symlink_to("/etc/passwd")
    messages.append(refused(seal, "found a symbolic link: link", *by))
    (seal / "link").unlink()
    os.mkfifo(seal / "pipe")
    messages.append(refused(seal, "found something else: pipe", *by))
    (seal / "pipe").unlink()
    golden = (seal / "golden.safetensors").read_bytes()
    (seal / "golden.safetensors").write_bytes(golden[:-1] + bytes([golden[-1] ^ 1]))
    messages.append(refused(seal, "golden.safetensors: expected the file that was signed", *by))
    (seal / "golden.safetensors").unlink()
    messages.append(refused(seal, "golden.safetensors: it was signed, and is missing", *by))
    (seal / "golden.safetensors").write_bytes(golden)
    text = (seal / "manifest.toml").read_bytes()
    (seal / "manifest.toml").write_bytes(b"a forger's [[[ manifest")
    messages.append(refused(seal, "manifest.toml: expected the file that was signed", *by))  # not parsed
    (seal / "manifest.toml").write_bytes(text.replace(b"\n", b"\r\n"))
    finding, _, _ = check(seal, *by)
    assert "line ends are CRLF" in finding["message"] and "-text" in finding["remedy"], finding
    (seal / "manifest.toml").write_bytes(text)
    (seal / "model.sig").rename("elsewhere.sig")
    (seal / "model.sig").symlink_to(pathlib.Path("elsewhere.sig").resolve())
    messages.append(refused(seal, "found a symbolic link or something else", *by))
    (seal / "model.sig").unlink()
    for text in ("", "{", "null", "[" * 100000, '"x"', "\ufeff{}", json.dumps(good) + "\0", json.dumps(good) + '\0{"more": 1}'):
        (seal / "model.sig").write_text(text)
        refused(seal, "model.sig", *by)
    assert len(set(messages)) == len(messages), sorted(messages)
    # A damaged seal is not signed.
    (seal / "model.sig").unlink()
    (seal / "golden.safetensors").write_bytes(golden + b"x")
    code, _, err = goldseal("sign", seal, "--key", "k.pem")
    assert code == 4 and "a signature would vouch for damage" in err, (code, err)
    assert not (seal / "model.sig").exists()


def prove_other_verbs():
    seal, bare = copy("one.seal"), copy("two.seal")
    assert goldseal("sign", seal, "--key", "k.pem")[0] == 0
    finding, code, others = check(bare, "--signed-by", "k.pub", verb="verify")
    assert code == 4 and list(others) == ["seal.signature"], (code, list(others))
    code, out, err = goldseal("diff", seal, bare, "--signed-by", "k.pub")
    assert code == 4 and "expected a signature of the seal, found none" in err and not out, (code, out, err)
    assert goldseal("sign", bare, "--key", "other.pem")[0] == 0
    assert goldseal("diff", seal, bare, "--signed-by", "k.pub", "--signed-by", "other.pub")[0] == 0
    # What has no signature to judge is told, not passed over: a checkpoint's tensors, one side or both.
    tensors = seal / "golden.safetensors"
    for sides in ((tensors, tensors), (seal, tensors), (tensors, seal)):
        code, out, err = goldseal("diff", *sides, "--signed-by", "k.pub")
        assert code == 2 and "expected seals, whose signatures can be judged" in err and not out, (sides, code, out, err)
    code, out, _ = goldseal("check", bare, "--signed-by", "k.pub")
    assert code == 4 and "seal.signature" in out, out
    assert goldseal("explain", "seal.signature")[0] == 0


def prove_who_asks():
    """The command line and variables go before the policy, and the policy before goldseal.toml."""
    seal, bare = copy("signed.seal"), copy("bare.seal")
    assert goldseal("sign", seal, "--key", "k.pem")[0] == 0
    os.makedirs("keys", exist_ok=True)
    shutil.copy("k.pub", "keys/release.pub")

    def policy(text):
        pathlib.Path("keys/p.toml").write_text('[policy]\nname = "p"\nextends = "deploy"\n' + text)
        return ("--policy", "keys/p.toml")

    strict = policy('signature = "require"\nsigned-by = ["release.pub"]\n')
    accepted(seal, *strict)
    refused(bare, "found none", *strict)
    refused(bare, "found none", *policy('signed-by = ["release.pub"]\n'))
    finding, code, others = check(bare, *policy('signature = "warn"\nsigned-by = ["release.pub"]\n'))
    assert finding["status"] == "warn" and "seal.manifest" in others, finding
    refused(bare, "found none", "--policy", "keys/p.toml", "--signed-by", "k.pub")  # the flag asks for more than the policy
    finding, _, _ = check(bare, *policy('signature = "off"\n'))
    assert finding["status"] == "skipped"
    for text, words in (('signature = "maybe"\n', "expected off, warn or require"), ('signature = "require"\n', "expected keys that count"),
                        ('[checks]\n"seal.signature" = { severity = "warn" }\n', "seal.signature"),
                        ('[[waiver]]\ncheck = "seal.signature"\nreason = "x"\nuntil = "2999-01-01"\n', "seal.signature")):
        code, _, err = goldseal("check", seal, *policy(text))
        assert code == 2 and words in err, (text, code, err)
    strict = policy('signature = "require"\nsigned-by = ["release.pub"]\n')
    pathlib.Path("goldseal.toml").write_text('signed-by = ["k.pub"]\n')
    accepted(seal)
    refused(bare, "found none")
    pathlib.Path("goldseal.toml").write_text('signature = "off"\nsigned-by = ["other.pub"]\n')
    finding, _, _ = check(bare)
    assert finding["status"] == "skipped"
    refused(bare, "found none", *strict)  # a file that lies about weakens no policy
    accepted(seal, *strict)
    code, _, err = goldseal("check", seal, "--trust-code=signed")
    assert code == 2
    pathlib.Path("goldseal.toml").write_text('signed-by = ["k.pub"]\n')
    code, _, err = goldseal("verify", seal, "--trust-code=signed")
    assert code == 2 and "expected signers that you named" in err, err
    # Keys that the user names ask for a signature by them, whatever a file that lies about says.
    for text in ('signature = "off"\n', 'signature = "warn"\n', '[check]\nsignature = "off"\n'):
        pathlib.Path("goldseal.toml").write_text(text)
        refused(bare, "found none", "--signed-by", "k.pub")
        os.environ["GOLDSEAL_SIGNED_BY"] = "k.pub"
        refused(bare, "found none")
        del os.environ["GOLDSEAL_SIGNED_BY"]
        finding, _, _ = check(bare, "--signed-by", "k.pub", "--config", "goldseal.toml")
        assert finding["status"] in ("skipped", "warn"), finding
    pathlib.Path("goldseal.toml").write_text('signed-by = ["k.pub"]\n')
    code, _, err = goldseal("check", seal, "--require-attestation", "none.jsonl")
    assert code == 2 and "expected signers that you named" in err, err
    pathlib.Path("goldseal.toml").unlink()
    code, _, err = goldseal("verify", seal, "--trust-code=signed")
    assert code == 2 and "expected keys that count beside" in err, err
    code, _, err = goldseal("verify", seal, "--trust-code=perhaps")
    assert code == 2 and "true, false or signed" in err, err
    environment = {**os.environ, "GOLDSEAL_SIGNED_BY": "k.pub"}
    finding, code, _ = check(bare, env=environment)
    assert code == 4, finding


def prove_places():
    seal = copy("moved.seal")
    assert goldseal("sign", seal, "--key", "k.pem")[0] == 0
    os.makedirs("far/away", exist_ok=True)
    shutil.move("moved.seal", "far/away/another name.seal")
    moved = pathlib.Path("far/away/another name.seal")
    accepted(moved, "--signed-by", "k.pub")
    accepted(f"{moved}/", "--signed-by", "k.pub")
    if shutil.which("rsync"):
        sh("rsync", "-a", f"{moved}/", "copied.seal/")
        accepted("copied.seal", "--signed-by", "k.pub")
    sh("tar", "cf", "s.tar", "-C", str(moved.parent), moved.name)
    os.makedirs("untarred", exist_ok=True)
    sh("tar", "xf", "s.tar", "-C", "untarred")
    accepted(f"untarred/{moved.name}", "--signed-by", "k.pub")
    if shutil.which("git") is None:
        return
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
           "GIT_COMMITTER_EMAIL": "a@b"}
    for setting, attributes, holds in (("false", None, True), ("input", None, True), ("true", None, False),
                                       ("true", "*.seal/** -text\n", True)):
        shutil.rmtree("repo", ignore_errors=True)
        shutil.rmtree("clone", ignore_errors=True)
        shutil.copytree(moved, "repo/n.seal")
        if attributes:
            pathlib.Path("repo/.gitattributes").write_text(attributes)
        sh("git", "init", "-q", "repo", env=env)
        sh("git", "-C", "repo", "add", "-A", env=env)
        sh("git", "-C", "repo", "commit", "-qm", "x", env=env)
        sh("git", "-c", f"core.autocrlf={setting}", "clone", "-q", "repo", "clone", env=env)
        if holds:
            accepted("clone/n.seal", "--signed-by", "k.pub")
        else:
            refused("clone/n.seal", "line ends are CRLF", "--signed-by", "k.pub")


def prove_certificates():
    def issue(name, subject, extensions, issuer=None, days="30"):
        sh("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.pem")
        sh("openssl", "req", "-new", "-key", f"{name}.pem", "-subj", f"/CN={subject}", "-out", f"{name}.csr")
        pathlib.Path("ext").write_text(extensions)
        by = ("-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.pem") if issuer else ("-signkey", f"{name}.pem")
        sh("openssl", "x509", "-req", "-in", f"{name}.csr", *by, "-days", days, "-extfile", "ext", "-set_serial", str(hash(name) & 0xFFFFFF), "-out", f"{name}.crt")

    authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\nsubjectKeyIdentifier=hash\n"
    signer = "keyUsage=digitalSignature\nextendedKeyUsage=codeSigning\nsubjectAltName=email:release@example.org\n"
    issue("root", "root", authority)
    issue("between", "between", authority, "root")
    issue("leaf", "leaf", signer, "between")
    seal = copy("cert.seal")
    code, _, err = goldseal("sign", seal, "--key", "leaf.pem", "--certificate", "leaf.crt", "--chain", "between.crt")
    assert code == 0, err
    identity = ("--identity", "release@example.org")
    accepted(seal, "--signed-by", "root.crt", *identity)
    accepted(seal, "--signed-by", "leaf.crt")
    sh("openssl", "pkey", "-in", "leaf.pem", "-pubout", "-out", "leaf.pub")
    accepted(seal, "--signed-by", "leaf.pub")
    # A certificate counts for the moment that the user gives: it is valid in days to come, not in years, and was not before.
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert "by your word" in accepted(seal, "--signed-by", "root.crt", *identity, "--certificate-time", now)
    refused(seal, "expired", "--signed-by", "root.crt", *identity, "--certificate-time", "2099-01-01")
    refused(seal, "not yet valid", "--signed-by", "root.crt", *identity, "--certificate-time", "2001-01-01")
    code, _, err = goldseal("check", seal, "--signed-by", "root.crt", *identity, "--certificate-time", "sometime")
    assert code == 2 and "--certificate-time" in err, err
    # The signature may be kept elsewhere; another seal's, none, and a link in the seal's own place are told.
    os.rename(os.path.join(seal, "model.sig"), "kept.sig")
    refused(seal, "found none", "--signed-by", "leaf.pub")
    accepted(seal, "--signed-by", "leaf.pub", "--signature-file", "kept.sig")
    other = copy("kept.seal")
    with open(os.path.join(other, "manifest.toml"), "a") as manifest:
        manifest.write("# x\n")
    refused(other, "expected the file that was signed", "--signed-by", "leaf.pub", "--signature-file", "kept.sig")
    for wrong in ("gone.sig", "k.pub"):
        assert goldseal("check", seal, "--signed-by", "leaf.pub", "--signature-file", wrong)[0] in (2, 4), wrong
    code, _, err = goldseal("check", seal, "--signature-file", "kept.sig")
    assert code == 2 and "--signed-by" in err, err
    os.rename("kept.sig", os.path.join(seal, "model.sig"))
    refused(seal, "expected a signer named someone@else", "--signed-by", "root.crt", "--identity", "someone@else")
    code, _, err = goldseal("check", seal, "--signed-by", "root.crt")
    assert code == 2 and "expected --identity" in err, err
    issue("stranger", "root", authority)
    refused(seal, "that a trusted one stands behind", "--signed-by", "stranger.crt", *identity)
    refused(seal, "found one by another", "--signed-by", "k.pub")
    code, _, err = goldseal("sign", seal, "--force", "--key", "k.pem", "--certificate", "leaf.crt")
    assert code == 2 and "found that of another key" in err, err
    issue("server", "server", "keyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n", "between")
    code, _, err = goldseal("sign", seal, "--force", "--key", "server.pem", "--certificate", "server.crt", "--chain", "between.crt")
    assert code == 2 and "codeSigning" in err, err
    issue("expired", "leaf", signer, "between", "-1")
    if goldseal("sign", seal, "--force", "--key", "expired.pem", "--certificate", "expired.crt", "--chain", "between.crt")[0] == 0:
        refused(seal, "expired", "--signed-by", "root.crt", *identity)
    assert goldseal("sign", seal, "--force", "--pae", "bytes")[0] == 0
    sh("openssl", "dgst", "-sha256", "-sign", "leaf.pem", "-out", "sig", "bytes")
    assert goldseal("sign", seal, "--force", "--attach", "sig", "--certificate", "leaf.crt", "--chain", "between.crt")[0] == 0
    accepted(seal, "--signed-by", "root.crt", "--identity", "*")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sh(GOLDSEAL, "probe", "-o", "target.toml")
        make_key("k")
        make_key("other")
        for proof in (prove_keys, prove_two_steps, prove_plain_openssl, prove_refusals, prove_other_verbs, prove_who_asks,
                      prove_places, prove_certificates):
            if len(sys.argv) > 3 and sys.argv[3] not in proof.__name__:
                continue
            proof()
            print("proved", proof.__name__)


main()
