# SPDX-License-Identifier: Apache-2.0
"""A training script signs what it seals, and says whose seals it takes. The command is the one that GOLDSEAL_COMMAND names."""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest
import warnings

try:
    import torch
    from torch import nn
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)
if shutil.which("openssl") is None:
    print("skipped: no openssl")
    sys.exit(125)

import goldseal
from in_directory import InDirectory


def make_key(name, *more):
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.pem", *more], check=True, capture_output=True)
    passphrase = ["-passin", "pass:sesame"] if more else []
    subprocess.run(["openssl", "pkey", "-in", f"{name}.pem", *passphrase, "-pubout", "-out", f"{name}.pub"], check=True)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh())


class Signing(InDirectory):
    def save(self, **options):
        model = network()
        return model, goldseal.save(model.state_dict(), "net.pth", model=model, inputs=torch.ones(1, 3), embed=False, factory=network, **options)

    def test_a_seal_is_signed_and_taken_from_its_signer_alone(self):
        make_key("k")
        make_key("other")
        model, seal = self.save(sign_key="k.pem", on_error="raise")
        self.assertTrue(os.path.isfile("net.seal/model.sig"))
        self.assertTrue(goldseal.verify(seal, model, signed_by="k.pub", quick=True))
        self.assertTrue(goldseal.verify(seal, model, signed_by=["other.pub", pathlib.Path("k.pub")], quick=True))
        refused = goldseal.verify(seal, model, signed_by="other.pub")
        self.assertFalse(refused)
        self.assertEqual(refused.exit_code, 4)
        self.assertEqual([finding.id for finding in refused.findings], ["seal.signature"])
        with self.assertRaises(goldseal.GoldsealError):
            goldseal.load(seal, model, signed_by="other.pub")
        self.assertTrue(goldseal.load(seal, network(), signed_by="k.pub", quick=True))
        # A checkpoint that is saved over has a seal of its own again, and no older signature.
        self.save(on_error="raise")
        self.assertFalse(os.path.exists("net.seal/model.sig"))
        self.assertEqual(goldseal.verify("net.seal", model, signed_by="k.pub").exit_code, 4)

    def test_a_key_that_is_encrypted_and_one_that_is_none(self):
        make_key("locked", "-aes256", "-pass", "pass:sesame")
        pathlib.Path("words").write_text("sesame\n")
        _, seal = self.save(sign_key="locked.pem", sign_passphrase_file="words", on_error="raise")
        self.assertTrue(os.path.isfile(seal / "model.sig"))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            _, seal = self.save(sign_key="words")
        self.assertIsNone(seal)
        self.assertTrue(any("sealed and not signed" in str(warning.message) for warning in told), told)
        with self.assertRaises(ValueError):
            goldseal.verify("net.seal", network(), signed_by=[7])


if __name__ == "__main__":
    unittest.main()
