# SPDX-License-Identifier: Apache-2.0
"""What a training script calls: save, which writes a checkpoint and seals it, and seal."""

from __future__ import annotations

import difflib
import inspect
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional, Union

from . import command
from .batch import Batch, batch_arguments, case_arguments
from .command_words import TIMEOUT, PathLike, Patterns, admitted_patterns, embedding
from .decoding import decoding, decoding_factory, objection_to_decoding
from .earlier_seal import discard, is_older_than, put_back, set_aside
from .errors import GoldsealError, warn
from .factory import Factory, absolute_paths, importable, model_spec
from .failures import ON_ERROR, check_on_error, deal_with
from .objections import objection_to_factory, objection_to_process, objection_to_reads
from .ranks import module_of_rank_zero, rank
from .report import Report
from .saving import write_checkpoint, written_at
from .script import refuse_while_imported

if TYPE_CHECKING:
    from torch import nn

    from .generation import Generate


def save(
    obj: Any,
    path: PathLike,
    *,
    model: Optional[nn.Module] = None,
    inputs: Any = None,
    factory: Optional[Factory] = None,
    seal: Optional[PathLike] = None,
    entry: Optional[str] = None,
    outputs: Optional[Callable[[Any], Any]] = None,
    embed: Union[bool, str] = "auto",
    anonymous: bool = False,
    allow_random: bool = False,
    allow_missing: Patterns = (),
    allow_unexpected: Patterns = (),
    depth: str = "full",
    batch: Union[None, int, Batch] = None,
    cases: Optional[Mapping[str, Any]] = None,
    steps: Optional[int] = None,
    generate: Optional[Generate] = None,
    sign_key: Optional[PathLike] = None,
    sign_passphrase_file: Optional[PathLike] = None,
    timeout: float = TIMEOUT,
    on_error: str = "warn",
    seal_options: Optional[dict[str, Any]] = None,
    **torch_save: Any,
) -> Optional[Path]:
    """`torch.save(obj, path)`, then a seal beside it. Returns the seal's path; None where none was written.

    `obj` is what torch.save takes: a state dict, or a dict that holds one. The other arguments are those of `seal`, which
    `seal_options` may hold too; torch.save's own keywords go there, and its errors are raised as ever. A keyword that
    neither knows costs no checkpoint: it is saved first, and the keyword is then dealt with as `on_error` says. The file
    is written beside and takes the name when it is whole, so that tensors may be mapped from the very file. Of a model
    that is sharded over ranks `obj` is gathered where it is not whole, and rank zero alone writes it.
    """
    import torch

    refuse_while_imported("save")
    known = inspect.signature(torch.save).parameters
    keywords = {name: value for name, value in torch_save.items() if name in known}
    options = {
        "inputs": inputs, "factory": factory, "seal": seal, "entry": entry, "outputs": outputs, "embed": embed,
        "anonymous": anonymous, "allow_random": allow_random, "allow_missing": allow_missing, "allow_unexpected": allow_unexpected,
        "sign_key": sign_key, "sign_passphrase_file": sign_passphrase_file, "depth": depth,
        "batch": batch, "cases": cases, "steps": steps, "generate": generate, "timeout": timeout,
        "on_error": on_error, **(seal_options or {}),
    }  # fmt: skip
    # A place that is none is told of once the checkpoint is written.
    place = options["seal"] if isinstance(options["seal"], (str, os.PathLike)) else None
    earlier = _earlier_seal(path, place)
    before = written_at(path)
    try:
        write_checkpoint(obj, path, model, keywords)
    except BaseException:
        if written_at(path) == before:
            put_back(*earlier)
        raise
    if on_error not in ON_ERROR:
        warn(f"on_error: expected warn, raise or ignore, found {on_error!r}")
        on_error = options["on_error"] = "warn"
    unknown = [name for name in torch_save if name not in known]
    if unknown:
        deal_with(GoldsealError(_about_unknown(unknown[0], list(known))), on_error)
    if model is None or inputs is None:
        deal_with(GoldsealError("save: model= and inputs= are needed to seal what was saved"), on_error)
        return None
    sealed = _sealed_after_save(model, path, options)
    if sealed is not None:
        discard(earlier[0])
    if place is not None and rank() == 0:
        # Nor does one stay under the checkpoint's own name, where the new one goes elsewhere.
        _leave_no_earlier_seal(Path(os.fspath(path)), None)
    return sealed


def _earlier_seal(path: PathLike, seal: Optional[PathLike]) -> tuple[Optional[Path], Path]:
    """The seal of the checkpoint that is about to be written over, moved aside, and its place. Rank zero writes alone."""
    place = Path(seal) if seal is not None else Path(os.fspath(path)).with_suffix(".seal")
    return (set_aside(place) if rank() == 0 else None), place


