# SPDX-License-Identifier: Apache-2.0
"""Runs a function of a test's on two processes of one gloo group, in the directory of the test."""
import os
import warnings

import goldseal
import torch
import torch.distributed as dist


def on_two_ranks(function, *arguments):
    """Fails where one of them does."""
    if os.path.exists("store"):
        os.remove("store")
    torch.multiprocessing.spawn(_run, (function, arguments), nprocs=2)


def _run(rank, function, arguments):
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", goldseal.GoldsealWarning)
    torch.set_num_threads(1)
    # As torchrun sets them, for libraries that look.
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", LOCAL_WORLD_SIZE="2", GROUP_RANK="0",
                      TORCHELASTIC_RUN_ID="none", MASTER_ADDR="127.0.0.1", MASTER_PORT="0")
    dist.init_process_group("gloo", init_method=f"file://{os.path.abspath('store')}", rank=rank, world_size=2)
    function(*arguments)
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()
    os._exit(0)  # gloo's threads may still run when Python unloads them, which aborts the process
