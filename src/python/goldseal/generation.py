# SPDX-License-Identifier: Apache-2.0
"""A golden case of greedy decoding with a cache. The path of tokens is found when it is sealed, and fed in every later run: the
logits of each step are then comparable, and where two tokens are nearly alike no other path is taken. Faults of positions, of the
cache and of its length show in the logits of the steps behind the first.

    goldseal.save(gpt.state_dict(), "gpt.pth", model=gpt, inputs={"input_ids": ids}, factory="networks:gpt", steps=8)
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional, Union, cast

import torch
from torch import nn

from .errors import GoldsealError
from .factory import _name_of
from .worker.networks.binding import bind, declared_inputs
from .worker.protocol.refusal import Refusal

TOKENS = "tokens"
"""The golden input that holds the path."""
_BUILD = "goldseal.generation:build"
_UNNAMED = "goldseal.generation:unnamed"
_MOST_STEPS = 1024

# generate(model, inputs, tokens): logits of as many steps as `tokens`, int64 [rows, steps], has columns. `inputs` are the golden
# inputs by name. Step 0 is the prompt's; step k feeds tokens[:, k - 1]. Returns [rows, steps, vocabulary], or a list of [rows, …].
Generate = Callable[[nn.Module, Dict[str, torch.Tensor], torch.Tensor], Any]


def cached_steps(model: nn.Module, inputs: Dict[str, torch.Tensor], tokens: torch.Tensor) -> torch.Tensor:
    """Decoding as transformers' models take it: their cache, an attention mask that grows, positions that count its ones."""
    return _decoded(model, inputs, tokens, lambda step, logits: None)


def _decoded(
    model: nn.Module, inputs: Dict[str, torch.Tensor], tokens: torch.Tensor, made: Callable[[int, torch.Tensor], None]
) -> torch.Tensor:
    """`made` is told each step and its logits. The step's token is read afterwards, so that it can be chosen by then."""
    parameters = inspect.signature(type(model).forward).parameters
    word = "cache" if "cache" in parameters else "past_key_values"  # of transformers 5, and before
    named = dict(inputs)
    answer = model(**named, use_cache=True)
    logits = [answer.logits[:, -1]]
    made(0, logits[0])
    mask = named.get("attention_mask")
    for step in range(1, tokens.shape[1]):
        fed: Dict[str, Any] = {"input_ids": tokens[:, step - 1 : step], word: getattr(answer, word), "use_cache": True}
        if mask is not None:
            mask = torch.cat([mask, mask.new_ones(mask.shape[0], 1)], 1)
            fed["attention_mask"] = mask
            if "position_ids" in parameters:
                fed["position_ids"] = (mask.long().cumsum(1) - 1).clamp(min=0)[:, -1:]
        answer = model(**fed)
        logits.append(answer.logits[:, -1])
        made(step, logits[step])
    return torch.stack(logits, 1)


class Generation:
    """In place of a model's forward(): takes its inputs and the path, and gives the logits of each step."""

    def __init__(self, model: nn.Module, generate: Optional[Generate]) -> None:
        self._model, self._generate = model, generate or cached_steps
        self._own = vars(model).get("forward")  # an instance's own forward()
        self._forward = model.forward
        self._inside = False
        self.__signature__ = _signature(model.forward)

    def __call__(self, *positional: Any, **named: Any) -> Any:
        if self._inside:
            return self._forward(*positional, **named)
        inputs: Dict[str, torch.Tensor] = {}
        for name, value in self.__signature__.bind(*positional, **named).arguments.items():
            inputs.update(value if isinstance(value, dict) else {name: value})
        tokens = inputs.pop(TOKENS)
        return {"logits": self.steps(inputs, tokens)}

    def steps(self, inputs: Dict[str, torch.Tensor], tokens: torch.Tensor) -> torch.Tensor:
        logits = self._as_it_was(lambda: self._generate(self._model, inputs, tokens))
        if not isinstance(logits, torch.Tensor):
            logits = torch.stack([step if step.dim() == 2 else step[:, -1] for step in logits], 1)
        _require_logits(logits, tokens)
        return logits

    def path(self, inputs: Dict[str, torch.Tensor], steps: int) -> torch.Tensor:
        """The greedy one, token by token. A callable of the user's may read the whole path first: it is called for each step anew."""
        rows = next(iter(inputs.values())).shape[0]
        tokens = torch.zeros(rows, steps, dtype=torch.int64, device=next(iter(inputs.values())).device)

        def choose(step: int, logits: torch.Tensor) -> None:
            _require_logits(logits.unsqueeze(1), tokens[:, step : step + 1])
            tokens[:, step] = logits.argmax(-1)

        with torch.no_grad():
            if self._generate is cached_steps:
                self._as_it_was(lambda: _decoded(self._model, inputs, tokens, choose))
                return tokens
            for step in range(steps):
                choose(step, self.steps(inputs, tokens[:, : step + 1])[:, -1])
        return tokens

    def _as_it_was(self, call: Callable[[], Any]) -> Any:
        """What `call` returns; inside, forward() is the model's own."""
        self._inside = True
        try:
            return call()
        finally:
            self._inside = False

    def install(self) -> None:
        vars(self._model)["forward"] = self

    def remove(self) -> None:
        if self._own is None:
            vars(self._model).pop("forward", None)
        else:
            vars(self._model)["forward"] = self._own


