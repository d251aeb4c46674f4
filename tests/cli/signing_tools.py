# SPDX-License-Identifier: Apache-2.0
"""Others read what goldseal signs, and goldseal what others sign. `signing_tools.py GOLDSEAL SAMPLE.seal`.

Tools: model-signing (the reference implementation) both ways, securesystemslib, a PKCS#11 token (softhsm2 with pkcs11-tool).
Kinds tried: each curve, certificates with a chain, a flat and a nested directory, one file, shards, files that were changed or
added afterwards. A tool that is missing is named and passed over; without any of them the test is skipped (125)."""

import base64
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

GOLDSEAL = sys.argv[1]
SAMPLE = pathlib.Path(sys.argv[2]).resolve()


def sh(*arguments, check=True, env=None):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, check=False, env=env)
    if check and done.returncode != 0:
        raise AssertionError(f"{arguments}: {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
    return done


def has_reference():
    """model-signing imports pyOpenSSL, and names it in no requirement of its own."""
    return bool(importlib.util.find_spec("model_signing") and importlib.util.find_spec("OpenSSL"))


def make_key(name, curve="P-256"):
    sh("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", f"{name}.pem")
    sh("openssl", "pkey", "-in", f"{name}.pem", "-pubout", "-out", f"{name}.pub")


def copy(name):
    shutil.rmtree(name, ignore_errors=True)
    shutil.copytree(SAMPLE, name)
    return pathlib.Path(name)


def finding(seal, *options):
    done = sh(GOLDSEAL, "check", seal, "--target", "target.toml", *options, "--format", "json", check=False)
    assert done.stdout, done.stderr.decode()
    return {f["id"]: f for f in json.loads(done.stdout)["findings"]}["seal.signature"]


def model_signing(*arguments, check=True):
    return sh(sys.executable, "-m", "model_signing", *arguments, check=check)


def verified_by_reference(seal, public):
    return model_signing("verify", "key", seal, "--signature", seal / "model.sig", "--public_key", public, check=False).returncode == 0


def prove_reference():
    for curve in ("P-256", "P-384", "P-521"):
        make_key("r", curve)
        ours = copy("ours.seal")
        sh(GOLDSEAL, "sign", ours, "--key", "r.pem")
        assert verified_by_reference(ours, "r.pub"), curve
        make_key("stranger", curve)
        assert not verified_by_reference(ours, "stranger.pub")
        (ours / "later").write_text("x")
        assert not verified_by_reference(ours, "r.pub")
        assert finding(ours, "--signed-by", "r.pub")["status"] == "fail"
        theirs = copy("theirs.seal")
        model_signing("sign", "key", theirs, "--private_key", "r.pem", "--signature", theirs / "model.sig")
        told = finding(theirs, "--signed-by", "r.pub")
        assert told["status"] == "pass", told
        (theirs / "manifest.toml").write_text((theirs / "manifest.toml").read_text() + "\n")
        assert finding(theirs, "--signed-by", "r.pub")["status"] == "fail"
    print("proved: model-signing and goldseal verify each other's keys")


def prove_reference_certificates():
    def issue(name, extensions, issuer=None):
        sh("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", f"{name}.pem")
        sh("openssl", "req", "-new", "-key", f"{name}.pem", "-subj", f"/CN={name}", "-out", f"{name}.csr")
        pathlib.Path("ext").write_text(extensions)
        by = ("-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.pem") if issuer else ("-signkey", f"{name}.pem")
        sh("openssl", "x509", "-req", "-in", f"{name}.csr", *by, "-days", "30", "-extfile", "ext", "-CAcreateserial", "-out", f"{name}.crt")

    authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
    issue("root", authority)
    issue("between", authority + "authorityKeyIdentifier=keyid\n", "root")
    issue("leaf", "keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n", "between")
    ours = copy("ours.seal")
    sh(GOLDSEAL, "sign", ours, "--key", "leaf.pem", "--certificate", "leaf.crt", "--chain", "between.crt")
    model_signing("verify", "certificate", ours, "--signature", ours / "model.sig", "--certificate_chain", "root.crt")
    theirs = copy("theirs.seal")
    model_signing("sign", "certificate", theirs, "--private_key", "leaf.pem", "--signing_certificate", "leaf.crt", "--certificate_chain", "between.crt",
                  "--signature", theirs / "model.sig")
    told = finding(theirs, "--signed-by", "root.crt", "--identity", "leaf")
    assert told["status"] == "pass", told
    print("proved: model-signing and goldseal verify each other's certificates")


def prove_token():
    """A key that never leaves softhsm2: pkcs11-tool signs the digest of what --pae writes."""
    module = next((p for p in ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so") if os.path.exists(p)), None)
    if not (module and shutil.which("softhsm2-util") and shutil.which("pkcs11-tool")):
        print("passed over: no softhsm2 with pkcs11-tool")
        return False
    os.makedirs("tokens", exist_ok=True)
    pathlib.Path("softhsm.conf").write_text(f"directories.tokendir = {os.getcwd()}/tokens\nobjectstore.backend = file\n")
    env = {**os.environ, "SOFTHSM2_CONF": os.path.abspath("softhsm.conf")}
    sh("softhsm2-util", "--init-token", "--free", "--label", "t", "--pin", "1234", "--so-pin", "1234", env=env)
    tool = ("pkcs11-tool", "--module", module, "--token-label", "t", "--login", "--pin", "1234")
    sh(*tool, "--keypairgen", "--key-type", "EC:prime256v1", "--id", "01", "--label", "k", env=env)
    sh(*tool, "--read-object", "--type", "pubkey", "--id", "01", "--output-file", "token.der", env=env)
    sh("openssl", "pkey", "-pubin", "-inform", "DER", "-in", "token.der", "-pubout", "-out", "token.pub")
    for form in ("rs", "openssl"):
        seal = copy("token.seal")
        sh(GOLDSEAL, "sign", seal, "--pae", "bytes")
        sh("openssl", "dgst", "-sha256", "-binary", "-out", "digest", "bytes")
        sh(*tool, "--sign", "--mechanism", "ECDSA", "--id", "01", "--signature-format", form, "--input-file", "digest", "--output-file", "sig", env=env)
        sh(GOLDSEAL, "sign", seal, "--attach", "sig", "--public-key", "token.pub")
        assert finding(seal, "--signed-by", "token.pub")["status"] == "pass"
        if has_reference():
            assert verified_by_reference(seal, "token.pub")
    print("proved: a key in a PKCS#11 token signs a seal")
    return True


def prove_securesystemslib():
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner, SSlibKey

    make_key("s")
    seal = copy("ours.seal")
    sh(GOLDSEAL, "sign", seal, "--key", "s.pem")
    bundle = json.loads((seal / "model.sig").read_text())
    envelope = Envelope.from_dict(bundle["dsseEnvelope"])
    public = load_pem_public_key(pathlib.Path("s.pub").read_bytes())
    key = SSlibKey.from_crypto(public)
    key.keyid = ""  # what goldseal writes: it wants the two to be equal
    assert envelope.verify([key], 1)
    # And the other way: its signature over the same payload, in goldseal's bundle.
    theirs = Envelope(base64.b64decode(bundle["dsseEnvelope"]["payload"]), "application/vnd.in-toto+json", {})
    signer = CryptoSigner.from_priv_key_uri(f"file2:{os.path.abspath('s.pem')}", SSlibKey.from_crypto(public, keyid="x"))
    signature = theirs.sign(signer)
    bundle["dsseEnvelope"]["signatures"] = [{"sig": base64.b64encode(bytes.fromhex(signature.signature)).decode(), "keyid": "x"}]
    (seal / "model.sig").write_text(json.dumps(bundle))
    assert finding(seal, "--signed-by", "s.pub")["status"] == "pass"
    print("proved: securesystemslib and goldseal verify each other")


def main():
    if shutil.which("openssl") is None:
        print("skipped: no openssl")
        sys.exit(125)
    proved = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sh(GOLDSEAL, "probe", "-o", "target.toml")
        if has_reference():
            prove_reference()
            prove_reference_certificates()
            proved += 1
        if importlib.util.find_spec("securesystemslib") and importlib.util.find_spec("cryptography"):
            prove_securesystemslib()
            proved += 1
        proved += prove_token()
        os.chdir("/")
    if not proved:
        print("skipped: none of model-signing, securesystemslib and softhsm2 is here")
        sys.exit(125)


main()
