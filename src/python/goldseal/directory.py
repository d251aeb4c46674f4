# SPDX-License-Identifier: Apache-2.0
"""Directories as transformers, diffusers, timm and sentence-transformers save them: which library wrote one, what builds its
network, what a golden input of it is. `goldseal seal DIR` and `goldseal.seal_directory(DIR)` seal every part that has weights.

    goldseal.seal_directory("bert-base")              # bert-base/model.seal
    goldseal verify bert-base/model.seal
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Union

from .errors import GoldsealError, warn

if TYPE_CHECKING:
    from torch import nn

PathLike = Union[str, "os.PathLike[str]"]

# In the order in which the libraries look for them.
_WEIGHTS = (
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json", "diffusion_pytorch_model.bin",
    "open_clip_pytorch_model.bin",
)  # fmt: skip
_LOOKED_FOR = (
    "model_index.json (diffusers), modules.json (sentence-transformers), or config.json with `architectures` or `model_type` "
    "(transformers), `architecture` (timm) or `_class_name` (a part of diffusers)"
)


@dataclass(frozen=True)
class Part:
    """A directory with one network's configuration and its weights."""

    directory: Path
    library: str  # transformers, diffusers, timm
    weights: str  # the file that is sealed


def recognise(directory: PathLike) -> List[Part]:
    """The parts of a model's directory that have weights. Raises GoldsealError that names what was looked for, and what is
    there instead."""
    place = Path(directory)
    if not place.is_dir():
        there = "a file: `goldseal capture` seals a checkpoint" if place.is_file() else "nothing there"
        raise GoldsealError(f"{place}: expected a model's directory, found {there}")
    if (place / "model_index.json").is_file():
        return _parts_of_pipeline(place)
    if (place / "modules.json").is_file():
        return _parts_of_sentences(place)
    if (place / "adapter_config.json").is_file() and not (place / "config.json").is_file():
        raise GoldsealError(
            f"{place}: an adapter (peft) without its base model, which alone computes nothing; "
            "merge it and seal what is merged: model.merge_and_unload().save_pretrained(DIRECTORY)"
        )
    return [_part(place)]


def _part(place: Path) -> Part:
    library = _library_of(place)
    weights = next((name for name in _WEIGHTS if (place / name).is_file()), None)
    if weights is None:
        there = ", ".join(sorted(entry.name for entry in place.iterdir())[:8]) or "nothing"
        raise GoldsealError(f"{place}: expected weights as one of {', '.join(_WEIGHTS[:4])}; found {there}")
    return Part(place, library, weights)


def _library_of(place: Path) -> str:
    config = _object(place / "config.json")
    if config is None:
        there = ", ".join(sorted(entry.name for entry in place.iterdir())[:8]) or "nothing"
        raise GoldsealError(f"{place}: no library's directory; looked for {_LOOKED_FOR}; found {there}")
    if "_class_name" in config:
        return "diffusers"
    if "architecture" in config:
        return "timm"
    if "architectures" in config or "model_type" in config:
        return "transformers"
    keys = ", ".join(sorted(config)[:8]) or "no key"
    raise GoldsealError(f"{place}: no library's directory; looked for {_LOOKED_FOR}; its config.json has {keys}")


def _object(path: Path) -> Optional[Dict[str, Any]]:
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GoldsealError(f"{path}: expected JSON: {error}") from None
    if not isinstance(found, dict):
        raise GoldsealError(f"{path}: expected an object of settings, found a {type(found).__name__}")
    return found


def _parts_of_pipeline(place: Path) -> List[Part]:
    """Those with weights; schedulers, tokenizers and processors are files of configuration, which each seal digests."""
    index = _object(place / "model_index.json") or {}
    parts = []
    for name in sorted(index):
        inner = place / name
        if not name.startswith("_") and inner.is_dir() and any((inner / weights).is_file() for weights in _WEIGHTS):
            parts.append(_part(inner))
    if not parts:
        raise GoldsealError(f"{place}: model_index.json names no part with weights; looked for {', '.join(_WEIGHTS)} in each")
    return parts


def _parts_of_sentences(place: Path) -> List[Part]:
    try:
        modules = json.loads((place / "modules.json").read_text(encoding="utf-8"))
        paths = [str(module.get("path", "")) for module in modules]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise GoldsealError(f"{place / 'modules.json'}: expected a list of modules with their paths: {error}") from None
    if not paths:
        raise GoldsealError(f"{place / 'modules.json'}: expected a module, found none")
    first, *others = paths
    for path in others:
        if any((place / path / name).is_file() for name in _WEIGHTS):
            warn(
                f"{place / path} has weights of its own, which the seal of the encoder does not hold: seal that "
                "module with goldseal.seal(module, …)")  # fmt: skip
    return [_part(place / first)]


