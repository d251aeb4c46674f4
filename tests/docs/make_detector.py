# SPDX-License-Identifier: Apache-2.0
"""Writes detector.cfg and detector.pth: two convolutions and a yolo head, saved under DataParallel, for pages that need a quick model."""

import pathlib
import sys

import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from detector import Detector, cfg  # noqa: E402

LAYERS = [(4, 3, 2, True), (18, 1, 1, False)]

torch.manual_seed(1)
torch.save(nn.DataParallel(Detector(LAYERS)).state_dict(), "detector.pth")
pathlib.Path("detector.cfg").write_text(cfg(16, LAYERS, anchors="4,6, 8,12, 16,24"), encoding="utf-8")
