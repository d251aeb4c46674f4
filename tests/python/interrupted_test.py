# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C in a training script while it seals (newcomer bug 14): the script ends, and no directory of goldseal's stays in
TMPDIR, wherever in the seal it falls. Kinds: the script alone is told, as `kill -INT` does; the whole group is, as a terminal
does; it is asked to end by its own time limit."""
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path

try:
    import torch  # noqa: F401
except ImportError:
    sys.exit(125)

SCRIPT = textwrap.dedent("""
    import sys, time, torch, goldseal

    class Slow(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.line = torch.nn.Linear(3, 2)
        def forward(self, x):
            print("running", flush=True)
            time.sleep(0.3)
            return self.line(x)

    model = Slow()
    print("ready", flush=True)
    goldseal.save(model.state_dict(), "slow.pth", model=model, inputs=torch.rand(2, 3), embed=False, timeout=float(sys.argv[1]))
    print("done", flush=True)
    time.sleep(60)
""")


class Interrupted(unittest.TestCase):
    def started(self, folder, limit="600"):
        scratch = Path(folder, "scratch")
        scratch.mkdir()
        Path(folder, "train.py").write_text(SCRIPT)
        process = subprocess.Popen([sys.executable, "train.py", limit], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env={**os.environ, "TMPDIR": str(scratch)}, start_new_session=True, text=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a test may run in the background
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process, scratch

    @staticmethod
    def left(scratch):
        return [place.name for place in scratch.iterdir() if "goldseal" in place.name]  # PyTorch has a cache of its own there

    def wait_for(self, process, word, times=1):
        for line in process.stdout:
            times -= line.strip() == word
            if times == 0:
                return
        self.fail(process.stderr.read())

    def test_bug_14_nothing_stays_in_the_temporary_directory(self):
        for send, runs, delay in ((os.kill, 1, 0.0), (os.kill, 2, 0.05), (os.killpg, 1, 0.15), (os.killpg, 3, 0.25)):
            with self.subTest(send=send.__name__, runs=runs, delay=delay), tempfile.TemporaryDirectory() as folder:
                process, scratch = self.started(folder)
                self.wait_for(process, "running", runs)
                time.sleep(delay)
                send(process.pid, signal.SIGINT)
                process.communicate(timeout=60)
                self.assertNotEqual(process.returncode, 0)
                # The command's workers and keepers are gone with it; what they wrote is too.
                for _ in range(50):
                    if not self.left(scratch):
                        break
                    time.sleep(0.1)
                self.assertEqual(self.left(scratch), [])
                self.assertEqual([name for name in os.listdir(folder) if name not in ("scratch", "slow.pth", "train.py", "__pycache__")], [])

    def test_a_time_limit_leaves_nothing_either(self):
        with tempfile.TemporaryDirectory() as folder:
            process, scratch = self.started(folder, "1")
            self.wait_for(process, "done")
            process.send_signal(signal.SIGINT)
            errors = process.communicate(timeout=60)[1]
            self.assertIn("GoldsealWarning", errors)
            self.assertEqual(self.left(scratch), [])


if __name__ == "__main__":
    unittest.main()
