# SPDX-License-Identifier: Apache-2.0
"""A Darknet cfg as a list of sections. `[name]` begins one, `key=value` lines follow, `#` or `;` begins a comment line.

src/darknet reads the same for the command and the LibTorch worker; tests/worker_libtorch/darknet_test.py holds them together.
"""

from __future__ import annotations

import re
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple, TypeVar

from ..protocol.mapped_file import read_text
from ..protocol.refusal import Refusal

_MAX_BYTES = 1 << 20
_MAX_SECTIONS = 4096
_MAX_OPTIONS = 64
_MAX_LIST = 256
_BLANK = " \t\r"
_WHOLE = re.compile(r"-?[0-9]+")
_REAL = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

Number = TypeVar("Number", int, float)


def shown(text: str) -> str:
    """What a file may hold in a message."""
    safe = "".join("?" if character < " " or character == "\x7f" else character for character in text[:40])
    return safe + "…" if len(text) > 40 else safe


def _whole(text: str) -> Optional[int]:
    value = int(text) if len(text) <= 20 and _WHOLE.fullmatch(text) else None
    return value if value is not None and -(1 << 63) <= value < 1 << 63 else None


def _real(text: str) -> Optional[float]:
    """Finite, and not a number that a double rounds to zero."""
    found = _REAL.fullmatch(text)
    if found is None:
        return None
    value = float(text)
    lost = value == 0 and found.group(1).strip("0.") != ""
    return None if lost or value in (float("inf"), float("-inf")) else value


class _Option(NamedTuple):
    value: str
    line: int


class Section:
    """One section: its name and its options, each with the line it stands on. The readers raise Refusal (`malformed`, at the
    option's line) for a value of another form or outside its bounds."""

    def __init__(self, file: str, name: str, line: int) -> None:
        self.file, self.name, self._line = file, name, line
        self._options: Dict[str, _Option] = {}

    def add(self, key: str, value: str, line: int) -> None:
        place = f"{self.file}:{line}"
        if key in self._options:
            first = self._options[key].line
            raise Refusal("malformed", f"`{shown(key)}` stands twice in [{shown(self.name)}], first in line {first}", place)
        if len(self._options) == _MAX_OPTIONS:
            raise Refusal("malformed", f"section [{shown(self.name)}] has more than {_MAX_OPTIONS} options", place)
        self._options[key] = _Option(value, line)

    def line(self, key: str) -> int:
        """Of an option, or of the section's name where the section does not state it."""
        return self._options[key].line if key in self._options else self._line

    def where(self, key: str = "") -> str:
        return f"{self.file}:{self.line(key)}"

    def text(self, key: str, absent: str) -> str:
        return self._options[key].value if key in self._options else absent

    def integer(self, key: str, absent: int, least: int, most: int) -> int:
        if key not in self._options:
            return absent
        value = _whole(self._options[key].value)
        if value is None or not least <= value <= most:
            raise self._refusal(key, f"a whole number from {least} to {most}")
        return value

    def number(self, key: str, absent: float) -> float:
        if key not in self._options:
            return absent
        value = _real(self._options[key].value)
        if value is None or value < 0:
            raise self._refusal(key, "a number that is not negative")
        return value

    def integers(self, key: str) -> List[int]:
        return self._list(key, _whole, "up to 256 whole numbers with commas between them")

    def numbers(self, key: str) -> List[float]:
        return self._list(key, _real, "up to 256 numbers with commas between them")

    def allow(self, *keys: str) -> None:
        """Refuses other options (`unsupported`): they might change what the layer computes."""
        for key, option in self._options.items():
            if key not in keys:
                what = f"option `{shown(key)}` of [{shown(self.name)}] is not known; it might change what the layer computes"
                raise Refusal("unsupported", what, f"{self.file}:{option.line}")

    def _list(self, key: str, parse: Callable[[str], Optional[Number]], expected: str) -> List[Number]:
        if key not in self._options:
            raise Refusal("malformed", f"section [{self.name}] lacks `{key}=`", self.where())
        text = self._options[key].value
        # Darknet's own reader lets a list end with a comma.
        parts = (text[:-1] if text.endswith(",") else text).split(",")
        values = [parse(part.strip(_BLANK)) for part in parts[: _MAX_LIST + 1]]
        known = [value for value in values if value is not None]
        if len(known) < len(parts) or len(parts) > _MAX_LIST:
            raise self._refusal(key, expected)
        return known

    def _refusal(self, key: str, expected: str) -> Refusal:
        return Refusal("malformed", f"`{key}` is {expected}; found `{shown(self._options[key].value)}`", self.where(key))


def read_sections(path: str) -> List[Section]:
    """There is at least one."""
    sections: List[Section] = []
    for number, raw in enumerate(read_text(path, _MAX_BYTES).decode("utf-8", "replace").split("\n"), 1):
        line = raw.strip(_BLANK)
        if not line or line[0] in "#;":
            continue
        place = f"{path}:{number}"
        if line[0] == "[":
            if len(sections) == _MAX_SECTIONS:
                raise Refusal("malformed", f"more than {_MAX_SECTIONS} sections", place)
            sections.append(Section(path, _section_name(line, place), number))
        elif not sections:
            raise Refusal("malformed", f"an option stands before the first section: `{shown(line)}`", place)
        else:
            sections[-1].add(*_option(line, place), number)
    if not sections:
        raise Refusal("malformed", "a Darknet cfg has sections; this file has none", path)
    return sections


def _section_name(line: str, place: str) -> str:
    name, close, _ = line[1:].partition("]")
    if not close or not name:
        raise Refusal("malformed", f"a section is `[name]`; found `{shown(line)}`", place)
    return name.strip(_BLANK)


def _option(line: str, place: str) -> Tuple[str, str]:
    key, equals, value = line.partition("=")
    if not equals or not key.strip(_BLANK):
        raise Refusal("malformed", f"a line is `[section]`, `key=value` or a comment; found `{shown(line)}`", place)
    return key.strip(_BLANK), value.strip(_BLANK)
