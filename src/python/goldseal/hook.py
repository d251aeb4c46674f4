# SPDX-License-Identifier: Apache-2.0
"""What a training script and a deployment call: save, seal, verify, load."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import os
import re
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator, Optional, Sequence, Union

from . import command
from .errors import GoldsealError, GoldsealWarning
from .earlier_seal import discard, is_older_than, put_back, set_aside
from .factory import Factory, absolute_paths, model_spec
from .report import Report

if TYPE_CHECKING:
    from torch import nn

    from .generation import Generate

PathLike = Union[str, "os.PathLike[str]"]
Patterns = Union[str, Sequence[str]]
Files = Union[PathLike, Sequence[PathLike]]
_TIMEOUT = 600.0
_ON_ERROR = ("warn", "raise", "ignore")


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
    steps: Optional[int] = None,
    generate: Optional[Generate] = None,
    sign_key: Optional[PathLike] = None,
    sign_passphrase_file: Optional[PathLike] = None,
    timeout: float = _TIMEOUT,
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

    known = inspect.signature(torch.save).parameters
    keywords = {name: value for name, value in torch_save.items() if name in known}
    options = {
        "inputs": inputs, "factory": factory, "seal": seal, "entry": entry, "outputs": outputs, "embed": embed,
        "anonymous": anonymous, "allow_random": allow_random, "allow_missing": allow_missing, "allow_unexpected": allow_unexpected,
        "sign_key": sign_key, "sign_passphrase_file": sign_passphrase_file, "depth": depth,
        "steps": steps, "generate": generate, "timeout": timeout,
        "on_error": on_error, **(seal_options or {}),
    }  # fmt: skip
    # A place that is none is told of once the checkpoint is written.
    place = options["seal"] if isinstance(options["seal"], (str, os.PathLike)) else None
    earlier = _earlier_seal(path, place)
    before = _written_at(path)
    try:
        _save(obj, path, model, keywords)
    except BaseException:
        if _written_at(path) == before:
            put_back(*earlier)
        raise
    if on_error not in _ON_ERROR:
        warnings.warn(f"goldseal: on_error: expected warn, raise or ignore, found {on_error!r}", GoldsealWarning, stacklevel=2)
        on_error = options["on_error"] = "warn"
    unknown = [name for name in torch_save if name not in known]
    if unknown:
        _deal_with(GoldsealError(_about_unknown(unknown[0], list(known))), on_error)
    if model is None or inputs is None:
        _deal_with(GoldsealError("save: model= and inputs= are needed to seal what was saved"), on_error)
        return None
    sealed = _sealed_after_save(model, path, options)
    if sealed is not None:
        discard(earlier[0])
    return sealed


def _save(obj: Any, path: PathLike, model: Optional[nn.Module], torch_save: dict[str, Any]) -> None:
    import torch

    if model is not None and _is_sharded(model):
        from .sharded import whole_tensors

        whole = whole_tensors(obj)
        # What fails on rank zero fails on every rank: none of them may wait for it in the next collective.
        failure: list[Any] = [None]
        if _rank() == 0:
            try:
                _save_beside(whole, path, torch_save)
            except Exception as error:
                failure = [error]
        torch.distributed.broadcast_object_list(failure, src=0)
        if failure[0] is not None:
            raise failure[0]
    else:
        _save_beside(obj, path, torch_save)


def _earlier_seal(path: PathLike, seal: Optional[PathLike]) -> tuple[Optional[Path], Path]:
    """The seal of the checkpoint that is about to be written over, moved aside, and its place. Rank zero writes alone."""
    place = Path(seal) if seal is not None else Path(os.fspath(path)).with_suffix(".seal")
    return (set_aside(place) if _rank() == 0 else None), place


def _written_at(path: PathLike) -> Optional[tuple[int, int]]:
    try:
        told = os.stat(path)
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size


def _sealed_after_save(model: nn.Module, path: PathLike, options: dict[str, Any]) -> Optional[Path]:
    """The checkpoint is written: what is wrong with the arguments must not end the training."""
    known = [name for name in inspect.signature(seal).parameters if name not in ("model", "path")]
    on_error = options.get("on_error", "warn")
    for name in [name for name in options if name not in known]:
        del options[name]
        _deal_with(GoldsealError(_about_unknown(name, known)), on_error)
    try:
        return seal(model, path, **options)
    except (TypeError, ValueError) as error:
        _deal_with(GoldsealError(f"save: {path} is saved and not sealed: {error}"), on_error)
        return None


def _about_unknown(name: str, torch_save: list[str]) -> str:
    known = [*inspect.signature(save).parameters, *torch_save]
    near = difflib.get_close_matches(name, [word for word in known if not word.startswith("_")], 1)
    hint = f"; did you mean {near[0]}=?" if near else ""
    return f"save: {name}= is not an argument of goldseal.save or torch.save, and was left out{hint}"


def _save_beside(obj: Any, path: PathLike, torch_save: dict[str, Any]) -> None:
    """`torch.save` into a file beside, which then takes the name: tensors of `obj` may be mapped from the very file, and one
    that cannot be saved leaves it as it was. The file has its own name meanwhile, which PyTorch writes into it."""
    import torch

    target = os.path.realpath(os.fspath(path)) if isinstance(path, (str, os.PathLike)) else None
    if target is None or not isinstance(target, str) or (os.path.exists(target) and not os.path.isfile(target)):
        torch.save(obj, path, **torch_save)  # a stream, a device
        return
    with tempfile.TemporaryDirectory(prefix=".goldseal-", dir=os.path.dirname(target)) as beside:
        written = os.path.join(beside, os.path.basename(target))
        torch.save(obj, written, **torch_save)
        if os.path.exists(target):
            shutil.copymode(target, written)
        with open(written, "rb") as file:
            os.fsync(file.fileno())
        os.replace(written, target)


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
    steps: Optional[int] = None,
    generate: Optional[Generate] = None,
    sign_key: Optional[PathLike] = None,
    sign_passphrase_file: Optional[PathLike] = None,
    timeout: float = _TIMEOUT,
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
    _check_on_error(on_error)
    try:
        if embed not in ("auto", True, False):
            raise ValueError(f"embed: expected 'auto', True or False, found {embed!r}")
        if depth not in ("full", "quick"):
            raise ValueError(f"depth: expected 'full' or 'quick', found {depth!r}")
        module = module_of_rank_zero(model)
        if module is None:
            return None
        objection = _objection(factory, module)
        if objection and on_error == "raise" and factory is not None:
            raise GoldsealError(objection)
        admitted = _admitted(allow_missing, allow_unexpected)
        admitted += ["--allow-random"] if allow_random else []
        admitted += ["--depth", "quick"] if depth == "quick" else []
        with _decoding(module, inputs, steps, generate) as given:
            if steps is not None:
                factory, embed = _decoding_factory(factory, module, generate), False
            target, report = _seal(module, Path(path), given, factory, seal, entry, outputs, embed, anonymous, timeout, admitted)
        _sign(target, sign_key, sign_passphrase_file, timeout)
    except Exception as error:
        _leave_no_earlier_seal(Path(path), seal)
        _deal_with(error, on_error)
        return None
    if objection and on_error != "ignore":
        warnings.warn(f"goldseal: {target}: {objection}", GoldsealWarning, stacklevel=2)
    if on_error != "ignore":
        _warn_of_code(report, target)
    return target


@contextlib.contextmanager
def _decoding(
    module: nn.Module, inputs: Any, steps: Optional[int], generate: Optional[Generate]
) -> Iterator[Any]:
    """The golden inputs; inside, with `steps`, the model decodes, and they hold the path."""
    if steps is None and generate is None:
        yield inputs
        return
    from . import generation
    from .attached import preserved

    generation.require(steps, generate)
    forward = module.forward
    with generation.generating(module, generate) as decoding:
        with preserved(module):
            given = generation.with_path(inputs, forward, decoding, steps or 0)
        yield given


def _decoding_factory(factory: Optional[Factory], module: nn.Module, generate: Optional[Generate]) -> str:
    from .generation import spec_of

    return spec_of(absolute_paths(model_spec(factory, module)), generate)


def _sign(target: Path, key: Optional[PathLike], passphrase_file: Optional[PathLike], timeout: float) -> None:
    if key is None:
        return
    arguments = ["sign", os.path.abspath(target), "--key", os.path.abspath(key)]
    arguments += ["--passphrase-file", os.path.abspath(passphrase_file)] if passphrase_file is not None else []
    try:
        command.do(arguments, timeout)
    except GoldsealError as error:
        raise GoldsealError(f"{target} was sealed and not signed: {error}") from error


def _objection(factory: Optional[Factory], module: nn.Module) -> Optional[str]:
    """Why another machine cannot build the network as the seal will say; it is told here, where it can be mended."""
    from .attached import keeping_random_numbers
    from .factory_trial import objection_to

    if factory is None and not _builds_without_arguments(type(module)):
        return None  # model_spec warns of that
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = model_spec(factory, module)
    if not spec.startswith("python:"):
        return None
    try:
        objection = objection_to(spec, module, keeping_random_numbers)
    except Exception:  # what cannot be tried here costs no seal
        return None
    return None if objection is None else f"factory: {objection}"


def _builds_without_arguments(kind: type) -> bool:
    from .factory import needed_arguments

    return not needed_arguments(kind)


def _leave_no_earlier_seal(path: Path, seal: Optional[PathLike]) -> None:
    """Where sealing failed, an older seal does not stay beside a newer checkpoint."""
    place = Path(seal) if seal is not None else path.with_suffix(".seal")
    if is_older_than(place, path):
        set_aside(place)


def _is_sharded(model: Any) -> bool:
    from torch import nn

    from .sharded import is_sharded

    return isinstance(model, nn.Module) and is_sharded(model)


def module_of_rank_zero(model: Any) -> Optional[nn.Module]:
    """What the golden inputs run in; None on the other ranks. Of a sharded model every rank calls it."""
    from .attached import unwrap
    from .sharded import whole_copy

    if _is_sharded(model):
        return whole_copy(model)
    return unwrap(model) if _rank() == 0 else None


def _seal(
    module: nn.Module,
    path: Path,
    inputs: Any,
    factory: Optional[Factory],
    seal_path: Optional[PathLike],
    entry: Optional[str],
    outputs: Optional[Callable[[Any], Any]],
    embed: Union[bool, str],
    anonymous: bool,
    timeout: float,
    admitted: list[str],
) -> tuple[Path, Report]:
    from .attached import LiveNetwork, run_attached
    from .inputs import input_arguments
    from .worker.refusal import Refusal

    target = Path(seal_path) if seal_path is not None else path.with_suffix(".seal")
    if os.path.realpath(target) == os.path.realpath(path):
        raise GoldsealError(f"{path}: the seal would take the checkpoint's place: name the checkpoint otherwise, or give seal=")
    try:
        network = LiveNetwork(module, outputs)
    except Refusal as refusal:
        raise GoldsealError(str(refusal)) from refusal
    with tempfile.TemporaryDirectory(prefix="goldseal-") as directory:
        spec = absolute_paths(model_spec(factory, module))
        arguments = ["capture", os.path.abspath(path), "--model", spec]
        arguments += _embedding(embed, spec)
        arguments += input_arguments(inputs, network, directory)
        arguments += ["--output", os.path.abspath(target), "--force", "--timeout", str(max(1, int(timeout)))]
        arguments += ["--entry", entry] if entry else []
        arguments += ["--anonymous"] if anonymous else []
        arguments += admitted
        report = run_attached(arguments, network, directory, timeout)
    if not report:
        raise GoldsealError(f"{path} was not sealed:\n{report}", report)
    return target, report


def _embedding(embed: Union[bool, str], spec: str) -> list[str]:
    """Where the factory names a file, that is the architecture, and this process's model does not prove it."""
    if embed is True and not spec.startswith("python:"):
        raise GoldsealError(f"embed: {spec} is a file; goldseal capture --embed puts it into a seal")
    if embed is False or not spec.startswith("python:"):
        return []
    return ["--embed"] if embed is True else ["--embed-if-possible"]


