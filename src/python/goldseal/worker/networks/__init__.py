# SPDX-License-Identifier: Apache-2.0
"""Networks that are built from a file of data, Darknet's cfgs and programs of torch.export, in place of the user's own code.

They lie apart so that what takes a foreign file to pieces stands in one place, as in src/worker_libtorch/networks: both workers
read the same files, give the same names and compute the same. A format has a `*_builder`, whose one function the session
calls, and modules that only its builder uses.
"""
