# SPDX-License-Identifier: Apache-2.0
"""Whether this process computes float32 in TF32 on a GPU.

PyTorch 2.9 gave the switches second names (`fp32_precision`), which decide since then. The first ones (`allow_tf32`) can no
longer be read once a script has set the second ones otherwise, and set the second ones where they are set."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import torch


def _second_names() -> list[Any]:
    """What holds the second names, of matrix products, convolutions and recurrent layers; none before PyTorch 2.9."""
    matmul: Any = torch.backends.cuda.matmul
    cudnn: Any = torch.backends.cudnn
    try:
        matmul.fp32_precision
    except (AttributeError, AssertionError):  # what PyTorch raises for a name that it has not changed with 2.0
        return []
    return [matmul, cudnn.conv, cudnn.rnn]


def _first_name(holder: Any) -> Optional[bool]:
    try:
        return bool(holder.allow_tf32)
    except RuntimeError:
        return None


class Tf32(NamedTuple):
    """The switches at one moment, under both names; None and empty where such a name cannot be read."""

    old_matmul: Optional[bool]
    old_cudnn: Optional[bool]
    precisions: tuple[str, ...]

    @classmethod
    def current(cls) -> Tf32:
        precisions = tuple(str(holder.fp32_precision) for holder in _second_names())
        return cls(_first_name(torch.backends.cuda.matmul), _first_name(torch.backends.cudnn), precisions)

    @property
    def matmul(self) -> bool:
        return self.precisions[0] == "tf32" if self.precisions else bool(self.old_matmul)

    @property
    def cudnn(self) -> bool:
        """In convolutions or in recurrent layers."""
        return "tf32" in self.precisions[1:] if self.precisions else bool(self.old_cudnn)

    def with_tf32(self, allowed: bool) -> Tf32:
        """All of them on or off. What cannot be read is not set either."""
        return Tf32(
            None if self.old_matmul is None else allowed,
            None if self.old_cudnn is None else allowed,
            tuple("tf32" if allowed else "ieee" for _ in self.precisions),
        )

    def apply(self) -> None:
        """Touches nothing where nothing differs. The first names are set first, since that sets the second ones."""
        if Tf32.current() == self:
            return
        if self.old_matmul is not None:
            torch.backends.cuda.matmul.allow_tf32 = self.old_matmul
        if self.old_cudnn is not None:
            torch.backends.cudnn.allow_tf32 = self.old_cudnn
        for holder, precision in zip(_second_names(), self.precisions):
            # What was inherited is inherited again: a later change of what it was inherited from must reach it.
            holder.fp32_precision = "none"
            if holder.fp32_precision != precision:
                holder.fp32_precision = precision
