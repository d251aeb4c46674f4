# SPDX-License-Identifier: Apache-2.0
"""A case alone and the same case in a batch (golden.batch). Sound networks of several kinds agree, at several sizes; faults are
refused when a network is sealed and named where a sealed network has them elsewhere.

Kinds of faults: what is taken over the batch (mean, maximum, softmax, BatchNorm without statistics), a row that is treated apart
(the last, the third, beyond a table's end), rows that are exchanged, carried on, or all the first one's, a type that follows the
size, what is filled up and not masked (attention, pooling, positions, on either side), a reshape that mixes rows and places, and
answers that are none of a case. Programs that a seal embeds take batches, or it is said that they take none. The command is the one that GOLDSEAL_COMMAND names."""

import json
import os
import subprocess
import sys
import unittest
import warnings

try:
    import torch
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

import batch_networks
import goldseal
from goldseal import Batch
from in_directory import InDirectory

COMMAND = os.environ["GOLDSEAL_COMMAND"]
_draws = torch.Generator().manual_seed(5)
IMAGE = torch.rand(1, 3, 12, 12, generator=_draws)
FRAMES = torch.randn(1, 7, 6, generator=_draws)
FEATURES = torch.randn(1, 6, generator=_draws)
IDS = torch.randint(3, 50, (1, 9), generator=_draws)
SHORT = torch.randint(3, 50, (1, 5), generator=_draws)
PADDED = Batch(3, pad={"input_ids": 0}, mask="attention_mask")


def named(**parts):
    return parts


SOUND = [
    ("Conv", {}, torch.cat([IMAGE, IMAGE.flip(3)]), 4),
    ("Depthwise", {}, IMAGE, 3),
    ("TimeFirst", {}, named(frames=FRAMES.transpose(0, 1)), Batch(4, dims={"frames": 1})),
    ("Similarity", {}, named(image=torch.rand(1, 12), text=torch.rand(1, 7)), 3),
    ("Encoder", {"causal": True}, named(input_ids=IDS), Batch(4, pad={"input_ids": 0}, mask="attention_mask")),
    ("Encoder", {}, named(input_ids=IDS), PADDED._replace(size=2, side="left")),
    ("Faulty", {"fault": "squeezed"}, FEATURES, 32),
]

# What the finding says, and how the network is sealed.
TAKEN_OVER = [("mean", "mean"), ("carried", "add")]


