# SPDX-License-Identifier: Apache-2.0
"""Draws what goldseal prints as a picture, for pages that cannot show a terminal.

    goldseal verify net.seal --color always | python3 scripts/report_picture.py 'goldseal verify net.seal' > docs/failed-report.svg

The text is standard input with its colours (SGR), the argument is the command above it. `scripts/readme_picture.sh` makes the
one of the README. Seconds and the machine's name are left out, so that a picture changes only where a report does.
"""

import html
import re
import sys

CELL, LINE, MARGIN, TOP = 8.4, 19, 16, 40
FOREGROUND = "#e6edf3"
COLOURS = {"31": "#ff8078", "32": "#56d364", "33": "#e3b341", "35": "#d2a8ff", "36": "#76c7d4"}
SGR = re.compile(r"\x1b\[([0-9;]*)m")


def runs(line):
    """The pieces of a line with the attributes that they are drawn with."""
    style, place = {}, 0
    for code in [*SGR.finditer(line), None]:
        text = line[place : code.start() if code else len(line)]
        if text:
            yield text, dict(style)
        if code is None:
            return
        place = code.end()
        for number in (code.group(1) or "0").split(";"):
            number = number.lstrip("0") or "0"
            if number == "0":
                style = {}
            elif number == "1":
                style["font-weight"] = "700"
            elif number == "2":
                style["opacity"] = ".7"
            elif number in COLOURS:
                style["fill"] = COLOURS[number]


def drawn(line, y):
    column, pieces = 0, []
    for text, style in runs(line):
        attributes = "".join(f' {name}="{value}"' for name, value in sorted(style.items()))
        if text.strip():
            lead = len(text) - len(text.lstrip())
            x = MARGIN + (column + lead) * CELL
            width = len(text.strip()) * CELL
            pieces.append(f'<text x="{x:.1f}" y="{y}" textLength="{width:.1f}"{attributes}>{html.escape(text.strip()).replace(" ", chr(0xA0))}</text>')
        column += len(text)
    return "".join(pieces)


def picture(command, text):
    text = re.sub(r"(?m)^(\S.*?: .*?)  \d+\.\d+ s$", r"\1", text)
    lines = [f"\x1b[2m$\x1b[0m {command}", *text.rstrip("\n").split("\n")]
    width = MARGIN * 2 + max(len(SGR.sub("", line)) for line in lines) * CELL
    height = TOP + LINE * len(lines) + MARGIN
    said = html.escape(SGR.sub("", "\n".join(lines)))
    body = "\n".join(filter(None, (drawn(line, TOP + LINE * (number + 1) - 5) for number, line in enumerate(lines))))
    dots = "".join(f'<circle cx="{MARGIN + 6 + 18 * i}" cy="20" r="5.5" fill="{colour}"/>' for i, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" role="img">\n'
        f"<title>What goldseal prints</title>\n<desc>{said}</desc>\n"
        f'<rect width="100%" height="100%" rx="8" fill="#0e1217"/>\n{dots}\n'
        f'<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="14" fill="{FOREGROUND}" '
        f'xml:space="preserve">\n{body}\n</g>\n</svg>\n'
    )


if __name__ == "__main__":
    sys.stdout.write(picture(sys.argv[1], sys.stdin.read()))
