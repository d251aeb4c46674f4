# SPDX-License-Identifier: Apache-2.0
"""`goldseal merge` on reports of machines that are not there. The kinds that are tried, a method each or several:

  absence      a node without a report; one of a seal of several; no report at all; expected by list, file, Slurm
  time         older than the batch; after its end; from the future; without --since a day old
  identity     another seal, policy, goldseal; two reports of one moment, alike and contradicting; one node's report in
               another's directory; a node that nobody expected
  damage       cut short, empty, ended in zeros, a byte changed, a verdict that its findings do not give, a member twice,
               no JSON, JSON of something else, of a later goldseal; newer and older than a good report
  bits         one of many; of few; one GPU of eight; all differ; two; with the sealing machine; with a baseline; the
               minority agrees with itself; from run to run; in float64 alone; another setting; another kind
  facts        a rare driver; a count of errors; a serial number, which is none; rare things of nodes that fail
  time taken   one slow node; all alike; too few
  history      changed with a driver; with nothing; with the whole cohort; back again
  hostility    markup, controls, commands in names and messages; deep, long, many; links, pipes; other files' paths
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from fleet_reports import Node, digest, moment  # noqa: E402

GOLDSEAL = sys.argv.pop(1)


class Merge(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.reports = Path(self.folder.name) / "R"
        self.reports.mkdir()

    def run_merge(self, *options, format="json", environment=None):
        done = subprocess.run([GOLDSEAL, "merge", str(self.reports), "--no-config", "--format", format, *options],
                              capture_output=True, text=True, env=environment)
        self.assertIn(done.returncode, (0, 1, 2, 3, 4), done.stderr)
        return done

    def merge(self, code, *options, environment=None):
        done = self.run_merge(*options, environment=environment)
        self.assertEqual(done.returncode, code, done.stdout[-3000:] + done.stderr)
        fleet = json.loads(done.stdout)
        self.assertEqual(fleet["exit_code"], code)
        self.fleet = fleet
        return {node["node"]: node for node in fleet["nodes"]}

    def many(self, count, **options):
        for i in range(count):
            Node(f"gpu{i}", **options).write(self.reports)

    def kinds(self, node):
        return [problem["kind"] for problem in node["problems"]]

    # --- absence -----------------------------------------------------------------------------------------------------

    def test_a_missing_node_is_named_and_inconclusive(self):
        self.many(3)
        nodes = self.merge(3, "--expect", "gpu[0-3]")
        self.assertEqual(nodes["gpu3"]["state"], "missing")
        self.assertEqual([n for n in nodes if nodes[n]["state"] == "conforms"], ["gpu0", "gpu1", "gpu2"])
        self.assertEqual(self.fleet["actions"][-1]["hosts"], "gpu3")

    def test_all_there_conform(self):
        self.many(3)
        self.merge(0, "--expect", "gpu[0-2]")
        self.assertEqual(self.fleet["cohorts"][0]["outcome"], "3 bit-equal")
        self.merge(0)

    def test_no_report_is_no_pass(self):
        self.merge(3)
        self.merge(3, "--expect", "gpu0")

    def test_expected_by_file_and_by_slurm(self):
        self.many(2)
        listing = Path(self.folder.name) / "nodes"
        listing.write_text("# rack 1\ngpu[0-1]\n\ngpu1 gpu[7]  # twice, and one more\n")
        self.assertEqual(self.merge(3, "--expect", f"@{listing}")["gpu7"]["state"], "missing")
        self.assertEqual(self.merge(3, "--expect-slurm", environment={**os.environ, "SLURM_JOB_NODELIST": "gpu[0-2]"})["gpu2"]["state"], "missing")
        self.assertEqual(self.run_merge("--expect-slurm", environment={k: v for k, v in os.environ.items() if not k.startswith("SLURM")}).returncode, 2)

    def test_lists_that_make_no_sense_are_refused(self):
        self.many(1)
        for expected in ("", "gpu[", "gpu[3-1]", "gpu[0-99999999999]", "gpu[a]", "gpu]0[", "-x", "a[0-999]b[0-999]c[0-999]", "gpu[]", "gpu0;id"):
            self.assertEqual(self.run_merge("--expect", expected).returncode, 2, expected)

    def test_padded_names_are_other_names(self):
        Node("gpu08").write(self.reports)
        nodes = self.merge(3, "--expect", "gpu[08-10]")
        self.assertEqual(nodes["gpu08"]["state"], "conforms")
        self.assertEqual(nodes["gpu09"]["state"], "missing")

    def test_a_seal_of_several_that_a_node_did_not_judge_is_missing(self):
        for i in range(3):
            Node(f"gpu{i}", seal="a.seal").write(self.reports, "a.json")
            if i:
                Node(f"gpu{i}", seal="b.seal").write(self.reports, "b.json")
        nodes = self.merge(3, "--expect", "gpu[0-2]")
        self.assertEqual(self.kinds(nodes["gpu0"])[0], "missing")
        self.assertEqual([seal["subject"] for seal in self.fleet["seals"]], ["a.seal", "b.seal"])
        self.assertEqual(self.fleet["seals"][1]["absent"], 1)

    # --- time and identity -------------------------------------------------------------------------------------------

    def test_reports_outside_of_the_batch_do_not_count(self):
        self.many(3)
        Node("old", ago=7200).write(self.reports)
        Node("future", ago=-9000).write(self.reports)
        nodes = self.merge(3, "--since", "1h")
        self.assertEqual(nodes["old"]["state"], "stale")
        self.assertEqual(nodes["future"]["state"], "stale")
        self.assertIn("future", nodes["future"]["problems"][0]["message"])
        self.assertEqual(self.merge(3, "--since", moment(3600))["old"]["state"], "stale")

    def test_a_late_report_is_told_apart(self):
        self.many(2, ago=600)
        Node("late", ago=60).write(self.reports)
        Node("next", ago=600).write(self.reports)
        Node("next", ago=60).write(self.reports)
        nodes = self.merge(3, "--since", "1h", "--until", moment(300))
        self.assertEqual(nodes["late"]["state"], "late")
        self.assertEqual(nodes["next"]["state"], "conforms")

    def test_a_report_of_last_week_is_stale_without_being_told(self):
        self.many(3)
        Node("gpu9", ago=7 * 86400).write(self.reports)
        self.assertEqual(self.merge(3)["gpu9"]["state"], "stale")

    def test_one_clock_does_not_make_the_others_stale(self):
        self.many(3, ago=3 * 86400)
        Node("gpu9").write(self.reports)
        nodes = self.merge(0)
        self.assertEqual(nodes["gpu0"]["state"], "conforms")

    def test_another_seal_policy_or_goldseal_is_stale(self):
        self.many(4)
        for name, change in (("seal", lambda r: r["identity"].update(seal_sha256=digest("x"))), ("policy", lambda r: r.update(policy="strict")),
                             ("rules", lambda r: r["identity"].update(policy_sha256=digest("x"))), ("version", lambda r: r.update(version="0.0.1"))):
            node = Node(name)
            change(node.report)
            node.write(self.reports)
        nodes = self.merge(3)
        for name, word in (("seal", "another seal"), ("policy", "another policy"), ("rules", "other rules"), ("version", "another goldseal")):
            self.assertEqual(nodes[name]["state"], "stale")
            self.assertIn(word, nodes[name]["problems"][0]["message"])
        self.assertEqual(self.merge(3, "--seal", digest("x"))["gpu0"]["state"], "stale")

    def test_two_reports_of_one_moment(self):
        self.many(2)
        node = Node("gpu0")
        node.write(self.reports, "copy.json")
        nodes = self.merge(0)
        self.assertEqual(self.kinds(nodes["gpu0"]), ["duplicate"])
        node.finding("env.torch.version", "fail")
        node.write(self.reports, "copy.json")
        self.assertIn("contradictory", self.kinds(self.merge(1)["gpu0"]) + self.kinds(self.merge(1)["gpu0"]))

    def test_a_node_cannot_speak_for_another(self):
        self.many(3)
        liar = Node("gpu1")
        liar.finding("env.torch.version", "fail")
        path = self.reports / "gpu2" / "zzz.json"
        path.write_text(liar.text())
        nodes = self.merge(3)
        self.assertEqual(nodes["gpu1"]["state"], "conforms")
        self.assertEqual(nodes["gpu2"]["state"], "misfiled")

    def test_who_was_not_expected_is_told_and_has_no_vote(self):
        self.many(2)
        for i in range(5):
            Node(f"stranger{i}", bits="theirs").write(self.reports)
        nodes = self.merge(1, "--expect", "gpu[0-1]")
        self.assertEqual(nodes["gpu0"]["state"], "conforms")
        self.assertEqual(nodes["stranger0"]["state"], "odd")
        self.assertIn("unexpected", self.kinds(nodes["stranger0"]))

    def test_a_verification_takes_the_place_of_an_earlier_check(self):
        self.many(2)
        check = Node("gpu0", ago=600)
        check.report["verb"] = "check"
        check.finding("env.torch.version", "fail").write(self.reports)
        self.assertEqual(self.merge(0)["gpu0"]["state"], "conforms")

    # --- damage ------------------------------------------------------------------------------------------------------

    def broken(self, text, name="gpu9", file="r.json"):
        path = self.reports / name / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def test_a_report_that_breaks_off_is_truncated_wherever_it_does(self):
        self.many(2)
        text = Node("gpu9").text().encode()
        for end in (0, 1, 2, 10, 100, len(text) // 3, len(text) // 2, len(text) - 2, len(text) - 1):
            self.broken(text[:end])
            self.assertEqual(self.merge(3)["gpu9"]["state"], "truncated", end)
        for zeros in (text[:5000] + bytes(3000), bytes(4096)):
            self.broken(zeros)
            self.assertEqual(self.merge(3)["gpu9"]["state"], "truncated")

    def test_a_report_that_a_shell_wrote_in_other_code_units_is_read_or_named(self):
        self.many(2)
        text = Node("gpu9").text()
        self.broken(text.encode("utf-8-sig"))
        self.assertEqual(self.merge(0)["gpu9"]["state"], "conforms")
        for encoding in ("utf-16", "utf-16-be"):
            self.broken((b"\xfe\xff" if encoding.endswith("be") else b"") + text.encode(encoding))
            node = self.merge(3)["gpu9"]
            self.assertEqual(node["state"], "unreadable", encoding)
            self.assertIn("UTF-16", node["problems"][0]["message"])

    def test_damage_is_told_and_costs_only_its_node(self):
        self.many(3)
        text = Node("gpu9").text()
        failing = Node("gpu9").finding("env.torch.version", "fail").text()
        for broken in (text.replace('"findings"', '"findings'), text.replace('"verdict": "PASS"', '"verdict": "FAIL"'),
                       failing.replace('"verdict": "FAIL"', '"verdict": "PASS"'), text[:-1] + "}}", text.replace('"severity": "integrity"', '"severity": "grave"', 1),
                       text.replace('"started": "', '"started": "9'), text.replace('"sha256": "', '"sha256": "z'), "no json at all",
                       text.replace('"verb"', '"verb": "verify", "verb"', 1), text.replace('"node": "gpu9"', '"node": "gpu9; rm -rf /"'),
                       text.replace("{", "{\x00", 1), text.replace('"id"', '"id": "a.b", "id"', 1)):
            self.broken(broken)
            self.assertEqual(self.run_merge().returncode, 4, broken[:200])
            nodes = self.merge(4)
            self.assertEqual(nodes["gpu9"]["state"], "damaged", broken[:60])
            self.assertEqual([n for n in nodes if nodes[n]["state"] == "conforms"], ["gpu0", "gpu1", "gpu2"])

    def test_a_report_with_other_bytes_is_damaged_where_it_still_reads_as_one(self):
        self.many(2)
        text = Node("gpu9").text()
        good = json.loads(text)
        for changed in (text.replace('"found": "NVIDIA', '"found": "nVIDIA', 1), text.replace("/models/tiny.seal", "/models/tinz.seal", 1),
                        text.replace('"seconds": ', '"seconds":  ', 1), text + "\n", json.dumps(good, indent=2),
                        text.replace(good["report_sha256"], good["report_sha256"][::-1]), text.replace(good["report_sha256"], "")):
            if changed == text:
                continue
            self.broken(changed)
            nodes = self.merge(4)
            self.assertEqual(nodes["gpu9"]["state"], "damaged", changed[:60])
            self.assertIn("report_sha256", nodes["gpu9"]["problems"][0]["message"])
        self.broken(text)
        self.merge(0)
        self.assertNotIn("digest of their own", " ".join(self.fleet["notes"]))

    def test_reports_of_an_earlier_goldseal_are_read_and_told(self):
        self.many(2)
        self.broken(Node("gpu9").text(digest=False))
        self.assertEqual(self.merge(0)["gpu9"]["state"], "conforms")
        self.assertIn("1 of 3 reports hold no digest of their own", " ".join(self.fleet["notes"]))

    def test_what_merge_writes_is_what_its_schema_says(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("no jsonschema")
        schema = json.loads(subprocess.run([GOLDSEAL, "schema", "fleet"], capture_output=True, text=True, check=True).stdout)
        jsonschema.Draft202012Validator.check_schema(schema)
        self.many(2)
        Node("odd", bits="other").write(self.reports)
        Node("bad").finding("env.torch.version", "fail").write(self.reports)
        self.broken("{")
        done = self.run_merge("--expect", "gone,odd,gpu[0-1]")
        jsonschema.validate(json.loads(done.stdout), schema)
        # Each member is described.
        self.assertEqual(set(json.loads(done.stdout)), set(schema["properties"]))

    def test_files_of_other_kinds_are_no_damage(self):
        self.many(2)
        (self.reports / "gpu0" / "run.json").write_text('{"anything": [1, 2]}')
        (self.reports / "list.json").write_text("[1, 2]")
        (self.reports / "notes.txt").write_text("hello")
        (self.reports / "gpu0" / ".tmp.json").write_text("{")
        self.merge(0)
        self.assertIn("2 JSON files are not reports", " ".join(self.fleet["notes"]))

    def test_what_is_named_and_no_report_is_no_damage(self):
        self.many(2)
        page = Path(self.folder.name) / "fleet.json"
        self.assertEqual(self.run_merge("--report", f"json={page}").returncode, 0)
        states = [node["state"] for node in self.merge(3, str(page)).values()]
        self.assertEqual(sorted(states), ["conforms", "conforms", "unreadable"])

    def test_the_report_of_another_verb_is_no_verdict(self):
        self.many(2)
        node = Node("gpu9")
        node.report["verb"] = "capture"
        node.write(self.reports)
        self.assertEqual(self.merge(3, "--expect", "gpu[0-1],gpu9")["gpu9"]["state"], "missing")
        self.assertIn("1 JSON files are not reports", " ".join(self.fleet["notes"]))

    def test_a_directory_without_a_report_is_told(self):
        self.many(2)
        for name in ("gpu7", "gpu8"):
            (self.reports / name).mkdir()
        self.merge(0)
        self.assertIn("2 directories hold no report: gpu[7-8]", self.fleet["notes"])
        self.assertEqual(self.merge(3, "--expect", "gpu[0-1],gpu[7-8]")["gpu7"]["state"], "missing")
        self.assertNotIn("hold no report", " ".join(self.fleet["notes"]))

    def test_a_list_that_is_too_large_is_a_usage_error(self):
        with open(self.reports / "list", "wb") as file:
            file.truncate(100 << 20)
        self.assertEqual(self.run_merge("--expect", f"@{self.reports / 'list'}").returncode, 2)

    def test_a_later_goldseals_report_is_stale(self):
        self.many(2)
        self.broken(Node("gpu9").text().replace("goldseal.report/1", "goldseal.report/2"))
        self.assertEqual(self.merge(3)["gpu9"]["state"], "stale")

    def test_damage_before_a_good_report_is_a_warning(self):
        self.many(2)
        self.broken("{", "gpu0", "00000000T000000Z.json")
        nodes = self.merge(0)
        self.assertEqual(self.kinds(nodes["gpu0"]), ["warned"])
        self.broken("{", "gpu0", "99999999T000000Z.json")
        self.assertIn("truncated", self.kinds(self.merge(3)["gpu0"]))

    def test_links_pipes_and_what_cannot_be_read_are_not_opened(self):
        self.many(2)
        (self.reports / "gpu8").mkdir()
        os.symlink("/etc/passwd", self.reports / "gpu8" / "a.json")
        (self.reports / "gpu9").mkdir()
        os.mkfifo(self.reports / "gpu9" / "a.json")
        os.symlink(self.reports, self.reports / "loop")
        nodes = self.merge(3)
        self.assertEqual(nodes["gpu8"]["state"], "unreadable")
        self.assertEqual(nodes["gpu9"]["state"], "unreadable")

    # --- verdicts of the nodes ---------------------------------------------------------------------------------------

    def test_the_gravest_wins_in_the_order_of_check(self):
        self.many(2)
        Node("unsure").finding("worker.run", "unknown", "required", "the worker hung").write(self.reports)
        nodes = self.merge(3)
        self.assertEqual((nodes["unsure"]["state"], nodes["unsure"]["action"]), ("inconclusive", "rerun"))
        Node("bad").finding("env.torch.version", "fail").write(self.reports)
        nodes = self.merge(1, "--expect", "gpu[0-1],unsure,bad,gone")
        self.assertEqual((nodes["bad"]["state"], nodes["bad"]["action"]), ("fails", "fix configuration"))
        Node("rotten").finding("tensors.file", "fail", "integrity").write(self.reports)
        nodes = self.merge(4)
        self.assertEqual(nodes["rotten"]["state"], "integrity")

    def test_wrong_numbers_with_right_files_isolate_a_crash_on_a_gpu_resets(self):
        self.many(3, gpus=1)
        Node("sick", gpus=1, bits="other").finding("golden.float64", "fail").write(self.reports)
        Node("hung", gpus=1).finding("worker.run", "unknown", "required").write(self.reports)
        nodes = self.merge(1)
        self.assertEqual(nodes["sick"]["action"], "isolate")
        self.assertEqual(nodes["hung"]["action"], "reset")
        self.assertIn("scontrol update nodename=sick state=drain", json.dumps(self.fleet["actions"]))

    def test_an_error_that_ended_a_run_is_told(self):
        self.many(2)
        node = Node("gpu9")
        node.report.update(findings=[], facts=[{"name": "error", "value": "x.seal: cannot open"}], verdict="INCONCLUSIVE", identity={"node": "gpu9"})
        node.report["evidence"]["runs"] = []
        node.write(self.reports)
        nodes = self.merge(3)
        self.assertIn("cannot open", nodes["gpu9"]["problems"][0]["message"])

    # --- bits --------------------------------------------------------------------------------------------------------

    def test_one_of_a_hundred_that_passes_every_tolerance_is_odd(self):
        self.many(99)
        Node("gpu99", bits="other").write(self.reports)
        nodes = self.merge(1)
        odd = nodes["gpu99"]
        self.assertEqual((odd["state"], odd["action"]), ("odd", "isolate"))
        self.assertIn("99 equal devices", odd["problems"][0]["message"])
        self.assertIn("its own verdict is PASS", odd["problems"][0]["message"])
        self.assertEqual(self.fleet["counts"]["odd"], 1)

    def test_one_gpu_of_eight_is_that_gpus_fault(self):
        self.many(2, gpus=8)
        Node("gpu9", gpus=8, bits=["same"] * 3 + ["other"] + ["same"] * 4).write(self.reports)
        problem = self.merge(1)["gpu9"]["problems"][0]
        self.assertEqual(problem["kind"], "odd")
        self.assertRegex(problem["part"], r"^gpu3 \(GPU-[0-9a-f]{8}-0000\)$")
        self.assertIn("23 equal devices", problem["message"])

    def test_two_that_differ_have_no_majority(self):
        Node("a").write(self.reports)
        Node("b", bits="other").write(self.reports)
        nodes = self.merge(3)
        self.assertEqual({node["state"] for node in nodes.values()}, {"undecided"})
        self.assertTrue(self.fleet["cohorts"][0]["undecided"])

    def test_float64_says_which_where_it_can(self):
        Node("a").write(self.reports)
        Node("b", bits="other", ratio=9.0).write(self.reports)
        nodes = self.merge(1)
        self.assertEqual((nodes["a"]["state"], nodes["b"]["state"]), ("conforms", "odd"))
        self.assertIn("float64", nodes["b"]["problems"][0]["message"])

    def test_the_sealing_machine_votes_where_it_is_of_the_kind(self):
        Node("a").sealed_here().write(self.reports)
        Node("b", bits="other").sealed_here().write(self.reports)
        nodes = self.merge(1)
        self.assertEqual((nodes["a"]["state"], nodes["b"]["state"]), ("conforms", "odd"))

    def test_one_node_beside_the_sealing_machine_is_no_failure(self):
        Node("a", bits="other").sealed_here().write(self.reports)
        self.assertEqual(self.kinds(self.merge(0)["a"]), ["alone"])

    def test_a_baseline_votes(self):
        good = Path(self.folder.name) / "good"
        for name in ("x", "y"):
            Node(name, ago=9000000).write(good)
        Node("a").write(self.reports)
        Node("b", bits="other").write(self.reports)
        nodes = self.merge(1, "--baseline", str(good))
        self.assertEqual((nodes["a"]["state"], nodes["b"]["state"]), ("conforms", "odd"))
        self.assertEqual(self.run_merge("--baseline", str(good / "nothing")).returncode, 2)

    def test_a_baseline_on_another_seal_has_no_vote_and_is_told(self):
        self.many(2)
        good = Path(self.folder.name) / "other"
        good.mkdir()
        for i in range(5):
            Node(f"gpu{i}", seal="other.seal", bits="other").write(good)
        self.merge(0, "--baseline", str(good))
        self.assertIn("5 of 5 conforming reports of the baseline are on another seal", " ".join(self.fleet["notes"]))

    def test_all_different_is_undecided(self):
        for i in range(4):
            Node(f"gpu{i}", bits=str(i)).write(self.reports)
        self.assertEqual({node["state"] for node in self.merge(3).values()}, {"undecided"})

    def test_a_minority_that_agrees_is_no_broken_hardware(self):
        self.many(10)
        for name in ("x1", "x2", "x3"):
            Node(name, bits="theirs").write(self.reports)
        nodes = self.merge(1)
        self.assertEqual((nodes["x1"]["state"], nodes["x1"]["action"]), ("odd", "fix configuration"))

    def test_another_network_is_its_own_failure_and_accuses_nobody(self):
        Node("gpu0").write(self.reports)
        for name in ("a", "b"):
            Node(name, bits="other").finding("model.configuration", "fail").write(self.reports)
        nodes = self.merge(1)
        self.assertEqual(nodes["gpu0"]["state"], "conforms")
        self.assertEqual(self.kinds(nodes["a"]), ["fails"])

    def test_a_finding_that_says_nothing_is_not_given_the_words_of_the_one_before(self):
        for name, lacking in (("both", ("message", "remedy")), ("remedy", ("remedy",)), ("message", ("message",))):
            node = Node(name).finding("model.configuration", "fail", message="its own words")
            findings = node.report["findings"]
            place = next(i for i, found in enumerate(findings) if found["id"] == "model.configuration")
            findings[place]["remedy"] = "its own remedy"
            self.assertGreater(place, 0)
            findings[place - 1].update(message="others' words", remedy="others' remedy")
            for member in lacking:
                del findings[place][member]
            node.write(self.reports)
        nodes = self.merge(1)
        for name in nodes:
            told = json.dumps(nodes[name]["problems"])
            self.assertNotIn("others'", told, name)
            self.assertEqual("its own remedy" in told, name == "message", told)
            self.assertEqual("its own words" in told, name == "remedy", told)

    def test_float64_alone_may_differ(self):
        self.many(3)
        Node("gpu9", float64="other").write(self.reports)
        self.assertIn("float64 run", self.merge(1)["gpu9"]["problems"][0]["message"])

    def test_a_model_that_is_random_accuses_nobody(self):
        for i in range(4):
            Node(f"gpu{i}", bits=str(i), again=f"{i} again").write(self.reports)
        nodes = self.merge(0)
        self.assertEqual(self.kinds(nodes["gpu0"]), ["unstable"])

    def test_one_node_that_differs_from_run_to_run_is_odd(self):
        self.many(5)
        Node("gpu9", again="other").write(self.reports)
        nodes = self.merge(1)
        self.assertEqual(nodes["gpu9"]["state"], "odd")
        self.assertIn("two runs", nodes["gpu9"]["problems"][0]["message"])

    def test_another_setting_with_other_bits_is_named_with_the_setting(self):
        self.many(4)
        Node("gpu9", bits="other", facts={"numerics.onednn": "false"}).write(self.reports)
        nodes = self.merge(1)
        self.assertEqual((nodes["gpu9"]["state"], nodes["gpu9"]["action"]), ("configuration", "fix configuration"))
        self.assertIn("numerics.onednn: true → false", nodes["gpu9"]["problems"][0]["message"])
        self.assertEqual((self.fleet["rare"][0]["name"], self.fleet["rare"][0]["nodes"]), ("numerics.onednn", ["gpu9"]))

    def test_another_setting_with_equal_bits_is_only_rare(self):
        self.many(4)
        Node("gpu9", facts={"numerics.onednn": "false"}).write(self.reports)
        self.merge(0)
        self.assertEqual(self.fleet["rare"][0]["name"], "numerics.onednn")

    def test_another_kind_is_another_cohort(self):
        self.many(3, gpus=1)
        for i in range(3):
            Node(f"new{i}", gpus=1, bits="theirs", facts={"driver.version": "590.1"}).write(self.reports)
        self.merge(0)
        self.assertEqual([cohort["outcome"] for cohort in self.fleet["cohorts"]], ["3 bit-equal", "3 bit-equal"])

    def test_a_machine_without_an_equal_is_told(self):
        self.many(3, gpus=1)
        Node("new", gpus=1, bits="theirs", facts={"driver.version": "590.1"}).write(self.reports)
        self.assertEqual(self.kinds(self.merge(0)["new"]), ["alone"])

    def test_other_inputs_are_another_question(self):
        self.many(2)
        node = Node("gpu9", bits="other")
        for run in node.report["evidence"]["runs"]:
            run["inputs"] = digest("others")
        node.write(self.reports)
        self.assertNotIn("odd", self.kinds(self.merge(0)["gpu9"]))

    # --- facts and times ---------------------------------------------------------------------------------------------

    def test_the_rarest_fact_comes_first_and_what_is_always_different_is_none(self):
        for i in range(60):
            facts = {"cpu.microcode": "0x2b" if i < 2 else "0x1", "gpu.0.serial": f"S{i}"}
            if i == 7:
                facts["driver.version"] = "535.1"
            Node(f"gpu{i}", gpus=1, facts=facts).write(self.reports)
        self.merge(0)
        self.assertEqual([fact["name"] for fact in self.fleet["rare"]][:2], ["driver.version", "cpu.microcode"])
        self.assertEqual(self.fleet["rare"][0]["nodes"], ["gpu7"])
        self.assertNotIn("gpu.*.serial", [fact["name"] for fact in self.fleet["rare"]])

    def test_a_gpus_errors_are_rare_whichever_gpu_has_them(self):
        for i in range(20):
            Node(f"gpu{i}", gpus=8, facts={f"gpu.{g}.ecc.uncorrected": "3" if (i, g) == (4, 6) else "0" for g in range(8)}).write(self.reports)
        self.merge(0)
        self.assertEqual((self.fleet["rare"][0]["name"], self.fleet["rare"][0]["value"], self.fleet["rare"][0]["nodes"]), ("gpu.*.ecc.uncorrected", "3", ["gpu4"]))

    def test_a_slow_node_is_a_warning(self):
        for i in range(8):
            node = Node(f"gpu{i}")
            node.report["stages"] = [{"name": "native run", "seconds": 60.0 if i == 3 else 2.0 + i / 100}]
            node.write(self.reports)
        nodes = self.merge(0)
        self.assertEqual((self.kinds(nodes["gpu3"]), nodes["gpu3"]["action"]), (["straggler"], "watch"))
        self.assertEqual(sum("straggler" in self.kinds(node) for node in nodes.values()), 1)

    # --- history -----------------------------------------------------------------------------------------------------

    def test_other_bits_than_last_week_and_nothing_changed_is_suspect(self):
        Node("alone", ago=7 * 86400).write(self.reports)
        Node("alone", bits="other").write(self.reports)
        node = self.merge(1)["alone"]
        self.assertEqual((node["state"], node["action"]), ("drifted", "isolate"))
        self.assertIn("suspect the hardware", node["problems"][0]["message"])

    def test_what_changed_since_is_named(self):
        Node("alone", gpus=1, ago=7 * 86400).write(self.reports)
        Node("alone", gpus=1, bits="other", facts={"driver.version": "590.1"}).write(self.reports)
        node = self.merge(0)["alone"]
        self.assertIn("changed", self.kinds(node))
        self.assertIn("driver.version: 580.65.06 → 590.1", json.dumps(node, ensure_ascii=False))

    def test_facts_that_decide_nothing_are_told_and_excuse_nothing(self):
        Node("alone", ago=7 * 86400).write(self.reports)
        Node("alone", bits="other", facts={"cpu.microcode": "0x99"}).write(self.reports)
        node = self.merge(1)["alone"]
        self.assertEqual(node["state"], "drifted")
        self.assertIn("cpu.microcode: 0x1 → 0x99", json.dumps(node, ensure_ascii=False))

    def test_a_whole_cohort_that_changed_is_not_a_hundred_faults(self):
        for i in range(5):
            Node(f"gpu{i}", ago=7 * 86400).write(self.reports)
            Node(f"gpu{i}", bits="new").write(self.reports)
        nodes = self.merge(0)
        self.assertEqual(self.kinds(nodes["gpu0"]), ["changed"])
        self.assertIn("5 devices", " ".join(self.fleet["notes"]))

    def test_a_baseline_is_history_too(self):
        good = Path(self.folder.name) / "good"
        Node("alone", ago=70 * 86400).write(good)
        Node("alone", bits="other").write(self.reports)
        self.assertIn("drifted", self.kinds(self.merge(1, "--baseline", str(good))["alone"]) )

    # --- ranks -------------------------------------------------------------------------------------------------------

    def test_ranks_of_a_job_are_reports_of_their_own(self):
        for rank in range(4):
            node = Node(f"gpu{rank // 2}", bits="other" if rank == 3 else "same")
            node.report["identity"].update(rank=rank, ranks=5, job="slurm 17.0")
            node.write(self.reports, f"r{rank}.json")
        nodes = self.merge(1)
        self.assertEqual(nodes["gpu1"]["problems"][0]["part"], "rank 3")
        self.assertIn("4 of the 5 ranks of slurm 17.0 reported; silent: 4", self.fleet["notes"])

    # --- formats and hostility ---------------------------------------------------------------------------------------

    def hostile(self):
        self.many(3)
        evil = '</script><img src=x onerror=alert(1)>"\'|`$(id)\x1b[31m\u202e\ud800 &amp;'
        node = Node("evil", facts={"cpu.model": evil, evil: evil}, bits="other")
        node.finding("env.torch.version", "fail", message=evil)
        node.report["subject"] = evil
        node.report["identity"].update(job=evil, settings=evil, device=evil, results="/etc", rank=1, ranks=3)
        node.report["evidence"]["runs"][0]["outputs"][0]["name"] = evil
        node.write(self.reports)
        Node("gpu9", bits="other").finding("golden.float64", "fail", message=evil).write(self.reports)
        self.broken("{" + evil.encode("utf-8", "replace").decode(), "x" * 200)

    def test_every_format_escapes_what_nodes_say(self):
        self.hostile()
        for format in ("text", "oneline", "json", "junit", "markdown", "nagios", "prometheus", "html"):
            done = self.run_merge("--verbose", format=format)
            self.assertNotIn("\x1b", done.stdout, format)
            self.assertNotIn("\u202e", done.stdout, format)
            self.assertTrue(done.stdout, format)
            if format == "html":
                self.assertNotIn("<img src=x", done.stdout)
                self.assertEqual(done.stdout.count("</script>"), 2)
            if format == "junit":
                suite = ElementTree.fromstring(done.stdout).find("testsuite")
                self.assertEqual(len(suite.findall("testcase")), int(suite.get("tests")))
            if format == "json":
                json.loads(done.stdout)
            if format == "oneline":
                self.assertLessEqual(len(done.stdout.rstrip("\n")), 80)
            if format == "prometheus":
                for line in done.stdout.splitlines():
                    self.assertRegex(line, r'^(#.*|[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? [-+0-9.eInfNa]+)$')

    def test_hostile_sizes_are_bounded(self):
        self.many(2)
        text = Node("gpu9").text()
        for broken in ("[" * 100000, '{"a":' * 100000, text.replace('"verb"', '"x": ' + "[" * 100 + "]" * 100 + ', "verb"', 1),
                       text.replace('"message": "', '"message": "' + "a" * 3_000_000, 1), '{"findings": [' + "{}," * 10 + "{}]}"):
            self.broken(broken)
            nodes = self.merge(self.run_merge().returncode)
            self.assertIn(nodes.get("gpu9", {"state": "no report"})["state"], ("damaged", "truncated", "conforms", "no report"))
            self.assertEqual(nodes["gpu0"]["state"], "conforms")
        done = self.run_merge()
        self.assertLess(len(done.stdout), 200_000)

    def test_nagios_has_its_own_codes(self):
        self.many(2)
        self.assertEqual(self.run_merge(format="nagios").returncode, 0)
        self.assertEqual(self.run_merge("--expect", "gpu[0-5]", format="nagios").returncode, 3)
        Node("gpu9", bits="x").write(self.reports)
        done = self.run_merge(format="nagios")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stdout.splitlines()[0], r"^GOLDSEAL FLEET CRITICAL - .* \| nodes=3 ")

    def test_reports_go_to_files_too(self):
        self.many(2)
        page = Path(self.folder.name) / "fleet.html"
        self.assertEqual(self.run_merge("--report", f"html={page}", "--report", f"junit={page}.xml", format="oneline").returncode, 0)
        self.assertIn("<!doctype html>", page.read_text())
        ElementTree.parse(f"{page}.xml")
        self.assertEqual(self.run_merge("--report", "sarif=x").returncode, 2)

    def test_a_path_that_is_not_there_is_a_usage_error(self):
        done = subprocess.run([GOLDSEAL, "merge", str(self.reports / "no")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(subprocess.run([GOLDSEAL, "merge", str(self.reports), "--since", "tomorrow"], capture_output=True).returncode, 2)


if __name__ == "__main__":
    unittest.main()
