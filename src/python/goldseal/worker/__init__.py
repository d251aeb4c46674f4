# SPDX-License-Identifier: Apache-2.0
"""The Python worker: runs a network for the goldseal command, as src/worker_libtorch/PROTOCOL.md says.

`__main__` is the process that the command starts; `session` answers requests, one method each. Needs nothing but torch
(1.13 or newer).
"""