def _sealed_after_save(model: nn.Module, path: PathLike, options: dict[str, Any]) -> Optional[Path]:
    """The checkpoint is written: what is wrong with the arguments must not end the training."""
    known = [name for name in inspect.signature(seal).parameters if name not in ("model", "path")]
    on_error = options.get("on_error", "warn")
    for name in [name for name in options if name not in known]:
        del options[name]
        deal_with(GoldsealError(_about_unknown(name, known)), on_error)
    try:
        return seal(model, path, **options)
    except (TypeError, ValueError) as error:
        deal_with(GoldsealError(f"save: {path} is saved and not sealed: {error}"), on_error)
        return None


def _about_unknown(name: str, torch_save: list[str]) -> str:
    known = [*inspect.signature(save).parameters, *torch_save]
    near = difflib.get_close_matches(name, [word for word in known if not word.startswith("_")], 1)
    hint = f"; did you mean {near[0]}=?" if near else ""
    return f"save: {name}= is not an argument of goldseal.save or torch.save, and was left out{hint}"


def seal(
    model: nn.Module,
    path: PathLike,
    *,
    inputs: Any,
    factory: Optional[Factory] = None,
    seal: Optional[PathLike] = None,
    entry: Optional[str] = None,
    outputs: Optional[Callable[[Any], Any]] = None,
    embed: Union[bool, str] = "auto",
    anonymous: bool = False,
    allow_missing: Patterns = (),
    allow_unexpected: Patterns = (),
    allow_random: bool = False,
    depth: str = "full",
    batch: Union[None, int, Batch] = None,
    cases: Optional[Mapping[str, Any]] = None,
    steps: Optional[int] = None,
    generate: Optional[Generate] = None,
    sign_key: Optional[PathLike] = None,
    sign_passphrase_file: Optional[PathLike] = None,
    timeout: float = TIMEOUT,
    on_error: str = "warn",
) -> Optional[Path]:
    """Seals the checkpoint at `path`, which holds the weights of `model` as they are, by running the golden inputs in this
    process. Returns the seal's path: `seal`, or the checkpoint's name with `.seal`. A seal that is there is replaced; what is no
    seal never is.

    model      in any mode, on any device, also under DataParallel, DistributedDataParallel, FullyShardedDataParallel,
               fully_shard or torch.compile; its modes, buffers, gradients and all random generators are left as they were
    inputs     a tensor, a tuple of them, or a dict by forward()'s argument names; few samples suffice
    factory    what builds the network elsewhere: "package.module:callable?key=value", a function or class of a module,
               a functools.partial, or (callable, keyword arguments); the model's class by default
    entry      which state dict of a checkpoint that holds several
    outputs    picks from what forward() returns, where not all of it is tensors; the factory's module must do the same
    embed    whether the seal holds the network's program, without its weights, so that a target can verify with none of
               the code: "auto": where it can be written down and gives the sealed answers, a GoldsealWarning says why
               not otherwise; True: no seal without; False. What forward() or a hook keeps meanwhile, in the model or where
               its code can reach, is as it was afterwards
    anonymous  leaves out host name and serial numbers
    allow_missing, allow_unexpected
               globs over names: tensors of the model that the checkpoint may lack, where no answer depends on them
               (["*.num_batches_tracked"]), and tensors of the checkpoint that need no place (["criterion.*"]); counted in
               the report, and recorded in the seal
    allow_random  seals a model whose answers follow a random generator in evaluation mode, which is refused otherwise: the
               outputs that are stable; of the others the seal proves that they vary, and nothing else
    depth      "quick": no float64 runs, for every epoch: a third of the time; 1 % of faults, small changes of code or
               configuration, pass a verification unseen, and the seal and each verdict say so
    batch      a number, or goldseal.Batch(size, pad=…): seals that a golden case answers alike alone and at every row of a
               batch of that size, which a verification then judges (golden.batch)
    cases      further golden inputs by a name of their own, each as `inputs`; they stand beside each other in a batch
    steps      how many tokens a language model decodes greedily from `inputs`, with its cache: the path of tokens is sealed and fed,
               and the logits of each step are the golden outputs
    generate   what decodes where the model is none of transformers': a module's function generate(model, inputs, tokens) that
               returns the logits of each step (docs/training.md)
    sign_key   a private key (PEM; P-256, P-384 or P-521) to sign the seal with, so that `signed_by` can ask for it where it is
               verified; `sign_passphrase_file` holds the passphrase of an encrypted one
    on_error   "warn": a failure to seal is a GoldsealWarning and None is returned; "raise"; "ignore"

    Only rank zero of a distributed run seals; the others return None at once. Of a sharded model every rank calls this: the
    weights are gathered first, and rank zero runs the golden inputs in a plain copy that holds them.
    """
    from .wrapped_parts import WrappedParts

    check_on_error(on_error)
    refuse_while_imported("seal")
    try:
        if embed not in ("auto", True, False):
            raise ValueError(f"embed: expected 'auto', True or False, found {embed!r}")
        if depth not in ("full", "quick"):
            raise ValueError(f"depth: expected 'full' or 'quick', found {depth!r}")
        module = module_of_rank_zero(model)
        if module is None:
            return None
        given_factory = factory
        with WrappedParts(module).aside():
            factory, unnamed = importable(factory, module)
            objection = unnamed or objection_to_factory(factory, module)
        if objection and on_error == "raise" and given_factory is not None:
            raise GoldsealError(objection)
        admitted = admitted_patterns(allow_missing, allow_unexpected)
        admitted += ["--allow-random"] if allow_random else []
        admitted += ["--depth", "quick"] if depth == "quick" else []
        admitted += batch_arguments(batch)
        with decoding(module, inputs, cases, steps, generate) as (given, further):
            if steps is not None:
                factory, embed = decoding_factory(factory, module, generate), False
                objection = objection or objection_to_decoding(generate)
            target, report, later = _seal(module, Path(path), given, further, factory, seal, entry, outputs, embed, anonymous, timeout, admitted)
        if later and on_error == "raise" and given_factory is not None:
            discard(set_aside(target))
            raise GoldsealError(later)
        objection = objection or later
        _sign(target, sign_key, sign_passphrase_file, timeout)
    except Exception as error:
        _leave_no_earlier_seal(Path(path), seal)
        deal_with(error, on_error)
        return None
    if objection and on_error != "ignore":
        warn(f"{target}: {objection}")
    if on_error != "ignore":
        _warn_of_code(report, target)
    return target


