# SPDX-License-Identifier: Apache-2.0
"""What tests in Python share: the command's report, its findings, expectations."""

import json
import subprocess
import sys


def run(program, *arguments, folder=None):
    """The exit code, the report (none where nothing was judged) and all that was said."""
    done = subprocess.run([program, *map(str, arguments), "--format", "json"], capture_output=True, text=True, check=False, cwd=folder)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stdout + done.stderr


def findings(report):
    """By id; none where there is no report."""
    return {finding["id"]: finding for finding in report["findings"]} if report else {}


def expect(condition, what, *detail):
    if not condition:
        sys.exit(f"not so: {what} {detail}")
    print(f"ok: {what}")
