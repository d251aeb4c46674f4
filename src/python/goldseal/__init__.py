# SPDX-License-Identifier: Apache-2.0
"""Seals PyTorch checkpoints when they are saved, and verifies that a model gives the same answers elsewhere."""
