# SPDX-License-Identifier: Apache-2.0
"""ci_engines.py COMMAND SOURCE: runs the shell steps of action.yml, .pre-commit-hooks.yaml and templates/goldseal.yml as
GitHub's runner, pre-commit and GitLab's runner do, on the sample repository of examples/ci_gate: a seal that conforms, one that does
not fit the machine, one that is damaged, options with blanks in them, a verb that is none."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import yaml
except ImportError:
    print("skipped: this Python has no PyYAML")
    sys.exit(125)

SOURCE = Path(sys.argv.pop(2)).resolve()
COMMAND = Path(sys.argv.pop(1)).resolve()
WHEEL = os.environ.get("WHEEL", "")  # what the steps install in the command's place; tests/python/wheel.sh gives it
OLD_MACHINE = """[environment.host]
os = "CentOS Linux 7 (Core)"
glibc = "2.17"
[environment.cpu]
architecture = "x86_64"
"""


class Repository(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="goldseal-engines-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.work = self.root / "repository"
        shutil.copytree(SOURCE / "examples" / "ci_gate", self.work)
        (self.work / "old machine.toml").write_text(OLD_MACHINE)
        (self.root / "bin").mkdir()
        if not WHEEL:
            (self.root / "bin" / "goldseal").symlink_to(COMMAND)
        self.environment = {"PATH": f"{self.root}/bin:/usr/bin:/bin", "HOME": str(self.root), "LANG": "C.UTF-8"}

    def damage(self):
        manifest = self.work / "models" / "detector.seal" / "manifest.toml"
        manifest.write_text(manifest.read_text().replace("0.batch_norm_0", "0.batch_norm_1", 1))

    def run_shell(self, arguments, script, **variables):
        file = self.root / "step.sh"
        file.write_text(script)
        done = subprocess.run([*arguments, str(file)], cwd=self.work, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**self.environment, **variables}, timeout=300)
        return done.returncode, done.stdout


class GitHubTest(Repository):
    """A composite action: `env` is filled in from the inputs, each step is bash with -e and pipefail."""

    def act(self, **given):
        action = yaml.safe_load((SOURCE / "action.yml").read_text())
        inputs = {name: {"wheel": WHEEL, **given}.get(name, about.get("default")) for name, about in action["inputs"].items()}
        self.assertNotIn(None, inputs.values(), "a required input is missing")
        files = {name: self.root / name for name in ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        code, said = 0, ""
        for step in action["runs"]["steps"]:
            if "run" not in step or code:
                continue
            if step.get("if") == "${{ inputs.wheel != '' }}" and not inputs["wheel"]:
                continue
            self.assertNotIn("${{", step["run"], "what a user gives is never a part of a script")
            env = {name: self.filled(value, inputs) for name, value in step["env"].items()}
            code, words = self.run_shell(["bash", "--noprofile", "--norc", "-eo", "pipefail"], step["run"], **env,
                                         RUNNER_TEMP=str(self.root), **{name: str(file) for name, file in files.items()})
            said += words
            self.environment["PATH"] = ":".join([*files["GITHUB_PATH"].read_text().split(), self.environment["PATH"]])
        return code, said, dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())

    def filled(self, value, inputs):
        name = re.fullmatch(r"\$\{\{ inputs\.(\w+) \}\}", value)
        self.assertTrue(name, value)
        return inputs[name.group(1)]

    def test_a_seal_that_conforms_passes_and_its_page_is_kept(self):
        code, said, outputs = self.act(seal="models/detector.seal", options="--target targets/edge-t4.toml\n--target targets/server-a100.toml")
        self.assertEqual((code, outputs), (0, {"exit-code": "0", "report": "goldseal.html"}), said)
        self.assertIn("<html", (self.work / "goldseal.html").read_text().lower())
        self.assertIn("detector.seal", (self.root / "GITHUB_STEP_SUMMARY").read_text())

    def test_a_machine_that_cannot_run_it_is_annotated_and_an_option_may_hold_blanks(self):
        code, said, outputs = self.act(seal="models/detector.seal", options="--target 'old machine.toml'", report="a b.html")
        self.assertEqual((code, outputs), (1, {"exit-code": "1", "report": "a b.html"}), said)
        self.assertIn("::error", said)
        self.assertTrue((self.work / "a b.html").exists())

    def test_damage_keeps_its_exit_code(self):
        self.damage()
        self.assertEqual(self.act(seal="models/detector.seal", options="--target targets/edge-t4.toml")[0], 4)

    def test_a_verb_that_is_none_is_refused_and_nothing_is_run_of_it(self):
        code, said, outputs = self.act(seal="models/detector.seal", verb="check; touch ran")
        self.assertEqual((code, outputs), (2, {}), said)
        self.assertFalse((self.work / "ran").exists())

    def test_no_input_is_run_as_shell(self):
        self.act(seal="models/$(touch ran).seal", options='--target "$(touch ran)"; touch ran')
        self.assertFalse((self.work / "ran").exists())


class PreCommitTest(Repository):
    """language: script: the entry of the hook's repository gets args and the files that match, in the user's repository."""

    def commit(self, *files, arguments=()):
        (hook,) = yaml.safe_load((SOURCE / ".pre-commit-hooks.yaml").read_text())
        self.assertEqual(hook["language"], "script")
        files = [file for file in files if re.search(hook["files"], file)]
        if not files:
            return 0, ""
        done = subprocess.run([SOURCE / hook["entry"], *arguments, *files], cwd=self.work, text=True, env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        return done.returncode, done.stdout

    FILES = ("models/detector.seal/manifest.toml", "models/detector.seal/golden.safetensors", "targets/edge-t4.toml")
    FITS = ("--target", "targets/edge-t4.toml", "--")

    def test_a_changed_seal_is_judged_once(self):
        code, said = self.commit(*self.FILES, arguments=self.FITS)
        self.assertEqual((code, said.count("PASS")), (0, 1), said)

    def test_the_gravest_verdict_is_the_exit_code(self):
        self.assertEqual(self.commit(*self.FILES, arguments=("--target", "old machine.toml", "--"))[0], 1)
        shutil.copytree(self.work / "models" / "detector.seal", self.work / "a b.seal")
        self.damage()
        self.assertEqual(self.commit(*self.FILES, "a b.seal/manifest.toml", arguments=self.FITS)[0], 4)

    def test_a_seal_that_the_commit_takes_away_and_other_files_are_no_matter(self):
        shutil.rmtree(self.work / "models" / "detector.seal")
        self.assertEqual(self.commit(*self.FILES), (0, ""))
        self.assertEqual(self.commit("targets/edge-t4.toml"), (0, ""))

    def test_without_the_command_it_says_what_to_install(self):
        (self.root / "bin" / "goldseal").unlink()
        code, said = self.commit(*self.FILES)
        self.assertEqual(code, 2)
        self.assertIn("install its wheel", said)


class GitLabTest(Repository):
    """A component: inputs are put in as text, and the script's lines are one shell with -e."""

    def run_job(self, **given):
        head, body = (SOURCE / "templates" / "goldseal.yml").read_text().split("\n---\n")
        inputs = yaml.safe_load(head)["spec"]["inputs"]
        values = {name: {"wheel": WHEEL, **given}.get(name, about.get("default")) for name, about in inputs.items()}
        self.assertNotIn(None, values.values(), "a required input is missing")
        filled = re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: values[found.group(1)], body)
        job = yaml.safe_load(filled)[values["job"]]
        code, said = self.run_shell(["sh", "-e"], "\n".join(job["script"]), **job["variables"])
        return code, said, job

    def test_a_seal_that_conforms_passes_and_leaves_what_the_job_keeps(self):
        code, said, job = self.run_job(seal="models/detector.seal", options="--target targets/edge-t4.toml")
        self.assertEqual(code, 0, said)
        for file in [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]:
            self.assertTrue((self.work / file).stat().st_size, file)

    def test_exit_codes_are_kept(self):
        self.assertEqual(self.run_job(seal="models/detector.seal", options="--target 'old machine.toml'")[0], 1)
        self.assertEqual(self.run_job(seal="models/absent.seal")[0], 2)
        self.damage()
        self.assertEqual(self.run_job(seal="models/detector.seal", options="--target targets/edge-t4.toml")[0], 4)


if __name__ == "__main__":
    unittest.main()