def _sign(target: Path, key: Optional[PathLike], passphrase_file: Optional[PathLike], timeout: float) -> None:
    if key is None:
        return
    arguments = ["sign", os.path.abspath(target), "--key", os.path.abspath(key)]
    arguments += ["--passphrase-file", os.path.abspath(passphrase_file)] if passphrase_file is not None else []
    try:
        command.do(arguments, timeout)
    except GoldsealError as error:
        raise GoldsealError(f"{target} was sealed and not signed: {error}") from error


def _leave_no_earlier_seal(path: Path, seal: Optional[PathLike]) -> None:
    """Where sealing failed, an older seal does not stay beside a newer checkpoint."""
    place = Path(seal) if seal is not None else path.with_suffix(".seal")
    if is_older_than(place, path):
        set_aside(place)


def _seal(
    module: nn.Module,
    path: Path,
    inputs: Any,
    cases: Optional[Mapping[str, Any]],
    factory: Optional[Factory],
    seal_path: Optional[PathLike],
    entry: Optional[str],
    outputs: Optional[Callable[[Any], Any]],
    embed: Union[bool, str],
    anonymous: bool,
    timeout: float,
    admitted: list[str],
) -> tuple[Path, Report, Optional[str]]:
    """The seal's path, its report, and why another build of the factory's is no such network."""
    from .attached import run_attached
    from .inputs import input_arguments
    from .live_network import live_network
    from .wrapped_parts import WrappedParts

    target = Path(seal_path) if seal_path is not None else path.with_suffix(".seal")
    if os.path.realpath(target) == os.path.realpath(path):
        raise GoldsealError(f"{path}: the seal would take the checkpoint's place: name the checkpoint otherwise, or give seal=")
    with WrappedParts(module).aside(), tempfile.TemporaryDirectory(prefix="goldseal-") as directory:
        network = live_network(module, outputs)
        spec = absolute_paths(model_spec(factory, module))
        arguments = ["capture", os.path.abspath(path), "--model", spec]
        arguments += embedding(embed, spec)
        arguments += input_arguments(inputs, network, directory) + case_arguments(cases, network, directory)
        arguments += ["--output", os.path.abspath(target), "--force", "--timeout", str(max(1, int(timeout)))]
        arguments += ["--entry", entry] if entry else []
        arguments += ["--anonymous"] if anonymous else []
        arguments += admitted
        report = run_attached(arguments, network, directory, timeout)
    if not report:
        raise GoldsealError(f"{path} was not sealed:\n{report}", report)
    return target, report, objection_to_reads(spec, network) or objection_to_process(spec, network, target, timeout)


def _warn_of_code(report: Report, target: Path) -> None:
    for finding in report.findings:
        if finding.id == "seal.architecture" and finding.status == "warn":
            warn(f"{target}: {finding.message}")
