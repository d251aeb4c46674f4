# SPDX-License-Identifier: Apache-2.0
"""Models that are sharded over two processes: sealed whole, judged whole, trained on as if nothing had been."""
import os
import sys
import unittest

try:
    import torch
    import torch.distributed as dist
    from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
except ImportError:
    print("skipped: this Python has no torch with fully_shard")
    sys.exit(125)

import goldseal
import networks
from in_directory import InDirectory
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from two_ranks import on_two_ranks

IMAGE = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(7))


def with_original_parameters(model):
    model.conv = FullyShardedDataParallel(model.conv, use_orig_params=True, device_id=torch.device("cpu"))
    return FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))


def with_flat_parameters(model):
    model.head = checkpoint_wrapper(model.head)
    return FullyShardedDataParallel(model, use_orig_params=False, device_id=torch.device("cpu"))


def by_fully_shard(model):
    fully_shard(model.conv)
    return fully_shard(model)


WAYS = {function.__name__: function for function in (with_original_parameters, with_flat_parameters, by_fully_shard)}


def trained(way, save=lambda model: None):
    """Two steps of training, `save` called after the first. Returns the model and all gradients' sums."""
    torch.manual_seed(5)
    model = WAYS[way](networks.Net(width=6))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    for step in range(2):
        optimizer.zero_grad()
        answer = model(torch.rand(4, 3, 8, 8))
        loss = sum(value.square().mean() for value in answer.values())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step == 0:
            save(model)
    return model, losses


def seal_while_training(way):
    def save(model):
        sealed = goldseal.save({"model": model.state_dict()}, "net.pth", model=model, inputs=IMAGE, factory="networks:Net?width=6",
                               on_error="raise")
        assert str(sealed) == ("net.seal" if dist.get_rank() == 0 else "None"), sealed

    _, losses = trained(way, save)
    _, undisturbed = trained(way)
    assert losses == undisturbed, (losses, undisturbed)


def verify_live(way):
    def save(model):
        goldseal.save(model.state_dict(), "net.pth", model=model, inputs=IMAGE, factory="networks:Net?width=6", on_error="raise")
        report = goldseal.verify("net.seal", model)
        assert report, str(report)

    model, _ = trained(way, save)
    report = goldseal.verify("net.seal", model)
    assert "tensors.loaded" in [finding.id for finding in report.failures], str(report)
    try:
        goldseal.verify("absent.seal", model)
    except goldseal.GoldsealError as error:
        assert "absent.seal" in str(error)
    else:
        raise AssertionError("an absent seal was judged")
    try:
        goldseal.load("net.seal", model)
    except goldseal.GoldsealError as error:
        assert "before it is wrapped" in str(error)
    else:
        raise AssertionError("a sharded model was loaded")


def seal_tied(way):
    model = fully_shard(networks.Shared())
    goldseal.save(model.state_dict(), "net.pth", model=model, inputs=torch.rand(2, 3), on_error="raise")


def seal_parts(way):
    """Each rank writes its own part."""
    import torch.distributed.checkpoint
    from torch.distributed.checkpoint.state_dict import get_model_state_dict

    model, _ = trained(way)
    torch.distributed.checkpoint.save({"model": get_model_state_dict(model)}, checkpoint_id="parts")
    dist.barrier()
    sealed = goldseal.seal(model, "parts", inputs=IMAGE, factory="networks:Net?width=6", on_error="raise")
    assert str(sealed) == ("parts.seal" if dist.get_rank() == 0 else "None"), sealed


class ShardedTest(InDirectory):
    def test_one_line_seals_the_whole_model_once_and_disturbs_no_training(self):
        for way in WAYS:
            with self.subTest(way):
                on_two_ranks(seal_while_training, way)
                self.assertEqual(self.seals(), ["./net.seal"])
                state = torch.load("net.pth")["model"]
                self.assertEqual(list(state), list(networks.Net(width=6).state_dict()))
                self.assertTrue(all(type(tensor) is torch.Tensor for tensor in state.values()))
                report = goldseal.verify("net.seal", trust_code=True)
                self.assertTrue(report, str(report))
                self.assertFalse(goldseal.verify("net.seal", factory="networks:Net?width=6&eps=0.001"))

    def test_a_live_model_is_judged_alike_on_every_rank(self):
        for way in ("with_original_parameters", "by_fully_shard"):
            with self.subTest(way):
                on_two_ranks(verify_live, way)

    def test_a_directory_to_which_each_rank_wrote_its_part_is_sealed_by_the_same_line(self):
        on_two_ranks(seal_parts, "by_fully_shard")
        self.assertGreaterEqual(len([name for name in os.listdir("parts") if name.endswith(".distcp")]), 2)
        report = goldseal.verify("parts.seal", trust_code=True)
        self.assertTrue(report, str(report))

    def test_the_program_of_a_sharded_model_is_that_of_its_plain_copy(self):
        on_two_ranks(seal_while_training, "by_fully_shard")
        with open("net.seal/manifest.toml", encoding="utf-8") as file:
            self.assertIn("[model.embedded]", file.read())

    def test_tied_weights_stay_tied(self):
        on_two_ranks(seal_tied, "by_fully_shard")
        self.assertTrue(goldseal.verify("net.seal", trust_code=True))


class CopyTest(unittest.TestCase):
    def test_a_model_that_is_whole_is_not_taken_for_a_sharded_one(self):
        from goldseal.sharded import is_sharded

        self.assertFalse(is_sharded(nn.DataParallel(networks.Net())))


if __name__ == "__main__":
    unittest.main()