def _imported(library: str) -> Any:
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise GoldsealError(
            f"{library} is needed to build this network, and {sys.executable} does not import it ({error}); "
            f"install it: {sys.executable} -m pip install {library}"
        ) from None


def network(directory: str, library: str = "") -> nn.Module:
    """The factory of such a seal: the network that the directory's configuration describes, with no weights yet. The hub is
    never asked, and code that the directory brings is not run."""
    place = Path(directory)
    library = library or _library_of(place)
    if library == "transformers":
        from .huggingface import network as of_transformers

        return of_transformers(str(directory))
    config = _object(place / "config.json") or {}
    if library == "timm":
        return _of_timm(config)
    if library == "diffusers":
        diffusers = _imported("diffusers")
        kind = getattr(diffusers, str(config.get("_class_name")), None)
        if kind is None:
            raise GoldsealError(f"{place}/config.json: diffusers {diffusers.__version__} has no {config.get('_class_name')}")
        model: nn.Module = kind.from_config(config)
        return model
    raise GoldsealError(f"library: expected transformers, diffusers or timm, found {library!r}")


def _of_timm(config: Mapping[str, Any]) -> nn.Module:
    timm = _imported("timm")
    arguments = dict(config.get("model_args") or {})
    for name in ("num_classes", "global_pool"):
        if config.get(name) is not None:
            arguments.setdefault(name, config[name])
    model: nn.Module = timm.create_model(config["architecture"], pretrained=False, **arguments)
    return model


def _loaded(part: Part) -> nn.Module:
    """The network with its weights, as the library loads them."""
    model: nn.Module
    if part.library == "transformers":
        transformers = _imported("transformers")
        built = network(str(part.directory), part.library)
        # In the types of the file: what is converted is no longer what is sealed.
        key = "dtype" if int(transformers.__version__.partition(".")[0]) >= 5 else "torch_dtype"
        model = type(built).from_pretrained(str(part.directory), config=built.config, local_files_only=True, **{key: "auto"})  # type: ignore[attr-defined]
        return model.eval()
    if part.library == "diffusers":
        diffusers = _imported("diffusers")
        name = (_object(part.directory / "config.json") or {})["_class_name"]
        model = getattr(diffusers, name).from_pretrained(str(part.directory), local_files_only=True)
        return model.eval()
    model = network(str(part.directory), part.library)
    model.load_state_dict(_state_dict(part.directory / part.weights))
    return model.eval()


def _state_dict(path: Path) -> Dict[str, Any]:
    import torch

    if path.suffix == ".safetensors":
        from .worker.protocol.tensor_file import read_tensors

        return dict(read_tensors(str(path)))
    found: Dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return found


# --- golden inputs ---------------------------------------------------------------------------------------------------


def _random(*shape: int) -> Any:
    import torch

    return torch.rand(shape, generator=torch.Generator().manual_seed(7))


def _ids(config: Any, length: int = 8) -> Any:
    """Tokens that mean something to the network: none of its special ones, which masks are made of."""
    import torch

    text = getattr(config, "text_config", None) or config
    size = int(getattr(text, "vocab_size", 0) or 100)
    special = {getattr(text, f"{name}_token_id", None) for name in ("pad", "bos", "eos", "decoder_start")}
    usual = [token for token in range(3 if size > 10 else 0, size) if token not in special][:5000] or [0]
    picked = torch.randint(len(usual), (1, length), generator=torch.Generator().manual_seed(7))
    return torch.tensor(usual)[picked]


def _size(config: Any) -> List[int]:
    vision = getattr(config, "vision_config", None) or config
    size = getattr(vision, "image_size", None) or 224
    height, width = size if isinstance(size, (list, tuple)) else (size, size)
    return [int(getattr(vision, "num_channels", None) or 3), int(height), int(width)]


