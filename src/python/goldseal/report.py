# SPDX-License-Identifier: Apache-2.0
"""A report of the goldseal command as an object."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from typing import Any, Mapping

from .words import in_python

_GRAVEST_FIRST = ("fail", "unknown", "warn", "pass", "skipped")
# The command's words.
_LABELS = {"fail": "error", "unknown": "unknown", "warn": "warning", "pass": "pass", "skipped": "skipped"}
_COUNTED = {
    "fail": ("failed", "failed"),
    "unknown": ("unknown", "unknown"),
    "warn": ("warning", "warnings"),
    "pass": ("passed", "passed"),
    "skipped": ("skipped", "skipped"),
}
_COLOURS = {"fail": "#b3261e", "unknown": "#8a5a00", "warn": "#8a5a00", "pass": "#1b6e3c", "skipped": "#666"}


@dataclass(frozen=True)
class Finding:
    """One check's verdict. Texts are empty where the check states none."""

    id: str
    status: str  # pass, warn, fail, unknown, skipped
    message: str = ""
    expected: str = ""
    found: str = ""
    fix: str = ""
    severity: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Report:
    """What `goldseal verify` or `goldseal capture` found. True exactly where everything that must hold does."""

    exit_code: int  # 0 conforms, 1 a check failed, 3 inconclusive, 4 a file is damaged or was changed
    findings: tuple[Finding, ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, text: str, exit_code: int) -> Report:
        """Of the command's JSON (`goldseal schema`)."""
        raw = json.loads(text)
        findings = [
            Finding(
                id=finding["id"],
                status=finding["status"],
                message=in_python(finding.get("message") or ""),
                expected=finding.get("expected") or "",
                found=finding.get("actual") or "",
                fix=in_python(finding.get("remedy") or ""),
                severity=finding.get("severity") or "",
                raw=finding,
            )
            for finding in raw["findings"]
        ]
        ordered = sorted(findings, key=lambda finding: _GRAVEST_FIRST.index(finding.status))
        return cls(exit_code, tuple(ordered), raw)

    def __bool__(self) -> bool:
        return self.exit_code == 0 and any(finding.status == "pass" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """`PASS`, `FAIL` …, as the command's first line has it."""
        return {0: "PASS", 1: "FAIL", 3: "INCONCLUSIVE", 4: "DAMAGED"}.get(self.exit_code, "NO VERDICT")

    @property
    def scope(self) -> str:
        """What a pass holds for, where that is not all: `for the sealed program; your code was not run`."""
        return str(self.raw.get("judged", {}).get("scope", ""))

    @property
    def judged(self) -> Mapping[str, str]:
        """`weights`, `numerics`, `program`, `code`, `configuration`: `yes`, `no`, `not at hand` or `none`."""
        return dict(self.raw.get("judged", {}).get("parts", {}))

    @property
    def failures(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.status == "fail")

    def to_json(self) -> str:
        """For `goldseal report FILE --format html` and the like."""
        return json.dumps(self.raw, indent=2)

    def _headline(self) -> str:
        counts = {status: sum(finding.status == status for finding in self.findings) for status in _GRAVEST_FIRST}
        told = ", ".join(f"{count} {_COUNTED[status][count != 1]}" for status, count in counts.items() if count)
        scope = ""
        if self.scope.startswith("the code"):  # none of the verdicts holds for code that was left alone
            scope = f" ({self.scope})"
        elif self.scope and self.exit_code == 0:
            scope = f" {self.scope}"
        on = f" on {self.raw['target']}" if self.raw.get("target") else ""
        return f"{self.verdict}{scope}  {self.raw.get('subject', '')}{on}: {told or 'no checks'}"

    def __str__(self) -> str:
        lines = [self._headline()]
        for finding in self.findings:
            if finding.status in ("pass", "skipped"):
                continue
            lines.append(f"\n{_LABELS[finding.status]}[{finding.id}]: {finding.message}")
            for label in ("expected", "found", "fix"):
                if getattr(finding, label):
                    lines.append(f"  {label:<9} {getattr(finding, label)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """A notebook's view: what is not as it should be, gravest first."""
        rows = "".join(
            f"<tr><td style='color:{_COLOURS[finding.status]}'>{_LABELS[finding.status]}</td><td><code>{html.escape(finding.id)}"
            f"</code></td><td style='text-align:left'>{html.escape(finding.message)}</td>"
            f"<td style='text-align:left'>{html.escape(finding.fix)}</td></tr>"
            for finding in self.findings
            if finding.status not in ("pass", "skipped")
        )
        table = f"<table><tr><th></th><th>check</th><th>finding</th><th>fix</th></tr>{rows}</table>" if rows else ""
        return f"<p><b>{html.escape(self._headline())}</b></p>{table}"
