# SPDX-License-Identifier: Apache-2.0
"""Settings that causes_networks.py reads from another module."""
ACT = "relu"
SCALE = 1.0