def _inputs_of_transformers(model: Any) -> Dict[str, Any]:
    config = model.config
    main = getattr(model, "main_input_name", "input_ids")
    inputs: Dict[str, Any] = {}
    if main == "input_ids":
        inputs["input_ids"] = _ids(config)
        if getattr(config, "vision_config", None) is not None:
            inputs["pixel_values"] = _random(1, *_size(config))
    elif main == "pixel_values":
        inputs["pixel_values"] = _random(1, *_size(config))
    elif main == "input_values":
        inputs["input_values"] = _random(1, 4000)
    elif main == "input_features":
        inputs["input_features"] = _random(1, int(config.num_mel_bins), 2 * int(config.max_source_positions))
    else:
        raise GoldsealError(f"{type(model).__name__} takes {main}, of which no golden input is known: give it by inputs=")
    if getattr(config, "is_encoder_decoder", False):
        inputs["decoder_input_ids"] = _ids(config, 4)
    return inputs


def _inputs_of_diffusers(model: Any) -> Dict[str, Any]:
    import torch

    config, name = model.config, type(model).__name__
    size = config.get("sample_size") or 32
    height, width = size if isinstance(size, (list, tuple)) else (size, size)
    if name in ("UNet2DModel", "UNet2DConditionModel"):
        inputs = {"sample": _random(1, config.in_channels, min(height, 64), min(width, 64)), "timestep": torch.tensor(7)}
        if name == "UNet2DConditionModel":
            wide = config.cross_attention_dim
            inputs["encoder_hidden_states"] = _random(1, 8, wide[0] if isinstance(wide, (list, tuple)) else wide)
        return inputs
    if name.startswith(("Autoencoder", "VQModel")):
        return {"sample": _random(1, config.in_channels, min(height, 64), min(width, 64))}
    raise GoldsealError(f"{name}: no golden input is known for this part of diffusers: give it by inputs=")


def golden_inputs(part: Part, model: Any) -> Dict[str, Any]:
    """Inputs that the network takes, from its configuration; the same each time."""
    if part.library == "transformers":
        return _inputs_of_transformers(model)
    if part.library == "diffusers":
        return _inputs_of_diffusers(model)
    config = _object(part.directory / "config.json") or {}
    shape = (config.get("pretrained_cfg") or {}).get("input_size") or getattr(model, "default_cfg", {}).get("input_size") or (3, 224, 224)
    return {"x": _random(1, *shape)}


def _renamed_by_library(error: GoldsealError, part: Part) -> Optional[GoldsealError]:
    """transformers 5 gives some networks other names than their files have, and renames when it loads them."""
    keys = [finding for finding in error.report.failures if finding.id == "keys.network"] if error.report is not None else []
    if part.library != "transformers" or not keys:
        return None
    return GoldsealError(
        f"{part.directory / part.weights}: {keys[0].message}; transformers renames these weights when it loads them: seal what "
        "the network holds, with goldseal.save(model.state_dict(), 'network.pth', model=model, inputs=…)", error.report)  # fmt: skip


def seal_directory(
    directory: PathLike,
    inputs: Optional[Mapping[str, Any]] = None,
    on_error: str = "raise",
    progress: Callable[[str], None] = lambda said: None,
    **options: Any,
) -> List[Path]:
    """Seals each part of a model's directory beside its weights, with a network and golden inputs found from the
    configuration. `inputs` are a part's own, by the names of forward(); of a pipeline, by part: {"unet": {...}}. The rest is
    as in goldseal.seal. Raises GoldsealError where nothing was recognised or a part cannot be sealed."""
    from .sealing import seal

    seals = []
    parts = recognise(directory)
    for part in parts:
        settings = dict(options)
        name = part.directory.name
        progress(f"{part.directory}: a network of {part.library}, weights in {part.weights}")
        model = _loaded(part)
        given = inputs
        if inputs is not None and len(parts) > 1:
            given = inputs.get(name)
        given = golden_inputs(part, model) if given is None else given
        if part.library == "transformers":
            from .huggingface import code_of_its_own, without_caches
            from .huggingface import network as of_transformers

            own = code_of_its_own(part.directory)
            if own is not None:
                warn(
                    f"{part.directory}: its config.json names code of its own (auto_map: {own}); transformers' own "
                    f"{type(model).__name__} is what was sealed. With trust_remote_code=True another network serves"
                )

            settings.setdefault("outputs", without_caches)
            factory: Any = (of_transformers, {"directory": os.path.abspath(part.directory)})
        else:
            factory = (network, {"directory": os.path.abspath(part.directory)})
        try:
            sealed = seal(model, part.directory / part.weights, inputs=given, factory=factory, on_error=on_error, **settings)
        except GoldsealError as error:
            raise _renamed_by_library(error, part) or error from None
        if sealed is not None:
            seals.append(sealed)
    return seals
