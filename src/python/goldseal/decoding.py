# SPDX-License-Identifier: Apache-2.0
"""The model as it decodes, where a seal is of decoding: while it is sealed, and as it was sealed."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Optional

from .command_words import PathLike
from .errors import GoldsealError
from .factory import Factory, absolute_paths, model_spec

if TYPE_CHECKING:
    from torch import nn

    from .generation import Generate


@contextlib.contextmanager
def decoding(
    module: nn.Module, inputs: Any, cases: Optional[Mapping[str, Any]], steps: Optional[int], generate: Optional[Generate]
) -> Iterator[tuple[Any, Optional[Mapping[str, Any]]]]:
    """The golden inputs; inside, with `steps`, the model decodes, and they hold the paths."""
    if steps is None and generate is None:
        yield inputs, cases
        return
    from . import generation
    from .preserved import preserved

    generation.require(steps, generate)
    forward = module.forward
    with generation.generating(module, generate) as run:
        with preserved(module):
            given = generation.with_path(inputs, forward, run, steps or 0)
            further = {name: generation.with_path(each, forward, run, steps or 0) for name, each in (cases or {}).items()}
        yield given, further


def decoding_factory(factory: Optional[Factory], module: nn.Module, generate: Optional[Generate]) -> str:
    from .generation import spec_of

    return spec_of(absolute_paths(model_spec(factory, module)), generate)


def objection_to_decoding(generate: Optional[Generate]) -> Optional[str]:
    if generate is None:
        return None
    from .generation import objection_to

    return objection_to(generate)


@contextlib.contextmanager
def decoding_as_sealed(seal: PathLike, module: nn.Module, generate: Optional[Generate]) -> Iterator[None]:
    from .generation import generating, sealed_generate

    decodes, named = sealed_generate(seal)
    if not decodes:
        if generate is not None:
            raise GoldsealError(f"generate: expected a seal of decoding, made with steps=, found {os.fspath(seal)}, which seals none")
        yield
        return
    with generating(module, generate if generate is not None else named):
        yield
