# SPDX-License-Identifier: Apache-2.0
"""Hugging Face transformers: every checkpoint of a Trainer is sealed inside its directory.

    trainer = Trainer(model, ..., callbacks=[SealCallback(inputs=tokenizer("golden words", return_tensors="pt"))])
    goldseal.verify("out/checkpoint-500/model.seal", trust_code=True)

`Trainer.save_model()` calls no callback: use `seal_pretrained` after it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Mapping, Optional

import torch
import transformers
from torch import nn

from .command_words import PathLike
from .errors import GoldsealError
from .factory import Factory
from .failures import deal_with
from .ranks import is_sharded, module_of_rank_zero, rank
from .seal_options import check_options
from .sealing import seal

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_CACHES = ("past_key_values", "encoder_past_key_values", "cache_params")


def network(directory: str, architecture: str = "") -> nn.Module:
    """The factory of such a seal: the architecture that config.json in `directory` names, with no weights yet."""
    if not os.path.isfile(os.path.join(directory, "config.json")):
        raise GoldsealError(f"{directory}: expected a model's directory with its config.json; the hub is not asked")
    own = code_of_its_own(directory)
    try:
        # Without the last word transformers asks on the terminal.
        config = transformers.AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    except ValueError:
        if own is None:
            raise
        raise _not_run(directory, own) from None
    config.use_cache = False
    name = architecture or (config.architectures or [""])[0]
    kind = getattr(transformers, name, None)
    if kind is None and own is not None:
        raise _not_run(directory, own)
    if kind is None:
        raise GoldsealError(f"{directory}/config.json names no architecture of transformers (found {name!r})")
    # In the types that the file has, as from_pretrained(dtype="auto") builds it.
    wanted = getattr(config, "dtype", None) or getattr(config, "torch_dtype", None)
    before = torch.get_default_dtype()
    try:
        if isinstance(wanted, torch.dtype) and wanted.is_floating_point:
            torch.set_default_dtype(wanted)
        return kind(config)
    finally:
        torch.set_default_dtype(before)


def code_of_its_own(directory: PathLike) -> Optional[str]:
    """`modeling_x.XModel`: what trust_remote_code=True would run in place of transformers' own; None where the directory brings none."""
    try:
        with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
            named = json.load(file).get("auto_map")
    except (OSError, ValueError, AttributeError):
        return None
    models = [value for name, value in named.items() if name.startswith("AutoModel")] if isinstance(named, dict) else []
    names = [name for name in (models or list(named.values() if isinstance(named, dict) else ())) if isinstance(name, str)]
    return names[0] if names else None


def _not_run(directory: PathLike, own: str) -> GoldsealError:
    return GoldsealError(
        f"{os.fspath(directory)}/config.json names code of the directory's own (auto_map: {own}), and transformers has no such "
        "architecture. goldseal does not run that code by itself: load the model with trust_remote_code=True in a script of yours, "
        'and call goldseal.seal_pretrained(model, directory, inputs=…, factory="module:callable") with a callable that loads it so'
    )


def seal_pretrained(
    model: Any,
    directory: PathLike,
    inputs: Any = None,
    factory: Optional[Factory] = None,
    on_error: str = "warn",
    **options: Any,
) -> Optional[Path]:
    """Seals what `save_pretrained(directory)` wrote, as `directory/model.seal`. `inputs` are the model's `dummy_inputs` by
    default, the rest is as in goldseal.seal. What `forward` returns is compared, without caches. Of a sharded model every
    rank calls this."""
    try:
        found = _weights_in(directory, model)
        module = module_of_rank_zero(model) if found else None
    except Exception as error:
        deal_with(error, on_error)
        return None
    if module is None or found is None:
        return None
    inputs = getattr(module, "dummy_inputs", None) if inputs is None else inputs
    # A plain module that the Trainer trained has no configuration to be built from; its class builds it.
    if factory is None and os.path.isfile(os.path.join(directory, "config.json")):
        factory = (network, {"directory": os.path.abspath(directory)})
    options.setdefault("outputs", without_caches)
    return seal(module, Path(directory) / found, inputs=inputs, factory=factory, on_error=on_error, **options)


def _weights_in(directory: PathLike, model: Any) -> Optional[str]:
    """The file of the weights, as rank zero sees it, before any rank gathers them: all of them do, or none. Raises
    GoldsealError on rank zero where there is none."""
    found: list[Any] = [next((name for name in _WEIGHTS if os.path.exists(os.path.join(directory, name))), None)]
    if is_sharded(model):
        torch.distributed.broadcast_object_list(found, src=0)
    if found[0] is None and rank() == 0 and os.path.isfile(os.path.join(directory, "adapter_config.json")):
        raise GoldsealError(
            f"{os.fspath(directory)}: an adapter (peft) without its base model, which alone computes nothing; seal what the "
            "model has, goldseal.save(model.state_dict(), 'network.pth', model=model, inputs=…), or merge it: "
            "model.merge_and_unload()"
        )
    if found[0] is None and rank() == 0:
        raise GoldsealError(f"{os.fspath(directory)}: expected one of {', '.join(_WEIGHTS)}, found none")
    return found[0]


def without_caches(answer: Any) -> Any:
    if isinstance(answer, Mapping):
        return {key: value for key, value in answer.items() if key not in _CACHES and not _is_cache(value)}
    return answer


def _is_cache(value: Any) -> bool:
    """What the output that holds it is called depends on the version."""
    return any(kind.__name__ in ("Cache", "DynamicCache") for kind in type(value).__mro__)


class SealCallback(transformers.TrainerCallback):
    """Seals each checkpoint after the Trainer has written it. The Trainer's rotation removes a seal with its directory."""

    def __init__(
        self, inputs: Any = None, factory: Optional[Factory] = None, on_error: str = "warn", **options: Any
    ) -> None:
        self._inputs = inputs
        self._factory = factory
        self._on_error = on_error
        self._options = options
        check_options("SealCallback", options, on_error)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        directory = os.path.join(args.output_dir, f"checkpoint-{state.global_step}")
        seal_pretrained(kwargs.get("model"), directory, self._inputs, self._factory, self._on_error, **self._options)
