# SPDX-License-Identifier: Apache-2.0
"""What others use to decide whether two outputs agree, with their defaults. Each takes found and golden native outputs
and the float64 golden, and says whether they agree."""

import torch
from torch._dynamo.utils import same


def _close(rtol, atol):
    return lambda found, golden, _: torch.allclose(found, golden, rtol=rtol, atol=atol)


def _assert_close(found, golden, _):
    try:
        torch.testing.assert_close(found, golden)
    except AssertionError:
        return False
    return True


def _polygraphy(found, golden, _):
    # `simple`, check_error_stat=elemwise: an element fails only where both tolerances are exceeded.
    difference = (found - golden).abs()
    relative = difference / golden.abs()
    fails = ~(difference <= 1e-5) & ~(relative <= 1e-5)
    return not bool(fails.any())


def _cosine(found, golden, _):
    return bool(torch.nn.functional.cosine_similarity(found.flatten().double(), golden.flatten().double(), dim=0) >= 0.997)


COMPARATORS = {
    "torch.testing.assert_close": _assert_close,
    "allclose 1e-3": _close(1e-3, 1e-3),
    "allclose 1e-5, 1e-8": _close(1e-5, 1e-8),
    "Polygraphy simple 1e-5": _polygraphy,
    "dynamo same, fp64, 1e-4": lambda found, golden, wide: same(golden, found, fp64_ref=wide, tol=1e-4, equal_nan=True),
    "ONNX Runtime 1e-4, 1e-5": _close(1e-4, 1e-5),
    "Optimum 1e-5": lambda found, golden, _: bool((found - golden).abs().max() <= 1e-5),
    "cosine 0.997": _cosine,
    "top-1": lambda found, golden, _: torch.equal(found.argmax(-1), golden.argmax(-1)),
    "bitwise": lambda found, golden, _: torch.equal(found, golden),
}


def agree(name, found, golden, wide):
    """All outputs agree by the comparator of that name; integers must be equal, and there must be as many."""
    if any(output not in found or found[output].shape != golden[output].shape for output in golden):
        return False
    exact = [output for output in golden if not golden[output].is_floating_point()]
    floating = [output for output in golden if output not in exact]
    return all(torch.equal(found[output], golden[output]) for output in exact) and all(
        COMPARATORS[name](found[output], golden[output], wide[output]) for output in floating)
