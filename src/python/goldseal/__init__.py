# SPDX-License-Identifier: Apache-2.0
"""Seals PyTorch checkpoints when they are saved, and verifies that a model gives the same answers elsewhere.

    goldseal.save(model.state_dict(), "model.pth", model=model, inputs=batch, factory="networks:Net")
    goldseal.verify("model.seal", trust_code=True)

The work is the `goldseal` command's: this package hands it the live model, over the protocol that its workers speak, so
that a seal written here is the same that `goldseal capture` writes. docs/training.md tells more.
"""

from __future__ import annotations

from .batch import Batch
from .directory import seal_directory
from .errors import GoldsealError, GoldsealWarning
from .report import Finding, Report
from .sealing import save, seal
from .verifying import load, verify
from .worker.user_code.opened import watch

watch()  # what a network's code reads while it is imported and built is known from here on

__all__ = ["Batch", "Finding", "GoldsealError", "GoldsealWarning", "Report", "load", "save", "seal", "seal_directory", "verify"]
