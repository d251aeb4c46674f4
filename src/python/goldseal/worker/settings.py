# SPDX-License-Identifier: Apache-2.0
"""The switches of a run; they hold for that run alone."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Iterator, NamedTuple, Optional, Tuple

import torch

from .protocol import fields
from .protocol.refusal import Refusal
from .tf32 import Tf32

MAX_THREADS = 4096


@dataclass
class RunSettings:
    """What is None stays as the process has it."""

    threads: Optional[int] = None
    onednn: Optional[bool] = None
    channels_last: Optional[bool] = None
    tf32: Optional[bool] = None
    deterministic: Optional[bool] = None
    device: Optional[torch.device] = None
    plain: bool = False  # of a float64 run: the plain form of operators that have another


def read_threads(mapping: Any) -> Optional[int]:
    threads = fields.optional_natural(mapping, "threads")
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        raise Refusal("usage", f"`threads` is from 1 to {MAX_THREADS}")
    return threads


def _read_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        raise Refusal("usage", f"`device` is `cpu` or `cuda:N`; found `{name}`") from None
    if device.type == "cpu":
        return device
    count = torch.cuda.device_count()
    if device.type != "cuda" or (device.index or 0) >= count:
        raise Refusal("unsupported", f"device {name} is not there: PyTorch sees {count} GPUs")
    return torch.device("cuda", device.index or 0)


def read_settings(mapping: Any) -> RunSettings:
    settings = RunSettings(
        read_threads(mapping),
        fields.optional_bool(mapping, "onednn"),
        fields.optional_bool(mapping, "channels_last"),
        fields.optional_bool(mapping, "tf32"),
        fields.optional_bool(mapping, "deterministic"),
    )
    if fields.optional(mapping, "device") is not None:
        settings.device = _read_device(fields.text(mapping, "device"))
    return settings


# Of the forms of scaled_dot_product_attention; `math` is made of plain operators.
_ATTENTION = ("flash", "mem_efficient", "cudnn", "overrideable", "math")


def _attention() -> Tuple[bool, ...]:
    """Which forms this process may use, in the order of _ATTENTION; none before PyTorch 2.0."""
    return tuple(bool(getattr(torch._C, f"_get_{form}_sdp_enabled", bool)()) for form in _ATTENTION)


def _allow_attention(wanted: Tuple[bool, ...]) -> None:
    for form, now, value in zip(_ATTENTION, _attention(), wanted):
        setter = getattr(torch._C, f"_set_sdp_use_{form}", None)
        if now != value and setter is not None:
            setter(value)


class _Switches(NamedTuple):
    """The process's numeric switches at one moment."""

    threads: int
    onednn: bool
    tf32: Tf32
    deterministic: bool
    deterministic_warn_only: bool
    deterministic_cudnn: bool
    benchmark_cudnn: bool
    attention: Tuple[bool, ...]

    @classmethod
    def current(cls) -> _Switches:
        return cls(
            torch.get_num_threads(),
            torch._C._get_mkldnn_enabled(),
            Tf32.current(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.benchmark,
            _attention(),
        )

    def with_settings(self, settings: RunSettings) -> _Switches:
        wanted = self
        if settings.threads is not None:
            wanted = wanted._replace(threads=settings.threads)
        if settings.onednn is not None:
            wanted = wanted._replace(onednn=settings.onednn)
        if settings.tf32 is not None:
            wanted = wanted._replace(tf32=wanted.tf32.with_tf32(settings.tf32))
        if settings.deterministic is not None:
            benchmark = self.benchmark_cudnn and not settings.deterministic
            wanted = wanted._replace(
                deterministic=settings.deterministic,
                deterministic_cudnn=settings.deterministic,
                deterministic_warn_only=False,
                benchmark_cudnn=benchmark,
            )
        if settings.plain:
            # Neither has kernels that are float64 throughout on every machine.
            wanted = wanted._replace(onednn=False, attention=tuple(form == "math" for form in _ATTENTION))
        return wanted

    def apply(self) -> None:
        """Touches only what differs: PyTorch warns of some setters that are called without need."""
        now = _Switches.current()
        if now.threads != self.threads:
            torch.set_num_threads(self.threads)
        if now.onednn != self.onednn:
            torch._C._set_mkldnn_enabled(self.onednn)
        self.tf32.apply()
        _allow_attention(self.attention)
        if (now.deterministic, now.deterministic_warn_only) != (self.deterministic, self.deterministic_warn_only):
            torch.use_deterministic_algorithms(self.deterministic, warn_only=self.deterministic_warn_only)
        if now.deterministic_cudnn != self.deterministic_cudnn:
            torch.backends.cudnn.deterministic = self.deterministic_cudnn
        if now.benchmark_cudnn != self.benchmark_cudnn:
            torch.backends.cudnn.benchmark = self.benchmark_cudnn


@contextlib.contextmanager
def in_force(settings: RunSettings) -> Iterator[None]:
    """Holds the settings inside a `with`, then restores what was before."""
    before = _Switches.current()
    try:
        before.with_settings(settings).apply()
        yield
    finally:
        before.apply()
