# SPDX-License-Identifier: Apache-2.0
"""What a forward pass draws at random: which operators, from which generators, and the same drawn anew."""

from __future__ import annotations

import random
import sys
from typing import Any, Callable, Dict, List, Optional, Tuple

import torch

_TAG = getattr(getattr(torch, "Tag", None), "nondeterministic_seeded", None)
# Where PyTorch does not tag them: PyTorch 1.13, and operators that draw only with some arguments.
_NAMES = frozenset(
    "aten::" + name
    for name in "alpha_dropout bernoulli bernoulli_ binomial cauchy_ dropout dropout_ exponential_ feature_alpha_dropout "
    "feature_dropout geometric_ gru log_normal_ lstm multinomial native_dropout normal normal_ poisson rand rand_like "
    "randint randint_like randn randn_like random_ randperm rnn_relu rnn_tanh rrelu rrelu_ rrelu_with_noise "
    "scaled_dot_product_attention uniform_ _fused_dropout _sample_dirichlet _standard_gamma".split()
)


def _arguments(func: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Dict[str, Any]:
    declared = [argument.name for argument in func._schema.arguments]
    return {**dict(zip(declared, args)), **kwargs}


def draws(func: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> bool:
    """Whether this call of an operator takes random numbers."""
    name = func._schema.name
    if name not in _NAMES and (_TAG is None or _TAG not in func.tags):
        return False
    given = _arguments(func, args, kwargs)
    for switch in ("train", "training"):
        if switch in given and not given[switch]:
            return False
    declared = {argument.name: argument.default_value for argument in func._schema.arguments}
    if "training" in declared and "training" not in given and not declared["training"]:
        return False
    for rate in ("dropout", "dropout_p", "p"):
        if rate in declared and name.rpartition("::")[2] not in ("bernoulli", "bernoulli_", "geometric_"):
            value = given.get(rate, declared[rate])
            if isinstance(value, (int, float)) and value in (0, 0.0):
                return False
    return True


class RandomWatch:
    """Notes each operator that draws, with its module. With a seed the generator is set anew before each of them, so that a
    generator that the code itself seeds gives other numbers too."""

    def __init__(self, seed: Optional[int] = None) -> None:
        self.found: Dict[Tuple[str, str], None] = {}
        self._seed = seed
        self._count = 0
        self._own: List[Tuple[torch.Generator, torch.Tensor]] = []

    def begin(self) -> None:
        """The run begins, for the first time or anew."""
        self._count = 0

    def before(self, func: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any], module: Callable[[], str]) -> None:
        if not draws(func, args, kwargs):
            return
        self.found[(module(), func._schema.name)] = None
        if self._seed is None:
            return
        self._count += 1
        seed = self._seed * 1_000_003 + self._count
        generators = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Generator)]
        for generator in generators:
            if all(known is not generator for known, _ in self._own):
                self._own.append((generator, generator.get_state()))
            generator.manual_seed(seed)
        if not generators:
            torch.manual_seed(seed)

    def restore(self) -> None:
        """The generators of the network's own."""
        for generator, state in self._own:
            generator.set_state(state)

    def told(self) -> List[Dict[str, str]]:
        return [{"module": module, "op": op} for module, op in self.found]


def seed_all(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % 2**32)


def generator_states() -> Dict[str, Any]:
    """Of the generators that a process has without asking for one."""
    states: Dict[str, Any] = {"Python's": random.getstate(), "PyTorch's": bytes(torch.get_rng_state().numpy().tobytes())}
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        kind, keys, *rest = numpy.random.get_state()
        states["numpy's"] = (kind, keys.tobytes(), *rest)
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["CUDA's"] = tuple(bytes(state.numpy().tobytes()) for state in torch.cuda.get_rng_state_all())
    return states


def moved(before: Dict[str, Any]) -> List[str]:
    """The generators that gave numbers since."""
    after = generator_states()
    return [name for name, state in before.items() if after.get(name, state) != state]
