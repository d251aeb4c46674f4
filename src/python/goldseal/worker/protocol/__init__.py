# SPDX-License-Identifier: Apache-2.0
"""What passes between the command and a worker (src/worker_libtorch/PROTOCOL.md): messages and their members, refusals, element
types, plain values, files of tensors, and the checkpoint as mapped memory. Uses no other room of the worker."""
