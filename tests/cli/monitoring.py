# SPDX-License-Identifier: Apache-2.0
"""What a monitoring plugin leaves with: `monitoring.py GOLDSEAL SEAL`. 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, and nothing
else, whatever happens; the first line of the output says which, without a pipe but the one before the performance data.

Kinds tried: conforms, warns, fails, damaged, no verdict (no seal, a checkpoint in its place, a wrong option before and after
the format, an unknown policy), several targets, a saved report; the same without the format keeps goldseal's own codes."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

GOLDSEAL, SAMPLE = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def run(*arguments):
    done = subprocess.run([GOLDSEAL, *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def plugin(*arguments):
    code, out, err = run(*arguments, "--format", "nagios")
    assert 0 <= code <= 3, (arguments, code, out, err)
    first = out.splitlines()[0]
    assert first.startswith(f"GOLDSEAL {STATES[code]}"), (arguments, code, first)
    assert first.count("|") <= 1, first
    return code, first


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        shutil.copytree(SAMPLE, "net.seal")
        run("probe", "-o", "here.toml")
        own = {code: plugin("check", "net.seal", "--target", "here.toml", *policy)[0] for code, policy in
               ((run("check", "net.seal", "--target", "here.toml", *policy)[0], policy) for policy in ((), ("--policy", "lenient.toml")))
               if code in (0, 1)}
        for code, state in own.items():
            assert state in ((0, 1) if code == 0 else (2,)), own
        # The sample's checkpoint is not beside it: something is missing or damaged, which is grave, or undecided.
        code, _, _ = run("check", "net.seal")
        state, _ = plugin("check", "net.seal")
        assert state == {0: state, 1: 2, 2: 3, 3: 3, 4: 2}[code], (code, state)
        run("check", "net.seal", "--target", "here.toml", "--report", "json=run.json", "--quiet")
        assert plugin("report", "run.json")[0] == plugin("check", "net.seal", "--target", "here.toml")[0]
        worst = plugin("check", "net.seal", "--target", "here.toml", "--target", "here.toml")[0]
        assert worst == plugin("report", "run.json")[0], worst

        # What is no verdict is UNKNOWN: goldseal's own 2 would be CRITICAL to monitoring.
        pathlib.Path("a.pth").write_text("no checkpoint")
        for wrong in (("check", "gone.seal"), ("verify", "gone.seal"), ("check", "a.pth"), ("check", "net.seal", "--policy", "gone.toml"),
                      ("check", "net.seal", "--nonsense"), ("check",), ("check", "net.seal", "--max-age", "soon"), ("report", "gone.json"),
                      ("merge", "gone")):
            assert run(*wrong)[0] in (2, 109), (wrong, run(*wrong))
            state, first = plugin(*wrong)
            assert state == 3 and len(first) > len("GOLDSEAL UNKNOWN - "), (wrong, state, first)
        code, out, _ = run("check", "gone|x.seal", "--format=nagios")
        assert code == 3 and "|" not in out.splitlines()[0], out
        # Damage is CRITICAL, also where nothing of the seal can be read.
        manifest = pathlib.Path("net.seal/manifest.toml")
        manifest.write_text(manifest.read_text().replace("golden_sha256", "golden_sha257", 1))
        assert run("check", "net.seal")[0] == 4
        assert plugin("check", "net.seal")[0] == 2
        assert run("check", "net.seal", "--format", "oneline")[0] == 4
    print("proved: monitoring")


main()
