# SPDX-License-Identifier: Apache-2.0
"""What a deployment calls: verify, and load, which gives the caller the very network that was judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

from . import command
from .command_words import TIMEOUT, Files, PathLike, Patterns, admitted_patterns, signers, verify_arguments
from .decoding import decoding_as_sealed
from .errors import GoldsealError
from .factory import Factory, absolute_paths, model_spec
from .ranks import is_sharded
from .report import Report
from .sealed_code import names_code

if TYPE_CHECKING:
    from torch import nn

    from .generation import Generate


def verify(
    seal: PathLike,
    model: Optional[nn.Module] = None,
    *,
    checkpoint: Optional[PathLike] = None,
    factory: Optional[Factory] = None,
    outputs: Optional[Callable[[Any], Any]] = None,
    policy: Optional[str] = None,
    quick: bool = False,
    allow_missing: Patterns = (),
    allow_unexpected: Patterns = (),
    signed_by: Files = (),
    identity: Patterns = (),
    runtime: Optional[str] = None,
    trust_code: bool = False,
    compiled: bool = False,
    generate: Optional[Generate] = None,
    timeout: float = TIMEOUT,
) -> Report:
    """Judges everything about a seal here: files, machine, and the model run on the golden inputs. The report is true only
    where all of it holds.

    With `model`, that live module is what is judged, with the weights that it has. Without, the network is built as the
    seal or `factory` says, in a process of its own: by `runtime`, or what fits the network.

    A seal is data: code that it names (`python:`, `plugin:`, `aoti:`) is not run unless `trust_code` says so, or `factory`
    names it. Without that word the program that the seal embeds is run in its place; where there is none the verdict is
    inconclusive. With it, code of Python's is run by this interpreter; `runtime="libtorch"` runs the program.

    With `compiled`, a model under torch.compile (`torch.compile(model)`, `model.compile()`, or compiled parts) is judged as it
    runs: native answers are those of its compiled form. Without, those of the code under it are, and the report says so.

    A seal of decoding (`steps`) has the model decode: by `generate`, or what the seal names.

    With `signed_by`, files with public keys or certificates (PEM), a seal that none of them signed is refused before
    anything in it is read (exit code 4); `identity` says whose certificates of an authority count.

    Raises GoldsealError where no verdict can be reached: a missing seal, an unknown policy. Of a sharded model every rank
    calls this, and has the report.
    """
    arguments = verify_arguments(seal, checkpoint, policy, quick, timeout) + admitted_patterns(allow_missing, allow_unexpected)
    arguments += signers(signed_by, identity)
    if factory is not None:
        arguments += ["--model", absolute_paths(model_spec(factory, model))]
    if model is None:
        if compiled:
            raise GoldsealError("compiled: expected the compiled model beside it, found none: goldseal.verify(seal, model, compiled=True)")
        arguments += ["--trust-code"] if trust_code else []
        if runtime is None and factory is None and trust_code and names_code(seal):
            runtime = "python"
        arguments += ["--runtime", runtime] if runtime else []
        return command.run(arguments, timeout=timeout + 30)
    from .attached import run_attached
    from .compiled import find_compiled
    from .live_network import live_network, unwrap
    from .wrapped_parts import WrappedParts

    form = find_compiled(model, compiled)
    if compiled and (form is None or is_sharded(model)):
        found = "one that is sharded over ranks" if form is not None else f"{type(model).__qualname__}, which is not compiled"
        raise GoldsealError(f"compiled: expected a model under torch.compile, found {found}; leave compiled=True out to judge its code")
    if is_sharded(model):
        from .sharded import on_rank_zero

        return on_rank_zero(model, lambda copy: run_attached(arguments, live_network(copy, outputs), timeout=timeout))
    module = unwrap(model)
    parts = WrappedParts(module)
    with decoding_as_sealed(seal, module, generate), parts.aside():
        network = live_network(module, outputs, compiled=form)
        network.as_served = parts.in_place
        return run_attached(arguments, network, timeout=timeout)


def load(
    seal: PathLike,
    model: nn.Module,
    *,
    checkpoint: Optional[PathLike] = None,
    outputs: Optional[Callable[[Any], Any]] = None,
    policy: Optional[str] = None,
    quick: bool = False,
    allow_missing: Patterns = (),
    allow_unexpected: Patterns = (),
    signed_by: Files = (),
    identity: Patterns = (),
    timeout: float = TIMEOUT,
) -> Report:
    """Loads the sealed checkpoint into `model` after everything about it was verified with that very model: every key
    matches, every digest, and the golden outputs. It is left as it was judged: in evaluation mode, on its device, in its
    types. Raises GoldsealError where a check fails; the model is then untouched. A model on the meta device is given tensors of
    its own, on the CPU.
    """
    from .attached import run_attached
    from .live_network import live_network, unwrap
    from .wrapped_parts import WrappedParts

    if is_sharded(model):
        raise GoldsealError("model: it is sharded over ranks; load it before it is wrapped, and shard it then")
    arguments = verify_arguments(seal, checkpoint, policy, quick, timeout) + admitted_patterns(allow_missing, allow_unexpected)
    arguments += signers(signed_by, identity)
    module = unwrap(model)
    report = None
    with WrappedParts(module).aside():
        network = live_network(module, outputs, replace=True)
        try:
            with decoding_as_sealed(seal, module, None):
                report = run_attached(arguments, network, timeout=timeout)
        finally:
            network.give_back(adopt=bool(report))
    if not report:
        raise GoldsealError(f"{seal} does not conform, nothing was loaded:\n{report}", report)
    model.eval()
    return report
