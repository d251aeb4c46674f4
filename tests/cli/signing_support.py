# SPDX-License-Identifier: Apache-2.0
"""What the tests of signatures share: keys and bundles made by openssl alone, so that goldseal is held to what it did not write."""

import base64
import hashlib
import json
import pathlib
import subprocess


def sh(*arguments, data=None, check=True, env=None):
    done = subprocess.run(arguments, input=data, capture_output=True, check=False, env=env)
    if check and done.returncode != 0:
        raise AssertionError(f"{arguments}: {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
    return done


def make_key(name, curve="P-256", *more):
    sh("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", f"{name}.pem", *more)
    passphrase = ("-passin", "pass:open sesame") if more else ()
    sh("openssl", "pkey", "-in", f"{name}.pem", *passphrase, "-pubout", "-out", f"{name}.pub")
    return f"{name}.pem", f"{name}.pub"


def pae(payload):
    return b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)


def bundle_of(statement, key="k", hint=None):
    """A bundle made by openssl alone, over any statement."""
    payload = statement if isinstance(statement, bytes) else json.dumps(statement).encode()
    pathlib.Path("to-sign").write_bytes(pae(payload))
    signature = sh("openssl", "dgst", "-sha256", "-sign", f"{key}.pem", "to-sign").stdout
    if hint is None:
        hint = hashlib.sha256(sh("openssl", "pkey", "-pubin", "-in", f"{key}.pub", "-pubout").stdout).hexdigest()
    return {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
            "dsseEnvelope": {"payload": base64.b64encode(payload).decode(), "payloadType": "application/vnd.in-toto+json",
                             "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}]}}


def statement_of(seal, replace=None):
    digests = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in seal.iterdir() if p.is_file() and p.name != "model.sig"}
    resources = [{"name": name, "algorithm": "sha256", "digest": digests[name]} for name in sorted(digests)]
    if replace:
        resources = replace(resources)
    root = hashlib.sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources)).hexdigest()
    return {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "x", "digest": {"sha256": root}}],
            "predicateType": "https://model_signing/signature/v1.0",
            "predicate": {"resources": resources, "serialization": {"method": "files", "hash_type": "sha256",
                                                                    "allow_symlinks": False, "ignore_paths": ["model.sig"]}}}
