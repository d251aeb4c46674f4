# SPDX-License-Identifier: Apache-2.0
"""What a pass computes with: float64 runs, perturbed weights, weights that are converted one operator at a time, gradients, what
is drawn at random, and what is kept of each layer. Knows tensors and operators, and no network. Uses `protocol`."""
