# SPDX-License-Identifier: Apache-2.0
"""The Python worker: runs a network for the goldseal command, as src/worker_libtorch/PROTOCOL.md says.

`__main__` is the process that the command starts; `session` answers requests, one method each, from a pass (`forward_pass`,
`streaming`) under the settings of one run (`settings`). Below them lie the rooms, in their order: `protocol`, `numerics`,
`user_code`, `state`, `networks`, `programs`; a room imports from those before it alone. Needs nothing but torch (1.13 or newer).
"""