def _require_logits(logits: torch.Tensor, tokens: torch.Tensor) -> None:
    if logits.dim() != 3 or logits.shape[:2] != tokens.shape:
        raise GoldsealError(
            f"generate: expected logits of shape {list(tokens.shape)} and the vocabulary, found {list(logits.shape)}; "
            "it returns those of each step, of as many as tokens has columns"
        )


def _signature(forward: Callable[..., Any]) -> inspect.Signature:
    """That of forward() with the path beside its own inputs."""
    parameters = list(inspect.signature(forward).parameters.values())
    path = inspect.Parameter(TOKENS, inspect.Parameter.KEYWORD_ONLY)
    catching = [parameter for parameter in parameters if parameter.kind is inspect.Parameter.VAR_KEYWORD]
    return inspect.Signature([*(each for each in parameters if each not in catching), path, *catching])


def require(steps: Optional[int], generate: Any) -> bool:
    """Whether a generation is asked for. Raises ValueError where `steps` or `generate` describes none that can be run."""
    if steps is None and generate is None:
        return False
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= _MOST_STEPS:
        raise ValueError(f"steps: expected how many tokens are decoded, 1 to {_MOST_STEPS}, found {steps!r}")
    if generate is not None and not callable(generate) and not isinstance(generate, str):
        raise ValueError(f"generate: expected a callable, found {generate!r}")
    return True


def found(generate: Union[None, str, Generate]) -> Optional[Generate]:
    """`package.module:callable`, or the callable itself."""
    if not isinstance(generate, str):
        return generate
    module, _, name = generate.partition(":")
    value: Any = importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return cast(Generate, value)


def unnamed(model: nn.Module, inputs: Dict[str, torch.Tensor], tokens: torch.Tensor) -> torch.Tensor:
    """What a seal names in the place of a callable that no other process can import: decoding in another way would judge that."""
    raise Refusal(
        "unsupported", "what decoded when the model was sealed (generate=) has no name that another process can import", "",
        "judge the model that serves: goldseal.verify(seal, model, generate=…); or seal with a module's function as generate=",
    )  # fmt: skip


def _importable_name(generate: Generate) -> Optional[str]:
    """Of a callable that its name leads to; a method's name leads to one that lacks its object."""
    try:
        value: Any = sys.modules[generate.__module__]
        for part in generate.__qualname__.split("."):
            value = getattr(value, part)
        return _name_of(generate) if value == generate else None
    except (AttributeError, KeyError, TypeError, GoldsealError):
        return None


def objection_to(generate: Union[None, str, Generate]) -> Optional[str]:
    """Why the seal's own code cannot decode elsewhere."""
    if generate is None or isinstance(generate, str) or _importable_name(generate) is not None:
        return None
    return (
        f"generate: {getattr(generate, '__qualname__', None) or repr(generate)} has no name that another process can import: "
        "goldseal.verify(seal, model, generate=…) judges a live model, and nothing else can run this seal; "
        "to have it judged elsewhere, give a module's function"
    )


@contextlib.contextmanager
def generating(model: nn.Module, generate: Union[None, str, Generate] = None) -> Iterator[Generation]:
    """Inside, the model's forward() decodes; afterwards it is as it was."""
    generation = Generation(model, found(generate))
    generation.install()
    try:
        yield generation
    finally:
        generation.remove()


def spec_of(spec: str, generate: Union[None, str, Generate]) -> str:
    """The `--model` that builds what `spec` builds, and has it decode."""
    if not spec.startswith("python:"):
        raise GoldsealError(f"steps: {spec} is a file; give a factory of Python code")
    source, _, query = spec[len("python:") :].partition("?")
    options = [f"of={source}"]
    if generate is not None:
        options += [f"generate={generate if isinstance(generate, str) else _importable_name(generate) or _UNNAMED}"]
    return f"python:{_BUILD}?" + "&".join(options + ([query] if query else []))


def build(of: str, generate: Optional[str] = None, **options: Any) -> nn.Module:
    """What a seal of a generation names: the network of the factory `of`, which decodes."""
    from .worker.networks.wrappers import unwrapped

    factory: Any = found(of)
    module = unwrapped(factory(**options))
    Generation(module, found(generate)).install()
    return module


def sealed_generate(seal: Any) -> "tuple[bool, Optional[str]]":
    """Whether a seal is of a generation, and the callable that it names."""
    try:
        text = Path(seal, "manifest.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False, None
    is_one = re.search(r'^source = "' + re.escape(_BUILD) + r'"$', text, re.MULTILINE) is not None
    named = re.search(r'^\[model\.options\]\n(?:.+\n)*?generate = "([^"\\]+)"$', text, re.MULTILINE)
    return is_one, named.group(1) if is_one and named else None


def with_path(inputs: Any, forward: Callable[..., Any], generation: Generation, steps: int) -> "dict[str, torch.Tensor]":
    """Golden inputs by name, with the path that is decoded from them."""
    from .inputs import tensors_by_name

    named = tensors_by_name(inputs, [entry["name"] for entry in declared_inputs(forward)])
    device = next((parameter.device for parameter in generation._model.parameters()), torch.device("cpu"))
    placed = {name: tensor.to(device) for name, tensor in named.items()}
    try:
        bind(forward, placed)
    except Refusal as refusal:
        raise GoldsealError(f"inputs: {refusal.message}") from None
    return {**named, TOKENS: generation.path(placed, steps).cpu()}


__all__ = ["Generation", "build", "cached_steps", "generating"]
