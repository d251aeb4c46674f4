# SPDX-License-Identifier: Apache-2.0
"""What a module holds: the entries of its state dict, what no state dict has, its settings and modes; how PyTorch loads them, and
how all of it is left as it was. Uses `protocol`, `numerics` and `user_code`."""
