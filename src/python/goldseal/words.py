# SPDX-License-Identifier: Apache-2.0
"""The command speaks of flags, which a Python user did not type and cannot: `choose one: --entry ema`. What it says is put
into the words of this package: `choose one: entry="ema"`."""

from __future__ import annotations

import re
from typing import Callable, List, Tuple, Union

_VALUE = r"[ =](\"[^\"]*\"|'[^']*'|[^\s,;:)`]+)"
# A name in capitals stands for a value: FILE, NAME, PATTERN.
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*(\.[a-z0-9]+)?")


def _text(name: str) -> Callable[["re.Match[str]"], str]:
    return lambda found: f"{name}={_quoted(found.group(1))}"


def _quoted(value: str) -> str:
    return value if _PLACEHOLDER.fullmatch(value) else '"' + value.strip("\"'") + '"'


def _repeated(option: str) -> str:
    """The option with its value, once or several times in a row."""
    return rf"{option}{_VALUE}(?: {option}{_VALUE})*"


def _listed(option: str, name: str) -> Callable[["re.Match[str]"], str]:
    """All values of the option in one list."""
    return lambda found: f"{name}=[{', '.join(_quoted(value) for value in re.findall(option + _VALUE, found.group(0)))}]"


def _input(found: "re.Match[str]") -> str:
    name, _, value = found.group(1).strip('"').partition("=")
    if name == "NAME":
        return "inputs={NAME: TENSOR}"
    if not value or value == "FILE":
        return f'inputs={{"{name}": …}}'
    return f'inputs={{"{name}": …}}' if value == "inputs.safetensors" else f'inputs={{"{name}": "{value}"}}'


_RULES: List[Tuple["re.Pattern[str]", Union[str, Callable[["re.Match[str]"], str]]]] = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"--runtime python --trust-code\b", "trust_code=True"),
        (r"--entry" + _VALUE, _text("entry")),
        (r"--input[ =](\"[^\"]*=[^\"]*\"|[^\s,;:)`=]+=(?:random:)?[^\s,;:)`]+)", _input),
        (r"--model[ =]python:([\w.]+:[^\s,;)`]+)", _text("factory")),
        (r"--checkpoint" + _VALUE, _text("checkpoint")),
        (r"--policy" + _VALUE, _text("policy")),
        (r"--runtime" + r"[ =]((?:libtorch|python)(?:=[^\s,;)`]+)?)", _text("runtime")),
        (_repeated("--allow-missing"), _listed("--allow-missing", "allow_missing")),
        (_repeated("--allow-unexpected"), _listed("--allow-unexpected", "allow_unexpected")),
        (r"--timeout" + _VALUE, lambda found: f"timeout={found.group(1)}"),
        (r"--(?:output|o)" + _VALUE, _text("seal")),
        (r"--depth quick\b", "quick=True"),
        (r"--allow-random\b", "allow_random=True"),
        (r"--allow-missing\b", "allow_missing="),
        (r"--allow-unexpected\b", "allow_unexpected="),
        (r"--trust-code\b", "trust_code=True"),
        (r"--embed-if-possible\b", 'embed="auto"'),
        (r"--embed\b", "embed=True"),
        (r"--anonymous\b", "anonymous=True"),
        (r"--timeout\b", "timeout="),
        (r"--entry\b", "entry="),
        (r"--input\b", "inputs="),
    )
]


def in_python(said: str) -> str:
    """`said` in the words of goldseal.save, seal, verify and load. A command that stands in backticks or behind `next:`
    stays one: it is to be typed into a shell."""
    parts = re.split(r"(`goldseal [^`]*`|^next: .*$)", said, flags=re.MULTILINE)
    for place in range(0, len(parts), 2):
        for pattern, replacement in _RULES:
            parts[place] = pattern.sub(replacement, parts[place])
    return "".join(parts)
