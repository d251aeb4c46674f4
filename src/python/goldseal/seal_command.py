# SPDX-License-Identifier: Apache-2.0
"""What `goldseal seal DIR` becomes: it runs in the interpreter that has the library, and speaks as the command does."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from typing import Any, Dict, List, Optional, TextIO, Union

from .directory import seal_directory
from .errors import GoldsealError, GoldsealWarning


def _given(words: List[str]) -> Optional[Dict[str, Any]]:
    """`--input NAME=FILE` of the command: the text is goldseal's own, and read by it."""
    named = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise GoldsealError(f"--input: expected NAME=FILE or NAME=random:SHAPE, found {word}")
        named[name] = value if value.startswith("random:") else os.path.abspath(value)
    return named or None


def _show(
    message: Union[Warning, str],
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Optional[TextIO] = None,
    line: Optional[str] = None,
) -> None:
    """Ours alone: what a library warns its programmers of helps nobody here."""
    if issubclass(category, GoldsealWarning):
        print(f"warning: {str(message).replace('goldseal: ', '', 1)}", file=sys.stderr)


def main(arguments: List[str]) -> int:
    parser = argparse.ArgumentParser("goldseal seal")
    parser.add_argument("directory")
    parser.add_argument("--input", action="append", default=[])
    parser.add_argument("--anonymous", action="store_true")
    parser.add_argument("--no-embed", action="store_true")
    parser.add_argument("--format", default="text")
    parser.add_argument("--quiet", action="store_true")
    told = parser.parse_args(arguments)
    text = told.format == "text" and not told.quiet
    warnings.showwarning = _show
    try:
        seals = seal_directory(
            told.directory, _given(told.input), anonymous=told.anonymous, embed=False if told.no_embed else "auto",
            progress=print if text else lambda said: None,
        )  # fmt: skip
    except GoldsealError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.report.exit_code if error.report is not None else 2
    except KeyboardInterrupt:
        print("error: stopped on request", file=sys.stderr)
        return 130
    except Exception as error:  # the library's own words: a missing file, a configuration that it does not know
        print(f"error: {told.directory}: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    if told.format == "json":
        print(json.dumps({"schema": "goldseal.sealed/1", "seals": [str(place) for place in seals]}, indent=2))
    elif text:
        for place in seals:
            print(f"sealed: {place}\nnext: goldseal verify {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