def _warn_of_code(report: Report, target: Path) -> None:
    for finding in report.findings:
        if finding.id == "seal.architecture" and finding.status == "warn":
            warnings.warn(f"goldseal: {target}: {finding.message}", GoldsealWarning, stacklevel=3)


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
    generate: Optional[Generate] = None,
    timeout: float = _TIMEOUT,
) -> Report:
    """Judges everything about a seal here: files, machine, and the model run on the golden inputs. The report is true only
    where all of it holds.

    With `model`, that live module is what is judged, with the weights that it has. Without, the network is built as the
    seal or `factory` says, in a process of its own: by `runtime`, or what fits the network.

    A seal is data: code that it names (`python:`, `plugin:`, `aoti:`) is not run unless `trust_code` says so, or `factory`
    names it. Without that word the program that the seal embeds is run in its place; where there is none the verdict is
    inconclusive. With it, code of Python's is run by this interpreter; `runtime="libtorch"` runs the program.

    A seal of decoding (`steps`) has the model decode: by `generate`, or what the seal names.

    With `signed_by`, files with public keys or certificates (PEM), a seal that none of them signed is refused before
    anything in it is read (exit code 4); `identity` says whose certificates of an authority count.

    Raises GoldsealError where no verdict can be reached: a missing seal, an unknown policy. Of a sharded model every rank
    calls this, and has the report.
    """
    arguments = _verify_arguments(seal, checkpoint, policy, quick, timeout) + _admitted(allow_missing, allow_unexpected)
    arguments += _signers(signed_by, identity)
    if factory is not None:
        arguments += ["--model", absolute_paths(model_spec(factory, model))]
    if model is None:
        arguments += ["--trust-code"] if trust_code else []
        if runtime is None and factory is None and trust_code and _names_code(seal):
            runtime = "python"
        arguments += ["--runtime", runtime] if runtime else []
        return command.run(arguments, timeout=timeout + 30)
    from .attached import LiveNetwork, run_attached, unwrap

    if _is_sharded(model):
        from .sharded import on_rank_zero

        return on_rank_zero(model, lambda copy: run_attached(arguments, LiveNetwork(copy, outputs), timeout=timeout))
    module = unwrap(model)
    with _decoding_as_sealed(seal, module, generate):
        return run_attached(arguments, LiveNetwork(module, outputs), timeout=timeout)


