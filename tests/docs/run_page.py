# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of a documentation page as a reader would, and holds what they print against what the page shows.

    run_page.py PAGE.md --goldseal FILE [--python FILE] [--torch DIR] [--other-torch DIR] [--show]

Every fenced block that holds commands (console, bash, sh, or no language and a first line with `$ `) is run, block after block,
in a directory of the page's own. In a block with `$ ` lines, those are the commands and what follows each is its output; in
another one every line is a command. Comments before a block say more, and readers do not see them:

    <!-- setup: COMMAND -->     run this first; `$PAGE_ROOT` is the top of the source tree
    <!-- file: NAME -->         the next block is the content of this file
    <!-- skip: REASON -->       the next block is not run
    <!-- excerpt: FILE -->      the next block stands so in this file of the source tree
    <!-- needs: torch -->       the page needs a PyTorch with a worker; `other-torch`: the next block needs a second one

Outputs are compared loosely. Each line that the page shows must be found, in order; other lines may stand between. Blanks and
line breaks count alike, `…` and `...` stand for anything, durations and dates are not compared, and neither is what follows the
subject in a verdict's line (how many checks passed). An exit code other than 0 is expected where the page's output begins with
FAIL (1), `error:` (2), INCONCLUSIVE (3) or DAMAGED (4), or has a line `[exit code N]`.

Exit code: 0 as shown, 1 not as shown, 125 skipped.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND_LANGUAGES = {"console", "bash", "sh", "shell"}
CODES = {"FAIL": 1, "error": 2, "INCONCLUSIVE": 3, "DAMAGED": 4}
LIMIT_S = 600


@dataclass
class Command:
    text: str
    line: int
    shown: list = field(default_factory=list)


@dataclass
class Step:
    """What is to be done at a place of the page: run commands, or write a file."""

    line: int
    commands: list = field(default_factory=list)
    file: str = ""
    content: str = ""
    excerpt: str = ""
    needs: set = field(default_factory=set)


class Mismatch(Exception):
    pass


def commands_of(lines, first_line):
    """The commands of a block, each with the output that the page shows for it."""
    if not any(line.startswith("$ ") for line in lines):
        joined, commands = "", []
        for number, line in enumerate(lines):
            joined += line
            if line.endswith("\\"):
                joined += "\n"
                continue
            if joined.strip() and not joined.lstrip().startswith("#"):
                commands.append(Command(joined, first_line + number))
            joined = ""
        return commands
    commands, continues = [], False
    for number, line in enumerate(lines):
        if line.startswith("$ "):
            commands.append(Command(line[2:], first_line + number))
            continues = line.endswith("\\")
        elif continues:
            commands[-1].text += "\n" + line
            continues = line.endswith("\\")
        elif commands:
            commands[-1].shown.append(line)
    return commands


def steps_of(text):
    """The steps of a page, and whether the page as a whole needs PyTorch."""
    steps, notes, page_needs = [], {}, set()
    block, language, start = None, "", 0
    for number, line in enumerate(text.splitlines(), 1):
        note = re.fullmatch(r"<!-- *(setup|file|skip|needs|excerpt): *(.*?) *-->", line.strip())
        if block is None and note:
            kind, value = note.groups()
            if kind == "setup":
                steps.append(Step(number, [Command(value, number)]))
            elif kind == "needs" and value == "torch":
                page_needs.add("torch")
            else:
                notes[kind] = value
        elif block is None and line.startswith("```"):
            block, language, start = [], line[3:].strip().split(" ")[0], number + 1
        elif block is not None and line.startswith("```"):
            step = Step(start, needs={notes["needs"]} if "needs" in notes else set())
            runs = language in COMMAND_LANGUAGES or (not language and bool(block) and block[0].startswith("$ "))
            if "excerpt" in notes:
                step.excerpt, step.content = notes["excerpt"], "\n".join(block)
                steps.append(step)
            elif "file" in notes:
                step.file, step.content = notes["file"], "\n".join(block) + "\n"
                steps.append(step)
            elif runs and "skip" not in notes:
                step.commands = commands_of(block, start)
                steps.append(step)
            block, notes = None, {}
        elif block is not None:
            block.append(line)
    return steps, page_needs


def expected_code(shown):
    for line in shown:
        told = re.fullmatch(r"\[exit code (\d+)\]", line.strip())
        if told:
            return int(told.group(1))
    words = " ".join(shown).split()
    return CODES.get(re.split(r"[:\[]", words[0])[0], 0) if words else 0


