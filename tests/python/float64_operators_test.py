# SPDX-License-Identifier: Apache-2.0
"""Operators in a float64 run are float64: each against plain sums in numpy's longest type, as this processor computes and as
`ATEN_CPU_CAPABILITY=default` does. A float64 run takes the plain form of attention and no oneDNN (settings.py)."""
import math
import os
import subprocess
import sys
import unittest

try:
    import torch
    from torch.nn import functional as F
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

import numpy as np

from goldseal.worker.settings import RunSettings, in_force

CLOSE = 2e-14  # of the greatest element: roundings of float64 in sums of some ten elements
LONG = np.longdouble
NUMBERS = np.random.default_rng(7)
VERSION = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])


def draw(*shape):
    return NUMBERS.standard_normal(shape)


def each(function):
    return lambda x: np.vectorize(function, otypes=[LONG])(x.astype("f8")).astype(LONG)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def normed(x, axes, eps=1e-5):
    centred = x - x.mean(axes, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axes, keepdims=True) + LONG(eps))


def convolved(x, w, padding=1):
    padded = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    rows, columns = (padded.shape[2] - w.shape[2] + 1, padded.shape[3] - w.shape[3] + 1)
    found = np.zeros((x.shape[0], w.shape[0], rows, columns), LONG)
    for i in range(rows):
        for j in range(columns):
            patch = padded[:, None, :, i : i + w.shape[2], j : j + w.shape[3]]
            found[:, :, i, j] = (patch * w[None]).sum((2, 3, 4))
    return found


def attended(q, k, v, mask):
    return softmax(q @ k.swapaxes(-1, -2) / np.sqrt(LONG(q.shape[-1])) + mask) @ v


def recurrent(x, w_in, w_hidden, b_in, b_hidden):
    hidden = cell = np.zeros((x.shape[0], w_hidden.shape[1]), LONG)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    for step in range(x.shape[1]):
        gates = x[:, step] @ w_in.T + b_in + hidden @ w_hidden.T + b_hidden
        i, f, g, o = np.split(gates, 4, 1)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
    return hidden


def lstm(x, *weights):
    zeros = x.new_zeros((1, x.shape[0], weights[1].shape[1]))
    return torch._VF.lstm(x, (zeros, zeros), list(weights), True, 1, 0.0, False, False, True)[1][0]


def operators():
    """Name, PyTorch's operator, the reference, and what both are given."""
    x, picture = draw(5, 33), draw(2, 6, 9, 9)
    q, k, v = draw(2, 3, 17, 16), draw(2, 3, 17, 16), draw(2, 3, 17, 16)
    mask = np.triu(np.full((17, 17), -1e38), 1)
    yield "erf", torch.erf, each(math.erf), [x]
    yield "gelu", F.gelu, lambda x: x * (1 + each(math.erf)(x / np.sqrt(LONG(2)))) / 2, [x]
    yield "gelu tanh", lambda x: F.gelu(x, approximate="tanh"), lambda x: x / 2 * (
        1 + np.tanh(LONG(math.sqrt(2 / math.pi)) * (x + LONG(0.044715) * x**3))), [x]
    yield "silu", F.silu, lambda x: x / (1 + np.exp(-x)), [x]
    yield "mish", F.mish, lambda x: x * np.tanh(np.log1p(np.exp(x))), [x]
    yield "softplus", F.softplus, lambda x: np.log1p(np.exp(x)), [x]
    yield "softmax", lambda x: torch.softmax(x, -1), softmax, [x]
    yield "log_softmax", lambda x: torch.log_softmax(x, -1), lambda x: np.log(softmax(x)), [x]
    yield "logsumexp", lambda x: torch.logsumexp(x, -1), lambda x: np.log(np.exp(x).sum(-1)), [x]
    for name in ("exp", "log1p", "sin", "cos", "tanh", "sqrt", "exp2", "arctan"):
        yield name, getattr(torch, name), getattr(np, name), [np.abs(x)]
    yield "rsqrt", torch.rsqrt, lambda x: 1 / np.sqrt(x), [np.abs(x) + 0.1]
    yield "pow", lambda x: torch.pow(10000.0, -x), lambda x: LONG(10000) ** -x, [np.abs(x)]
    yield "cumsum", lambda x: torch.cumsum(x, -1), lambda x: np.cumsum(x, -1), [x]
    yield "linear", F.linear, lambda x, w, b: x @ w.T + b, [x, draw(7, 33), draw(7)]
    yield "bmm", torch.bmm, np.matmul, [draw(3, 5, 21), draw(3, 21, 4)]
    yield "conv2d", lambda x, w: F.conv2d(x, w, padding=1), convolved, [picture, draw(4, 6, 3, 3)]
    yield "layer_norm", lambda x: F.layer_norm(x, [33]), lambda x: normed(x, (-1,)), [x]
    yield "group_norm", lambda x: F.group_norm(x, 1), lambda x: normed(x, (1, 2, 3)), [picture]
    yield "batch_norm", lambda x: F.batch_norm(x, None, None, training=True), lambda x: normed(x, (0, 2, 3)), [picture]
    yield "instance_norm", F.instance_norm, lambda x: normed(x, (2, 3)), [picture]
    yield "avg_pool2d", lambda x: F.avg_pool2d(x, 3), lambda x: x.reshape(2, 6, 3, 3, 3, 3).mean((3, 5)), [picture]
    yield "interpolate", lambda x: F.interpolate(x, size=[5, 5], mode="bilinear", align_corners=True), lambda x: (
        x[:, :, ::2, ::2]), [picture]
    yield "lstm", lstm, recurrent, [draw(2, 4, 5), draw(12, 5), draw(12, 3), draw(12), draw(12)]
    if VERSION >= (2, 0):
        yield "attention", F.scaled_dot_product_attention, attended, [q, k, v, mask]
        yield "attention without a mask", F.scaled_dot_product_attention, lambda q, k, v: attended(q, k, v, 0), [q, k, v]
    if VERSION >= (2, 4):
        yield "rms_norm", lambda x: F.rms_norm(x, [33], eps=1e-6), lambda x: x / np.sqrt((x**2).mean(-1, keepdims=True) + LONG(1e-6)), [x]


class Float64OperatorsTest(unittest.TestCase):
    def test_each_operator_gives_what_plain_sums_give(self):
        with in_force(RunSettings(plain=True)), torch.no_grad():
            for name, operator, reference, given in operators():
                with self.subTest(name):
                    found = operator(*[torch.tensor(values) for values in given])
                    wanted = reference(*[values.astype(LONG) for values in given])
                    self.assertEqual((found.dtype, tuple(found.shape[-1:])), (torch.float64, tuple(wanted.shape[-1:])))
                    error = np.abs(found.numpy().reshape(wanted.shape) - wanted).max() / np.abs(wanted).max()
                    self.assertLess(float(error), CLOSE)

    def test_the_same_without_vector_code(self):
        if os.environ.get("ATEN_CPU_CAPABILITY") == "default":
            return
        environment = {**os.environ, "ATEN_CPU_CAPABILITY": "default"}
        name = "Float64OperatorsTest.test_each_operator_gives_what_plain_sums_give"
        done = subprocess.run([sys.executable, "-B", __file__, name], env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])

    def test_what_was_switched_on_is_on_again(self):
        def switches():
            return torch._C._get_mkldnn_enabled(), getattr(torch._C, "_get_flash_sdp_enabled", bool)()

        before = switches()
        with in_force(RunSettings(plain=True)):
            self.assertEqual(switches(), (False, False))
        self.assertEqual(switches(), before)


if __name__ == "__main__":
    unittest.main()