@contextlib.contextmanager
def _decoding_as_sealed(seal: PathLike, module: nn.Module, generate: Optional[Generate]) -> Iterator[None]:
    from .generation import generating, sealed_generate

    decodes, named = sealed_generate(seal)
    if not decodes:
        if generate is not None:
            raise GoldsealError(f"generate: expected a seal of decoding (steps=), found {os.fspath(seal)}, which is none")
        yield
        return
    with generating(module, generate if generate is not None else named):
        yield


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
    timeout: float = _TIMEOUT,
) -> Report:
    """Loads the sealed checkpoint into `model` after everything about it was verified with that very model: every key
    matches, every digest, and the golden outputs. It is left as it was judged: in evaluation mode, on its device, in its
    types. Raises GoldsealError where a check fails; the model is then untouched.
    """
    from .attached import LiveNetwork, run_attached, unwrap

    if _is_sharded(model):
        raise GoldsealError("model: it is sharded over ranks; load it before it is wrapped, and shard it then")
    network = LiveNetwork(unwrap(model), outputs, replace=True)
    report = None
    try:
        arguments = _verify_arguments(seal, checkpoint, policy, quick, timeout) + _admitted(allow_missing, allow_unexpected)
        arguments += _signers(signed_by, identity)
        with _decoding_as_sealed(seal, network.module, None):
            report = run_attached(arguments, network, timeout=timeout)
    finally:
        network.give_back(adopt=bool(report))
    if not report:
        raise GoldsealError(f"{seal} does not conform, nothing was loaded:\n{report}", report)
    model.eval()
    return report


