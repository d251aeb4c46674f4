# SPDX-License-Identifier: Apache-2.0
"""Weights that a run converts one at a time: the answers are those of copies, whatever the network's code does with them.

The kinds: products, convolutions, recurrent layers, embeddings, tied weights, views and slices of weights, weights that decide
by their type, that are written to, that are given back, read by a script's interpreter, and whose memory is asked for."""
import sys
import unittest

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(125)

from goldseal.worker import streaming
from goldseal.worker.numerics.gradients import Leaves, reached_elements
from goldseal.worker.numerics.layer_watch import LayerRecorder
from goldseal.worker.networks.network import Network
from goldseal.worker.numerics.perturbation import Conversion, Perturbation
from goldseal.worker.networks.script_builder import ScriptNetwork
from goldseal.worker.numerics.stand_in import StandIn

WIDTH = 48


class Products(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.bare = nn.Linear(WIDTH, 2 * WIDTH), nn.Parameter(torch.randn(2 * WIDTH, WIDTH))
        self.batch = nn.Parameter(torch.randn(3, WIDTH, WIDTH))

    def forward(self, x):
        y = self.linear(x) @ self.bare
        return torch.bmm(y.expand(3, -1, -1), self.batch) + torch.addmm(self.bare[0], x, self.batch[1]) + x.mm(self.batch[2].t())


class Views(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Parameter(torch.randn(3 * WIDTH, WIDTH))

    def forward(self, x):
        q, k, v = self.qkv.chunk(3)
        columns = self.qkv[WIDTH // 2 : WIDTH, 1::2]
        reshaped = self.qkv.view(3, WIDTH, WIDTH).permute(1, 2, 0)[..., 1].contiguous()
        return x @ q.t() + x @ k + F.linear(x, v) + (x[:, ::2] @ columns.t()).sum() + x @ reshaped + self.qkv.reshape(-1)[7:8] * self.qkv.unbind(0)[3]


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, WIDTH, 3), nn.ConvTranspose2d(WIDTH, 4, 3, stride=2)
        self.norm = nn.BatchNorm2d(WIDTH)

    def forward(self, x):
        return self.second(torch.relu(self.norm(self.first(x))))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(WIDTH, WIDTH, 2, batch_first=True)

    def forward(self, x):
        return self.lstm(x.unsqueeze(0))[0]


class Words(nn.Module):
    """An embedding that is the last product too, as language models have it."""

    def __init__(self):
        super().__init__()
        self.embed, self.places = nn.Embedding(1000, WIDTH, padding_idx=0), nn.Embedding(5, WIDTH)
        self.head = nn.Linear(WIDTH, 1000, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        return self.head(self.embed(tokens) + self.places(torch.arange(tokens.shape[-1])))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x):
        return self.encoder(x.unsqueeze(0))


class AsksForType(nn.Module):
    """t5 and others convert to the type of a weight."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        weight = self.inner.weight
        y = x.to(weight.dtype) @ weight.type_as(x).clone().detach()
        return y @ torch.ones_like(weight) if weight.is_floating_point() and weight.dtype == x.dtype else y.half()


class Converts(nn.Module):
    """An island."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return x + (x.float() @ self.inner.weight.float()).to(x.dtype) + F.dropout(self.inner.weight, 0.5, False)[0] + self.inner.bias.half()


class Writes(nn.Module):
    """Into a buffer, and into a parameter."""

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(WIDTH, WIDTH))
        self.weight, self.other = nn.Parameter(torch.randn(WIDTH, WIDTH)), nn.Parameter(torch.randn(WIDTH, WIDTH))

    def forward(self, x):
        self.seen += x[:1]
        self.weight[0].mul_(0.5)
        return x @ self.weight + self.seen.sum(0) + x @ self.other


class GivesBack(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(WIDTH, WIDTH))

    def forward(self, x):
        return {"whole": self.weight, "view": self.weight.t(), "used": x @ self.weight}


class AsksForMemory(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(WIDTH, WIDTH))

    def forward(self, x):
        return x @ torch.from_numpy(self.weight.numpy() * 2.0)


def rows():
    return torch.randn(5, WIDTH)


CASES = [(Products, rows), (Views, rows), (Convolutions, lambda: torch.randn(1, 3, 9, 9)), (Recurrent, rows),
         (Words, lambda: torch.tensor([[3, 0, 999, 3, 17]])), (Attention, rows), (AsksForType, rows), (Converts, rows), (Writes, rows),
         (GivesBack, rows), (AsksForMemory, rows)]
TILE = Perturbation(2, 2.0**-16, tile=True)


class StandInTest(unittest.TestCase):
    def setUp(self):
        # Small networks are not streamed, since copies are faster.
        self.kept = streaming.FEW_BYTES, streaming.FEW_ELEMENTS
        streaming.FEW_BYTES, streaming.FEW_ELEMENTS = 0, 0

    def tearDown(self):
        streaming.FEW_BYTES, streaming.FEW_ELEMENTS = self.kept

    @staticmethod
    def run_with(network, given, dtype, moved, recorder=None, streams=True):
        network.streams = streams
        conversion = Conversion(dtype, moved, None)
        inputs = {name: conversion("input/" + name, tensor) for name, tensor in given.items()}
        with torch.no_grad():
            answers = streaming.attempted(network, conversion, lambda: network.run(inputs, conversion, recorder))
            return {name: answer.source.converted(answer.view_) if isinstance(answer, StandIn) else answer for name, answer in answers.items()}

    def compare(self, network, given, **members):
        before = {entry.name: entry.place.get().clone() for entry in network.state_entries}
        for dtype in (torch.float64, torch.float32, None):
            for moved in (None, TILE) if dtype else (TILE,):
                try:
                    expected = self.run_with(network, given, dtype, moved, streams=False)
                except RuntimeError:
                    # PyTorch 1.13 has no half product and no bfloat16 transposed convolution on a CPU: there is no answer to compare with.
                    if dtype or not torch.__version__.startswith("1."):
                        raise
                    continue
                found = self.run_with(network, given, dtype, moved, **members)
                self.assertEqual(found.keys(), expected.keys())
                for name, answer in expected.items():
                    self.assertEqual(found[name].dtype, answer.dtype)
                    self.assertTrue(torch.equal(found[name], answer), f"{name} {dtype} {moved}")
        for entry in network.state_entries:
            self.assertTrue(torch.equal(entry.place.get(), before[entry.name]), entry.name)

    def test_the_answers_are_those_of_copies_bit_for_bit(self):
        for case, make in CASES:
            # What a run in the weights' own type writes to is the loaded tensor itself, as in any native run; numpy has no bfloat16.
            for own in {Writes: (torch.bfloat16,), AsksForMemory: (torch.float32,)}.get(case, (torch.float32, torch.bfloat16)):
                with self.subTest(case=case.__name__, own=own):
                    torch.manual_seed(1)
                    module = case().eval()
                    for parameter in module.parameters():
                        parameter.requires_grad_(False)
                    network = Network(module.to(own))
                    argument = "tokens" if case is Words else "x"
                    value = make()
                    self.compare(network, {argument: value if case is Words else value.to(own)})

    def test_what_is_written_to_is_copied_and_the_rest_is_not(self):
        torch.manual_seed(1)
        network = Network(Writes().to(torch.bfloat16).eval().requires_grad_(False))
        self.compare(network, {"x": rows().to(torch.bfloat16)})
        self.assertEqual(network.copied, {"weight"})
        self.assertTrue(network.streams)

    def test_a_weight_whose_memory_is_asked_for_leads_to_copies_of_all(self):
        network = Network(AsksForMemory().to(torch.float16).eval().requires_grad_(False))
        self.compare(network, {"x": rows().to(torch.float16)})
        self.assertFalse(network.streams)

    def test_copies_that_do_not_fit_in_memory_are_refused_by_their_size(self):
        network = Network(AsksForMemory().to(torch.float16).eval().requires_grad_(False))
        available, streaming.available_bytes = streaming.available_bytes, lambda: 100
        try:
            with self.assertRaisesRegex(Exception, "copies of all of them need 0.0 GB, 0.0 GB are free"):
                self.run_with(network, {"x": rows().half()}, torch.float64, None)
        finally:
            streaming.available_bytes = available

    def test_layers_are_the_same_and_named_by_their_weights(self):
        torch.manual_seed(1)
        network = Network(Attention().to(torch.bfloat16).eval().requires_grad_(False))
        given = {"x": rows().to(torch.bfloat16)}
        copies, streamed = LayerRecorder(), LayerRecorder()
        self.run_with(network, given, torch.float64, None, copies, streams=False)
        self.run_with(network, given, torch.float64, None, streamed)
        self.assertEqual([layer[:4] for layer in streamed.layers], [layer[:4] for layer in copies.layers])
        self.assertTrue(torch.equal(streamed.table(), copies.table()))

    def test_gradients_are_counted_through_stand_ins(self):
        torch.manual_seed(1)
        network = Network(Words().to(torch.float16).eval())
        tokens = {"tokens": torch.tensor([[3, 0, 999, 3, 17]])}
        found = []
        for network.streams in (True, False):
            conversion = Conversion(torch.float32, None, None)

            def counted():
                leaves = Leaves({"embed.weight", "places.weight", "head.weight"}, conversion)
                return reached_elements(lambda: network.run(tokens, leaves), leaves)

            with torch.enable_grad():
                found.append(streaming.attempted(network, conversion, counted))
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[0]["embed.weight"], (1000 * WIDTH, 3 * WIDTH))  # word 0 is padding

    def test_a_scripted_network_takes_stand_ins(self):
        torch.manual_seed(1)
        module = torch.jit.trace(Products().eval().requires_grad_(False), rows())
        state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        network = ScriptNetwork(module, frozenset())
        network.load(state)
        self.compare(network, {"x": rows()})

    def test_small_networks_are_copied(self):
        streaming.FEW_BYTES, streaming.FEW_ELEMENTS = self.kept
        conversion = Conversion(torch.float64, None, None)
        network = Network(Products().to(torch.bfloat16))
        streaming.attempted(network, conversion, lambda: self.assertEqual(conversion.streamed, frozenset()))


if __name__ == "__main__":
    unittest.main()
