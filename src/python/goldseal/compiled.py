# SPDX-License-Identifier: Apache-2.0
"""A live model under torch.compile, run as it serves: the compiled form is called and no part of it is unwrapped. What was run
compiled, and what fell back to eager, is read from PyTorch's profiler, since a fallback is silent and gives right answers."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterator, List, NamedTuple, Optional

import torch
from torch import nn

from .worker.networks.wrappers import is_parallel
from .worker.protocol.refusal import Refusal

# Of these events each is one call of compiled code; what they are called depends on the version of PyTorch.
_REGIONS = ("Torch-Compiled Region", "## Call CompiledFxGraph", "CompiledFunction")
_COMPILERS = ("torch._dynamo", "torch._inductor", "torch._functorch")
_MOST_REASONS = 5


class Ran(NamedTuple):
    """How a run was made."""

    regions: int  # calls of compiled code
    outside: int  # operators that ran beside them
    reasons: List[str]  # of graph breaks and of what could not be compiled, as far as this run compiled


class Compiled:
    """The compiled form of a model: `call` runs it. `judged` says whether it is to be judged in place of the code."""

    def __init__(self, call: Callable[..., Any], how: str, judged: bool) -> None:
        self.call, self.how, self.judged = call, how, judged
        self.ran: Optional[Ran] = None

    def run(self, positional: List[Any], keywords: dict[str, Any]) -> Any:
        try:
            if self.ran is not None:
                return self.call(*positional, **keywords)
            answer, self.ran = _observed(lambda: self.call(*positional, **keywords))
            return answer
        except Exception as error:
            if not type(error).__module__.startswith(_COMPILERS):
                raise
            # The first line names the compiler, the second what it raised.
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            told = " ".join(lines[:2]) or type(error).__name__
            raise Refusal(
                "runtime",
                f"torch.compile failed: {type(error).__name__}: {told}",
                remedy="mend what it names; goldseal.verify(seal, model) without compiled=True judges the code under it",
            ) from error

    def facts(self) -> dict[str, Any]:
        """What is told of it beside the machine's facts."""
        origin = "torch.compile"
        facts: dict[str, Any] = {"numerics.compiled": {"value": self.how, "origin": origin}}
        facts["numerics.compiled_judged"] = {"value": self.judged, "origin": origin}
        if self.ran is not None:
            facts["numerics.compiled_regions"] = {"value": self.ran.regions, "origin": "torch.profiler"}
            facts["numerics.compiled_outside"] = {"value": self.ran.outside, "origin": "torch.profiler"}
            facts["numerics.compiled_breaks"] = {"value": self.ran.reasons, "origin": "torch._dynamo"}
        return facts


def find_compiled(model: Any, judged: bool) -> Optional[Compiled]:
    """The outermost compiled form of a model, or of parts of it; None where nothing is compiled."""
    module = model
    while isinstance(module, nn.Module):
        if _is_compiled(module):
            return Compiled(module, _backend_of(module), judged)
        if not is_parallel(module):
            break
        module = module.module
    if isinstance(module, nn.Module):
        for part in module.modules():
            if _is_compiled(part):
                return Compiled(module, _backend_of(part), judged)
    return None


def _is_compiled(module: nn.Module) -> bool:
    """By torch.compile(module), or by module.compile() in place."""
    return getattr(module, "_orig_mod", None) is not None or getattr(module, "_compiled_call_impl", None) is not None


def _backend_of(module: nn.Module) -> str:
    context = getattr(module, "dynamo_ctx", None)
    backend = getattr(context, "compiler_config", None)
    for place in (context, getattr(context, "callback", None)):
        while place is not None:
            name = getattr(place, "compiler_name", None)
            if isinstance(name, str):
                return name
            place = getattr(place, "_torchdynamo_orig_callable", None) or getattr(place, "_torchdynamo_orig_backend", None)
    return "inductor" if backend is not None else "torch.compile"


@contextlib.contextmanager
def eager(compiled: Optional[Compiled]) -> Iterator[None]:
    """Inside, compiled parts run as the code that they were made of."""
    stance = getattr(getattr(torch, "compiler", None), "set_stance", None)
    if compiled is None or stance is None:
        yield
        return
    with stance("force_eager"):
        yield


def _observed(run: Callable[[], Any]) -> "tuple[Any, Ran]":
    """Runs once to compile and once under the profiler, so that the operators that compiling itself calls are not counted."""
    from torch._dynamo.utils import counters  # type: ignore[attr-defined,unused-ignore]

    before = dict(counters["graph_break"])
    failed = counters["frames"]["total"] - counters["frames"]["ok"]
    answer = run()
    reasons = [str(reason).splitlines()[0] for reason, count in counters["graph_break"].items() if count > before.get(reason, 0)]
    failed = counters["frames"]["total"] - counters["frames"]["ok"] - failed
    if failed > 0:
        reasons.insert(0, f"{failed} functions could not be compiled and run eagerly")
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        run()
    events = list(profile.events() or ())
    kind = next((kind for kind in _REGIONS if any(event.name.startswith(kind) for event in events)), None)
    regions = 0 if kind is None else sum(event.name.startswith(kind) for event in events)
    outside = sum(event.name.startswith("aten::") and not _is_within(event) for event in events)
    return answer, Ran(regions, outside, reasons[:_MOST_REASONS])


def _is_within(event: Any) -> bool:
    """A call of compiled code, or of another operator, is above it."""
    above = event.cpu_parent
    while above is not None:
        if above.name.startswith(_REGIONS) or above.name.startswith("aten::"):
            return True
        above = above.cpu_parent
    return False
