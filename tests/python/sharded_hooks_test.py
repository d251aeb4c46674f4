# SPDX-License-Identifier: Apache-2.0
"""The hooks for Lightning and transformers where the model is sharded over two processes. Each is skipped where its library is
not installed."""
import importlib.util
import os
import sys
import unittest
import warnings

try:
    import torch
    import torch.distributed as dist
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
    from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
except ImportError:
    print("skipped: this Python has no torch with fully_shard")
    sys.exit(125)

if not any(importlib.util.find_spec(name) for name in ("lightning", "transformers")):
    print("skipped: this Python has neither lightning nor transformers")
    sys.exit(125)

import goldseal
from in_directory import InDirectory
from two_ranks import on_two_ranks

CPU = torch.device("cpu")


def fit(strategy, configure=None):
    """A step of training under `strategy`, sealed as it is saved; `configure` shards the module where the strategy does not."""
    import logging

    import lightning
    import lightning_network
    from lightning.pytorch.callbacks import ModelCheckpoint

    from goldseal.lightning import SealIO

    class Sharded(lightning_network.Regressor):
        def configure_model(self):
            if configure:
                configure(self)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.manual_seed(0)
    model = Sharded(width=4)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.rand(8, 3), torch.rand(8, 1)), batch_size=4)
    lightning.Trainer(
        max_epochs=2, accelerator="cpu", devices=2, strategy=strategy, logger=False, enable_progress_bar=False,
        enable_model_summary=False,
        plugins=[SealIO(model, factory="lightning_network:Regressor?width=4", on_error="raise")],
        callbacks=[ModelCheckpoint(dirpath="checkpoints", filename="{epoch}", save_top_k=1)]).fit(model, data)


def lightning_by_fully_shard():
    from lightning.pytorch.strategies import ModelParallelStrategy

    def configure(module):
        fully_shard(module.layers, mesh=module.device_mesh["data_parallel"])

    fit(ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1, save_distributed_checkpoint=False), configure)


def lightning_around_the_module():
    from lightning.pytorch.strategies import FSDPStrategy

    class OnProcessors(FSDPStrategy):  # itself it takes GPUs alone
        def _setup_model(self, model):
            return FullyShardedDataParallel(model, use_orig_params=True, device_id=CPU)

        def lightning_module_state_dict(self):  # itself it takes the weights to the CPU, which FSDP cannot where they lie there
            state = get_model_state_dict(self.model, options=StateDictOptions(full_state_dict=True))
            return state if dist.get_rank() == 0 else {}

    fit(OnProcessors())


def transformers_checkpoint(shard):
    """What a Trainer does under FSDP, which accelerate runs on GPUs alone: each rank is called once rank zero has written."""
    import transformers
    from integrations_test import HuggingFaceTest

    from goldseal.huggingface import SealCallback

    plain = HuggingFaceTest.gpt()
    model = shard(HuggingFaceTest.gpt())
    state = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True))
    if dist.get_rank() == 0:
        plain.save_pretrained("out/checkpoint-7", state_dict=state)
    dist.barrier()
    arguments = transformers.TrainingArguments(output_dir="out", report_to=[], use_cpu=True)
    progress = transformers.TrainerState(global_step=7, is_world_process_zero=dist.get_rank() == 0)
    SealCallback(inputs=HuggingFaceTest.words, on_error="raise").on_save(
        arguments, progress, transformers.TrainerControl(), model=model)
    # Rank zero finds no weights; no rank may wait for it.
    os.makedirs(f"empty-{dist.get_rank()}/checkpoint-7", exist_ok=True)
    arguments.output_dir = f"empty-{dist.get_rank()}"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", goldseal.GoldsealWarning)
        SealCallback(inputs=HuggingFaceTest.words).on_save(arguments, progress, transformers.TrainerControl(), model=model)
    found = [str(warning.message) for warning in said if issubclass(warning.category, goldseal.GoldsealWarning)]
    assert len(found) == (1 if dist.get_rank() == 0 else 0), found


def transformers_by_fully_shard():
    def shard(model):
        for block in model.transformer.h:
            fully_shard(block)
        return fully_shard(model)

    transformers_checkpoint(shard)


def transformers_around_the_module():
    transformers_checkpoint(lambda model: FullyShardedDataParallel(model, use_orig_params=True, device_id=CPU))


class ShardedHooksTest(InDirectory):
    def check(self, expected):
        self.assertEqual(self.seals(), [expected])
        report = goldseal.verify(expected, trust_code=True)
        self.assertTrue(report, str(report))

    def seal_by(self, functions, expected):
        for function in functions:
            with self.subTest(function.__name__):
                self.tearDown()
                self.setUp()
                on_two_ranks(function)
                self.check(expected)

    @unittest.skipUnless(importlib.util.find_spec("lightning"), "lightning is not installed")
    def test_a_checkpoint_of_lightning_is_sealed_whole(self):
        self.seal_by((lightning_by_fully_shard, lightning_around_the_module), "./checkpoints/epoch=1.seal")

    @unittest.skipUnless(importlib.util.find_spec("transformers"), "transformers is not installed")
    def test_a_checkpoint_of_transformers_is_sealed_whole_and_no_rank_waits_for_another(self):
        self.seal_by((transformers_by_fully_shard, transformers_around_the_module), "./out/checkpoint-7/model.seal")


if __name__ == "__main__":
    unittest.main()