def _names_code(seal: PathLike) -> bool:
    """Whether the seal says that its network is built by Python. The command reports a directory that is not a seal."""
    try:
        text = Path(seal, "manifest.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return _builder(text) == "python"


def _builder(manifest: str) -> Optional[str]:
    try:
        tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ImportError:
        # Python 3.9 and 3.10 come without; the command writes a table's name and each of its values on lines of their own.
        table = re.search(r"^[ \t]*\[[ \t]*model[ \t]*\][ \t]*(?:#[^\n]*)?$(.*?)(?=^[ \t]*\[|\Z)", manifest, re.MULTILINE | re.DOTALL)
        line = r"""^[ \t]*(?:builder|"builder")[ \t]*=[ \t]*(["'])(\w+)\1[ \t]*(?:#.*)?$"""
        found = re.search(line, table.group(1), re.MULTILINE) if table else None
        return found.group(2) if found else None
    try:
        model = tomllib.loads(manifest).get("model")
    except tomllib.TOMLDecodeError:
        return None
    return model.get("builder") if isinstance(model, dict) else None


def _verify_arguments(
    seal: PathLike, checkpoint: Optional[PathLike], policy: Optional[str], quick: bool, timeout: float
) -> list[str]:
    arguments = ["verify", os.fspath(seal), "--timeout", str(max(1, int(timeout)))]
    arguments += ["--checkpoint", os.fspath(checkpoint)] if checkpoint is not None else []
    arguments += ["--policy", policy] if policy else []
    return arguments + (["--depth", "quick"] if quick else [])


def _admitted(missing: Patterns, unexpected: Patterns) -> list[str]:
    """The command's words for what may be missing and unexpected: one glob, or several."""
    arguments = []
    for name, patterns in (("missing", missing), ("unexpected", unexpected)):
        several = [patterns] if isinstance(patterns, str) else list(patterns)
        odd = [pattern for pattern in several if not isinstance(pattern, str) or not pattern]
        if odd:
            raise ValueError(f"allow_{name}: expected globs over names, as strings, found {odd[0]!r}")
        arguments += [f"--allow-{name}={pattern}" for pattern in several]
    return arguments


def _signers(files: Files, identity: Patterns) -> list[str]:
    """The command's words for whose signature counts: one file, or several; and one name, or several."""
    several = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    names = [identity] if isinstance(identity, str) else list(identity)
    odd = [file for file in several if not isinstance(file, (str, os.PathLike)) or not os.fspath(file)]
    if odd:
        raise ValueError(f"signed_by: expected files, found {odd[0]!r}")
    return [f"--signed-by={os.path.abspath(file)}" for file in several] + [f"--identity={name}" for name in names]


def _rank() -> int:
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    return int(os.environ.get("RANK") or 0)


def check_options(name: str, options: dict[str, Any], on_error: str) -> None:
    """Of a hook that seals later: what it cannot hand on to goldseal.seal is told when it is made, and left out."""
    _check_on_error(on_error)
    known = [word for word in inspect.signature(seal).parameters if word not in ("model", "path")]
    for word in [word for word in options if word not in known]:
        del options[word]
        near = difflib.get_close_matches(word, known, 1)
        hint = f"; did you mean {near[0]}=?" if near else ""
        _deal_with(GoldsealError(f"{name}: {word}= is not an argument of goldseal.seal, and was left out{hint}"), on_error)


def _check_on_error(on_error: str) -> None:
    if on_error not in _ON_ERROR:
        raise ValueError(f"on_error: expected warn, raise or ignore, found {on_error!r}")


def _deal_with(error: Exception, on_error: str) -> None:
    _check_on_error(on_error)
    if on_error == "raise":
        raise error
    if on_error == "warn":
        warnings.warn(f"goldseal: {error}", GoldsealWarning, stacklevel=3)
