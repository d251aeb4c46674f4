# SPDX-License-Identifier: Apache-2.0
"""The runner of pages notices a page that shows what is not so."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from run_page import expected_code, first_absent, steps_of

RUNNER = Path(__file__).with_name("run_page.py")


def run_page(text):
    """Exit code and output of the runner on a page of this text, with `true` in goldseal's place."""
    with tempfile.NamedTemporaryFile("w", suffix=".md") as page:
        page.write(text)
        page.flush()
        done = subprocess.run([sys.executable, "-B", str(RUNNER), page.name, "--goldseal", "/bin/true"], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


class Comparison(unittest.TestCase):
    def test_lines_in_order_with_others_between(self):
        self.assertIsNone(first_absent(["one", "three"], "one\ntwo\nthree\n"))
        self.assertEqual(first_absent(["three", "one"], "one\ntwo\nthree\n"), "one")

    def test_blanks_and_breaks_count_alike(self):
        self.assertIsNone(first_absent(["  a  long line"], "a long\n   line"))

    def test_dots_stand_for_anything_durations_are_not_compared(self):
        self.assertIsNone(first_absent(["from … to there 0.01 s"], "from here to there 12.50 s"))
        self.assertEqual(first_absent(["from … to nowhere"], "from here to there"), "from … to nowhere")

    def test_a_verdict_is_compared_without_its_counts(self):
        self.assertIsNone(first_absent(["FAIL  a.seal on vm: 3 failed"], "FAIL  a.seal on gpu1: 4 failed, 2 passed  0.01 s"))
        self.assertIsNotNone(first_absent(["PASS  a.seal on vm: 3 passed"], "FAIL  a.seal on vm: 4 failed"))

    def test_the_exit_code_follows_from_what_is_shown(self):
        self.assertEqual(expected_code(["FAIL  a.seal: 1 failed"]), 1)
        self.assertEqual(expected_code(["error: no such file"]), 2)
        self.assertEqual(expected_code(["some text", "[exit code 3]"]), 3)
        self.assertEqual(expected_code(["PASS  a.seal"]), 0)


class Pages(unittest.TestCase):
    def test_a_command_that_does_as_shown(self):
        self.assertEqual(run_page("```console\n$ echo hello \\\n    world\nhello world\n```\n")[0], 0)

    def test_another_output_is_noticed_with_its_place(self):
        code, text = run_page("text\n\n```console\n$ echo bye\nhello\n```\n")
        self.assertEqual(code, 1)
        self.assertIn(".md:4: echo bye", text)

    def test_another_exit_code_is_noticed(self):
        self.assertEqual(run_page("```bash\nfalse\n```\n")[0], 1)
        self.assertEqual(run_page("```console\n$ false\n[exit code 1]\n```\n")[0], 0)

    def test_a_file_of_the_page_is_there_for_its_commands(self):
        self.assertEqual(run_page("<!-- file: a/b.txt -->\n```toml\nkey = 1\n```\n\n```console\n$ cat a/b.txt\nkey = 1\n```\n")[0], 0)

    def test_an_excerpt_that_no_longer_stands_in_its_file_is_noticed(self):
        page = "<!-- excerpt: CMakeLists.txt -->\n```cmake\n{}\n```\n"
        self.assertEqual(run_page(page.format("include(CTest)"))[0], 0)
        self.assertEqual(run_page(page.format("include(Nothing)"))[0], 1)

    def test_what_is_skipped_or_no_command_is_not_run(self):
        self.assertEqual(run_page("<!-- skip: needs root -->\n```bash\nfalse\n```\n\n```python\nraise\n```\n\n```\nfalse\n```\n")[0], 0)

    def test_a_page_without_its_pytorch_is_skipped(self):
        self.assertEqual(run_page("<!-- needs: torch -->\n```bash\nfalse\n```\n")[0], 125)

    def test_setup_runs_first_and_knows_the_tree(self):
        steps, _ = steps_of("<!-- setup: cp a b -->\n```console\n$ ls\n```\n")
        self.assertEqual([step.commands[0].text for step in steps], ["cp a b", "ls"])
        self.assertEqual(run_page('<!-- setup: test -e "$PAGE_ROOT/CMakeLists.txt" -->\n')[0], 0)


if __name__ == "__main__":
    unittest.main()