class BatchTest(InDirectory):
    def seal(self, kind, options, inputs, batch, cases=None, name="net", embed=False):
        net = batch_networks.build(kind, **options)
        torch.save(net.state_dict(), f"{name}.pt")
        factory = "batch_networks:build?" + "&".join(f"{key}={value}" for key, value in {"kind": kind, **options}.items())
        place = goldseal.seal(
            net, f"{name}.pt", inputs=inputs, factory=factory, batch=batch, cases=cases, embed=embed, on_error="raise"
        )
        return net, place

    def finding(self, report):
        return next(finding for finding in report.findings if finding.id == "golden.batch")

    def refused(self, kind, options, inputs, batch, *words, cases=None):
        with self.assertRaises(goldseal.GoldsealError) as caught, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.seal(kind, options, inputs, batch, cases)
        text = str(caught.exception)
        for word in words:
            self.assertIn(word, text)

    def differs(self, place, net, *words):
        report = goldseal.verify(place, net)
        finding = self.finding(report)
        self.assertEqual(finding.status, "fail", report)
        for word in words:
            self.assertIn(word, finding.message + finding.fix)
        return finding

    def test_sound_networks_agree(self):
        for kind, options, inputs, batch in SOUND:
            with self.subTest(kind=kind, options=options, batch=batch):
                net, place = self.seal(kind, options, inputs, batch)
                finding = self.finding(goldseal.verify(place, net))
                self.assertEqual(finding.status, "pass", finding.message)

    def test_cases_stand_beside_each_other(self):
        batch = Batch(4, pad={"input_ids": 0}, mask="attention_mask")
        net, place = self.seal("Encoder", {"causal": True}, named(input_ids=IDS), batch, {"short": named(input_ids=SHORT)})
        report = goldseal.verify(place, net)
        self.assertEqual(self.finding(report).status, "pass", report)
        self.assertIn("filled up", self.finding(report).message)
        with open(os.path.join(place, "manifest.toml"), encoding="utf-8") as file:
            text = file.read()
        self.assertIn('beside = ["short", "~1", "~2"]', text)
        # Every token sees those before it alone: what is filled up behind it is seen by none.
        for fault in ("mask_ignored",):
            self.assertTrue(goldseal.verify(place, batch_networks.build("Encoder", causal=True, fault=fault)))

    def test_what_is_taken_over_the_batch_is_refused(self):
        for fault, op in TAKEN_OVER:
            with self.subTest(fault=fault):
                self.refused("Faulty", {"fault": fault}, FEATURES, 4, "golden.batch", "depends on the rows beside it", f"({op})")
        self.refused("Conv", {"norm": "over_batch"}, IMAGE, 2, "depends on the rows beside it", "batch_norm", "running statistics")

    def test_rows_that_are_treated_apart_are_refused(self):
        for fault, words in (
            ("third_row", ("the row at which it stands", "2 of 4")),
            ("swapped", ("depends on the rows beside it",)),
            ("half", ("at every row",)),
        ):
            with self.subTest(fault=fault):
                self.refused("Faulty", {"fault": fault}, FEATURES, 4, "golden.batch", *words)

    def test_padding_that_leaks_is_refused(self):
        for fault in ("weak_mask",):
            with self.subTest(fault=fault):
                self.refused("Encoder", {"fault": fault}, named(input_ids=IDS), PADDED, "filled up with", "first layer that differs")
        self.refused("Encoder", {"fault": "positions"}, named(input_ids=IDS), PADDED._replace(side="left"), "filled up with")
        net, place = self.seal("Encoder", {"fault": "positions"}, named(input_ids=IDS), PADDED)
        self.assertEqual(self.finding(goldseal.verify(place, net)).status, "pass")

    def test_mixed_rows_and_places_are_refused(self):
        self.refused("Encoder", {"fault": "mixed_reshape"}, named(input_ids=IDS), 2, "depends on the rows beside it", "blocks.0")

    def test_a_fault_of_batches_alone_is_named_where_the_seal_is_verified(self):
        _, place = self.seal("Faulty", {"fault": "none"}, FEATURES, 4)
        self.differs(place, batch_networks.build("Faulty", fault="dropped"), "the row at which it stands", "3 of 4")
        fixed = batch_networks.build("Faulty", fault="fixed")
        self.differs(place, fixed, "does not take a batch of 4")

    def test_outputs_of_the_whole_batch_are_told(self):
        net, place = self.seal("Faulty", {"fault": "loss"}, FEATURES, 4)
        finding = self.finding(goldseal.verify(place, net))
        self.assertEqual(finding.status, "warn")
        self.assertIn("default/loss", finding.message)
        self.refused("Faulty", {"fault": "one_answer"}, FEATURES, 4, "an answer for each case of a batch of 4, found none")

    def of_the_program(self, place, *runtimes):
        """What is said where the code is not run."""
        for runtime in runtimes:
            run = subprocess.run([COMMAND, "verify", place, *runtime, "--format", "json"], stdout=subprocess.PIPE, check=False)
            finding = next(finding for finding in json.loads(run.stdout)["findings"] if finding["id"] == "golden.batch")
            yield run.returncode, finding

    @unittest.skipIf(hasattr(torch, "export"), "the other test of programs tries each form")
    def test_the_program_that_is_embedded_takes_batches(self):
        _, place = self.seal("Faulty", {"fault": "none"}, FEATURES, 4, embed=True)
        for code, finding in self.of_the_program(place, []):
            self.assertEqual((code, finding["status"]), (0, "pass"), finding)

    def test_a_program_that_takes_no_batch_is_no_fault_of_the_model(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net, place = self.seal("Frozen", {}, FEATURES, 4, embed=True)
        # By the Python worker, as where there is no LibTorch.
        for code, finding in self.of_the_program(place, ["--runtime", "python"]):
            self.assertEqual((code, finding["status"]), (3, "unknown"), finding)
            self.assertIn("takes no batch of 4", finding["message"])
            self.assertIn("--trust-code", finding["remedy"])
        self.assertEqual(self.finding(goldseal.verify(place, net)).status, "pass")

    def test_what_makes_no_batch_is_refused(self):
        for batch, words in ((1, ("2 to 1024",)), (Batch(2, pad={"input": 0}), ("name of an input", "input_ids"))):
            with self.subTest(batch=batch):
                self.refused("Encoder", {}, named(input_ids=IDS), batch, *words)
        self.refused("Faulty", {"fault": "fixed"}, FEATURES, 4, "does not take a batch of 4")


if __name__ == "__main__":
    unittest.main()