VERDICT = re.compile(r"(PASS|FAIL|INCONCLUSIVE|DAMAGED) {1,2}(\S+?)( on \S+)?: .*")


def pattern_of(line):
    """A line of the page as a regular expression for text whose blanks were squeezed."""
    line = " ".join(line.split())
    verdict = VERDICT.fullmatch(line)
    if verdict:
        return re.escape(f"{verdict.group(1)} {verdict.group(2)}")
    pieces = []
    for piece in re.split(r"(…|\.\.\.|\b\d+\.\d+ s\b|\b\d{4}-\d\d-\d\dT[\d:]+Z)", line):
        if piece in ("…", "..."):
            pieces.append(".*?")
        elif re.fullmatch(r"\d+\.\d+ s", piece):
            pieces.append(r"\d+\.\d+ s")
        elif re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+Z", piece):
            pieces.append(r"\d{4}-\d\d-\d\dT[\d:]+Z")
        else:
            pieces.append(re.escape(piece))
    return "".join(pieces)


def first_absent(shown, printed):
    """The first line that the page shows and the command did not print where it should; None for none."""
    printed = " ".join(printed.split())
    at = 0
    for line in shown:
        if not line.strip() or line.strip() in ("…", "...") or line.strip().startswith("[exit code "):
            continue
        found = re.compile(pattern_of(line)).search(printed, at)
        if not found:
            return line
        at = found.end()
    return None


def run(command, directory, environment, page, show):
    done = subprocess.run(
        ["bash", "-c", command.text], cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False,
    )
    if show:
        print(f"$ {command.text}\n{done.stdout}[exit code {done.returncode}]\n", flush=True)
    where = f"{page}:{command.line}: {command.text}"
    wanted = expected_code(command.shown)
    if done.returncode != wanted:
        raise Mismatch(f"{where}\nexit code {done.returncode} instead of {wanted}\n{done.stdout}")
    absent = first_absent(command.shown, done.stdout)
    if absent is not None:
        raise Mismatch(f"{where}\nthe page shows, and the command does not print, or not there:\n  {absent}\n{done.stdout}")


def environment_of(arguments, directory):
    programs = directory / ".programs"
    programs.mkdir()
    (programs / "goldseal").symlink_to(Path(arguments.goldseal).resolve())
    if arguments.python:
        for name in ("python", "python3"):
            # A link would make the interpreter forget its environment.
            (programs / name).write_text(f'#!/bin/sh\nexec "{arguments.python}" -B "$@"\n')
            (programs / name).chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GOLDSEAL_")}
    environment |= {"PATH": f"{programs}:{os.environ['PATH']}", "PAGE_ROOT": str(ROOT), "LC_ALL": "C.UTF-8"}
    if arguments.torch:
        environment |= {f"GOLDSEAL_{verb}_RUNTIME": f"libtorch={arguments.torch}" for verb in ("CAPTURE", "VERIFY")}
    if arguments.other_torch:
        environment["OTHER_TORCH"] = arguments.other_torch
    return environment


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--goldseal", required=True)
    parser.add_argument("--python", default="")
    parser.add_argument("--torch", default="", help="a LibTorch that has a worker")
    parser.add_argument("--other-torch", default="", help="one of another version")
    parser.add_argument("--show", action="store_true", help="print every command and its output")
    arguments = parser.parse_args()

    page = arguments.page.resolve()
    steps, needs = steps_of(page.read_text(encoding="utf-8"))
    if "torch" in needs and not (arguments.torch and arguments.python):
        print("skipped: no PyTorch with a worker")
        return 125
    ran = 0
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        environment = environment_of(arguments, home)
        directory = home / "work"
        directory.mkdir()
        for step in steps:
            if "other-torch" in step.needs and not arguments.other_torch:
                continue
            if step.excerpt and step.content not in (ROOT / step.excerpt).read_text(encoding="utf-8"):
                print(f"{os.path.relpath(page, ROOT)}:{step.line}: {step.excerpt} does not read so")
                return 1
            if step.file:
                (directory / step.file).parent.mkdir(parents=True, exist_ok=True)
                (directory / step.file).write_text(step.content, encoding="utf-8")
            for command in step.commands:
                try:
                    run(command, directory, environment, os.path.relpath(page, ROOT), arguments.show)
                except Mismatch as mismatch:
                    print(mismatch)
                    return 1
                ran += 1
    print(f"{page.name}: {ran} commands ran as the page shows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
