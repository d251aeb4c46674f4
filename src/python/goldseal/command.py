# SPDX-License-Identifier: Apache-2.0
"""The goldseal command: where it is and how it is run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Callable, Optional, Sequence

from .errors import GoldsealError
from .report import Report
from .words import in_python

_WITH_REPORT = (0, 1, 3, 4)
_GRACE = 10.0  # seconds; it takes a tenth of one


def find_command() -> str:
    """GOLDSEAL_COMMAND, the one that was installed with this package, or the one on the PATH."""
    here = Path(__file__).resolve()
    candidates = [
        os.environ.get("GOLDSEAL_COMMAND"),
        os.path.join(sysconfig.get_path("scripts"), "goldseal"),
        # share/goldseal/python/goldseal/command.py of an installed tree
        str(here.parents[4] / "bin" / "goldseal") if len(here.parents) > 4 else None,
        shutil.which("goldseal"),
    ]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise GoldsealError("the goldseal command was not found: install the package with pip, or set GOLDSEAL_COMMAND")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks it to end, so that it removes what it wrote; what does not heed that is killed."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_GRACE)
    except BaseException as error:  # a second Ctrl-C does not wait
        process.kill()
        process.wait()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise


def do(arguments: Sequence[str], timeout: Optional[float] = None) -> None:
    """Runs a verb that makes no report. Raises GoldsealError with what it said where it fails."""
    try:
        done = subprocess.run(
            [find_command(), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise GoldsealError(f"goldseal {arguments[0]} did not end within {timeout:g} seconds and was stopped") from None
    if done.returncode != 0:
        raise GoldsealError(done.stderr.strip() or f"goldseal {arguments[0]} ended with exit code {done.returncode} and said nothing")


def run(
    arguments: Sequence[str],
    directory: Optional[str] = None,
    timeout: Optional[float] = None,
    pass_descriptors: Sequence[int] = (),
    meanwhile: Callable[[], None] = lambda: None,
) -> Report:
    """Runs the command in `directory` and returns its report. `meanwhile` is called once it has started.

    Raises GoldsealError where the command made no report, with what it said, and where it does not end within `timeout` seconds.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [find_command(), *arguments, "--format", "json"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            cwd=directory,
            # Where it builds a network by itself, this interpreter runs it.
            env={"GOLDSEAL_PYTHON": sys.executable, **os.environ},
            pass_fds=pass_descriptors,
        )
        try:
            meanwhile()
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise GoldsealError(f"goldseal did not end within {timeout:g} seconds and was stopped: give more with timeout=") from None
        finally:
            _end(process)
        output.seek(0)
        errors.seek(0)
        text = output.read().decode("utf-8", "replace")
        said = errors.read().decode("utf-8", "replace").strip()
    if code not in _WITH_REPORT or not text.strip():
        raise GoldsealError(in_python(said) or f"goldseal ended with exit code {code} and said nothing")
    return Report.from_json(text, code)
