# SPDX-License-Identifier: Apache-2.0
"""Members of a JSON object, each read for what it must be. All raise Refusal of kind usage that names the member."""

from __future__ import annotations

from typing import Any, Optional

from .refusal import Refusal

INT64_MAX = (1 << 63) - 1
UINT64_MAX = (1 << 64) - 1


def _refuse(key: str, expected: str) -> Refusal:
    return Refusal("usage", f"`{key}` is {expected}")


def optional(mapping: Any, key: str) -> Any:
    """None where it is absent or null."""
    if not isinstance(mapping, dict):
        raise _refuse(key, "a member of an object")
    return mapping.get(key)


def required(mapping: Any, key: str) -> Any:
    value = optional(mapping, key)
    if value is None:
        raise _refuse(key, "missing")
    return value


def _natural(value: Any, key: str, most: int = UINT64_MAX) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise _refuse(key, "a whole number that is not negative")
    return value


def text(mapping: Any, key: str) -> str:
    value = required(mapping, key)
    if not isinstance(value, str):
        raise _refuse(key, "a string")
    return value


def optional_text(mapping: Any, key: str) -> Optional[str]:
    return None if optional(mapping, key) is None else text(mapping, key)


def natural(mapping: Any, key: str) -> int:
    return _natural(required(mapping, key), key)


def optional_natural(mapping: Any, key: str) -> Optional[int]:
    value = optional(mapping, key)
    return None if value is None else _natural(value, key)


def optional_bool(mapping: Any, key: str) -> Optional[bool]:
    value = optional(mapping, key)
    if value is not None and not isinstance(value, bool):
        raise _refuse(key, "true or false")
    return value


def items(mapping: Any, key: str) -> list[Any]:
    value = required(mapping, key)
    if not isinstance(value, list):
        raise _refuse(key, "a list")
    return value


def sizes(mapping: Any, key: str) -> list[int]:
    return [_natural(size, key, INT64_MAX) for size in items(mapping, key)]


def strings(mapping: Any, key: str) -> dict[str, str]:
    """An object of strings; empty where it is absent."""
    value = optional(mapping, key)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        raise _refuse(key, "an object of strings")
    return value
