# SPDX-License-Identifier: Apache-2.0
"""A network as the protocol sees it (`network`), and what builds one: from the user's own code, from an archive of TorchScript, and
from files of data, Darknet's cfgs and programs of torch.export. As in src/worker_libtorch/networks, what takes a foreign file to
pieces stands in one place: both workers read the same files, give the same names and compute the same. A form of model has a
`*_builder`, whose one function the session calls, and modules that only its builder uses. Uses every room but `programs`."""
