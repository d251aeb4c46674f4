# SPDX-License-Identifier: Apache-2.0
"""The transport: greeting, ids and nonces, refusals, and how a worker leaves."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import client


class GreetingTest(unittest.TestCase):
    def test_hello_states_runtime_version_devices_and_builders(self):
        with client.worker() as process:
            greeting = process.greeting
        self.assertEqual(greeting["protocol"], 3)
        self.assertIn(greeting["runtime"], ("libtorch", "python"))
        self.assertEqual(greeting["version"], greeting["built_for"])
        self.assertIn("cpu", greeting["devices"])
        other = "darknet" if greeting["runtime"] == "libtorch" else "python"
        self.assertLessEqual({other, "torchscript"}, set(greeting["builders"]))

    def test_threads_of_the_greeting_are_those_of_the_process(self):
        for threads in (1, 2, 3):
            with client.worker(threads=threads) as process:
                self.assertEqual(process.ask("environment")["facts"]["numerics.threads"]["value"], threads)

    def refused(self, **members):
        with client.worker(greet=False) as process:
            with self.assertRaises(client.Refused) as refused:
                process.hello(**members)
            self.assertTrue(process.hello()["ok"], "a correct greeting is still answered")
        return refused.exception

    def test_another_protocol_is_refused(self):
        self.assertEqual(self.refused(protocol=1).kind, "unsupported")

    def test_threads_that_make_no_sense_are_refused(self):
        for threads in (0, -1, 1 << 40, "2", 1.5):
            self.assertEqual(self.refused(threads=threads).kind, "usage")

    def test_a_greeting_without_its_members_is_refused(self):
        self.assertIn("run_directory", self.refused(run_directory=None).message)
        self.assertIn("protocol", self.refused(protocol=None).message)

    def test_a_second_greeting_is_refused(self):
        with client.worker() as process:
            with self.assertRaises(client.Refused) as refused:
                process.hello()
        self.assertEqual(refused.exception.kind, "usage")


class RequestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process = client.worker()

    @classmethod
    def tearDownClass(cls):
        cls.process.close()

    def refused(self, op, kind="usage", **members):
        with self.assertRaises(client.Refused) as refused:
            self.process.ask(op, **members)
        self.assertEqual(refused.exception.kind, kind, refused.exception.message)
        return refused.exception.message

    def test_an_unknown_request_is_refused_by_its_name(self):
        self.assertIn("explode", self.refused("explode"))

    def test_an_unknown_builder_is_unsupported(self):
        self.assertIn("keras", self.refused("build", "unsupported", builder="keras", source="x"))

    def test_members_that_are_missing_or_of_another_kind_are_named(self):
        self.assertIn("builder", self.refused("build", source="x"))
        self.assertIn("source", self.refused("build", builder="torchscript"))
        self.assertIn("source", self.refused("build", builder="torchscript", source=["x"]))
        self.assertIn("options", self.refused("build", builder="torchscript", source="x", options=[]))
        self.assertIn("options", self.refused("build", builder="torchscript", source="x", options={"a": 1}))

    def test_a_network_is_needed_for_what_works_on_one(self):
        with client.worker() as process:
            for op in ("digest", "run", "load"):
                with self.assertRaises(client.Refused) as refused:
                    process.ask(op, tensors="absent.json")
                self.assertIn(refused.exception.kind, ("usage", "malformed"))

    def test_text_that_is_no_utf8_is_answered_in_utf8(self):
        self.process.last_id += 1
        self.process.send_bytes(b'{"id":%d,"op":"caf\\u00e9 \\ud83d\\ude00"}\n' % self.process.last_id)
        self.assertIn("café 😀", self.process.receive()["error"]["message"])

    def test_an_unknown_member_is_passed_over(self):
        self.assertTrue(self.process.ask("environment", colour="green")["ok"])

    def test_a_message_that_comes_in_pieces_is_one(self):
        self.process.last_id += 1
        for byte in json.dumps({"id": self.process.last_id, "op": "environment"}).encode() + b"\n":
            self.process.send_bytes(bytes([byte]))
        self.assertTrue(self.process.receive()["ok"])

    def test_a_message_of_eight_megabytes_is_read(self):
        self.assertTrue(self.process.ask("environment", filler="x" * (8 << 20))["ok"])


class OtherLibTorchTest(unittest.TestCase):
    """A worker whose LibTorch says that it is another version; GOLDSEAL_OTHER_CONFIG is a library that makes it say so."""

    @unittest.skipUnless("GOLDSEAL_OTHER_CONFIG" in os.environ, "GOLDSEAL_OTHER_CONFIG names no library")
    def test_a_libtorch_that_the_worker_was_not_built_for_is_refused_with_both_versions(self):
        preloaded = {"LD_PRELOAD": os.environ["GOLDSEAL_OTHER_CONFIG"]}
        with client.worker(greet=False, environment=preloaded) as process:
            with self.assertRaises(client.Refused) as refused:
                process.hello()
            self.assertEqual(refused.exception.kind, "unsupported")
            self.assertIn("0.0.7", refused.exception.message)
            self.assertIn("built for", refused.exception.message)
            with self.assertRaises(client.Refused, msg="nothing is done before a greeting succeeds"):
                process.ask("environment")


class EnvironmentTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with client.worker(threads=1, environment={"ATEN_CPU_CAPABILITY": "default"}) as process:
            cls.facts = process.ask("environment")["facts"]
            cls.greeting = process.greeting

    def value(self, name):
        return self.facts[name]["value"]

    def test_every_fact_has_a_plain_value_and_an_origin(self):
        for name, fact in self.facts.items():
            self.assertIsInstance(fact["value"], (bool, int, float, str, list), name)
            self.assertIsInstance(fact["origin"], str, name)
            self.assertTrue(fact["origin"], name)

    def test_the_device_is_told_and_no_library_is_loaded_twice(self):
        self.assertEqual(self.value("numerics.device"), "cpu")
        self.assertEqual([name for name in self.facts if name.endswith(".copies")], [])

    @unittest.skipUnless(shutil.which("cc"), "no C compiler")
    def test_a_library_of_two_files_is_told_with_both(self):
        own = self.value("library.libgomp.path")
        with tempfile.TemporaryDirectory() as directory:
            second = os.path.join(directory, "libgomp-0123abcd.so.1")  # as wheels rename theirs
            subprocess.run(["cc", "-shared", "-xc", os.devnull, "-o", second], check=True)
            with client.worker(threads=1, environment={"LD_PRELOAD": second}) as process:
                facts = process.ask("environment")["facts"]
        self.assertEqual(sorted(facts["library.libgomp.copies"]["value"]), sorted([own, second]))

    @unittest.skipUnless(shutil.which("cc"), "no C compiler")
    def test_a_gpu_half_that_cannot_be_loaded_is_told_in_the_loaders_words(self):
        """It is the one beside the libtorch_cpu that was loaded, under the name that it was loaded by: some package managers keep
        files in a store and link them."""
        if "torch.built_for" not in self.facts:
            self.skipTest("a Python's torch loads its GPU half by itself")
        real = os.path.dirname(self.value("library.libtorch_cpu.path"))
        with tempfile.TemporaryDirectory() as linked, tempfile.TemporaryDirectory() as elsewhere:
            for name in os.listdir(real):
                if name.startswith(("libtorch", "libc10", "libgomp", "libcaffe2")) and "libtorch_cuda" not in name:
                    os.symlink(os.path.join(real, name), os.path.join(linked, name))
            empty = ["cc", "-shared", "-xc", os.devnull, "-o"]
            subprocess.run([*empty, os.path.join(elsewhere, "libgoldseal_nowhere.so")], check=True)
            for name in [name for name in os.listdir(linked) if name.startswith("libtorch_cpu.so")]:
                half = os.path.join(linked, name.replace("libtorch_cpu", "libtorch_cuda"))
                subprocess.run([*empty, half, f"-L{elsewhere}", "-Wl,--no-as-needed", "-lgoldseal_nowhere"], check=True)
            with client.worker(threads=1, environment={"LD_LIBRARY_PATH": linked}) as process:
                facts = process.ask("environment")["facts"]
        self.assertIn("libgoldseal_nowhere.so", facts["torch.gpu_library_error"]["value"])
        self.assertFalse(facts["torch.cuda"]["value"])

    def test_versions_and_switches_are_pytorchs_own(self):
        import torch

        self.assertEqual(self.value("torch.version"), self.greeting["version"])
        self.assertEqual(self.value("numerics.threads"), 1)
        self.assertEqual(self.value("cpu.aten_capability"), "DEFAULT")
        for name, kind in (("numerics.tf32_matmul", bool), ("numerics.tf32_cudnn", bool), ("numerics.onednn", bool),
                           ("numerics.deterministic_algorithms", bool), ("numerics.cudnn_benchmark", bool),
                           ("numerics.matmul_precision", str), ("torch.blas", str), ("torch.lapack", str), ("torch.mkl", str),
                           ("torch.onednn", str), ("torch.openmp", str), ("torch.cxx_abi", int), ("torch.cuda", bool),
                           ("numerics.interop_threads", int), ("cpu.aten_capability", str)):
            self.assertIsInstance(self.value(name), kind, name)
        if torch.__version__.split("+")[0] == self.value("torch.version"):
            without_cpu = [[line for line in text.splitlines() if "CPU capability" not in line]
                           for text in (self.value("torch.config"), torch.__config__.show())]
            self.assertEqual(without_cpu[0], without_cpu[1])
            engines = [engine for engine in torch.backends.quantized.supported_engines if engine != "none"]
            self.assertEqual(self.value("torch.quantized_engines"), engines)
            self.assertEqual(self.value("torch.git"), torch.version.git_version)
            libraries = self.value("torch.kernel_libraries")
            self.assertEqual("xnnpack" in libraries, torch._C._is_xnnpack_enabled())
            self.assertEqual("onednn" in libraries, torch.backends.mkldnn.is_available())
            self.assertEqual("mkl" in libraries, torch.backends.mkl.is_available())
            self.assertEqual(self.value("torch.cuda"), torch.backends.cuda.is_built())

    def test_the_libraries_are_those_that_the_process_has_mapped(self):
        self.assertTrue(os.path.exists(self.value("library.libtorch_cpu.path")))
        self.assertIn("libtorch_cpu", os.path.basename(self.value("library.libtorch_cpu.path")))
        self.assertTrue(self.value("library.libstdc++.version").startswith("6."))
        self.assertIn("library.libc10.path", self.facts)
        self.assertNotIn("library.libm.path", self.facts)


class LeavingTest(unittest.TestCase):
    def leave(self, *lines):
        """Sends the lines to a greeted worker and waits until it leaves."""
        process = client.worker()
        for line in lines:
            process.send_bytes(line)
        return process.wait()

    def test_bye_is_answered_and_ends_the_process_with_0(self):
        process = client.worker()
        self.assertTrue(process.ask("bye")["ok"])
        self.assertEqual(process.wait(), (0, ""))

    def test_the_end_of_the_socket_ends_the_process_with_0(self):
        self.assertEqual(client.worker().close(), 0)
        self.assertEqual(client.worker(greet=False).close(), 0)

    def test_a_socket_that_is_closed_in_the_middle_of_a_line_ends_the_process_with_0(self):
        process = client.worker()
        process.send_bytes(b'{"id":2,"op":')
        self.assertEqual(process.close(), 0)

    def test_a_reply_that_nobody_reads_ends_the_process_with_0(self):
        process = client.worker()
        process.send_bytes(b'{"id":2,"op":"environment"}\n')
        self.assertEqual(process.close(), 0)

    def test_a_line_that_is_no_message_ends_the_process_with_2_and_a_reason(self):
        for line in (b"\n", b"hello\n", b"[1]\n", b'"text"\n', b'{"id":2,"op":"environment"\n', b"\xff\xfe\n", b'{"op":"bye"}\n',
                     b'{"id":"2","op":"bye"}\n', b'{"id":-2,"op":"bye"}\n', b'{"id":0,"op":"bye"}\n', b'{"id":1,"op":"bye"}\n'):
            status, text = self.leave(line)
            self.assertEqual(status, 2, line)
            self.assertIn("goldseal-worker-", text)

    def test_a_line_without_an_end_is_not_read_for_ever(self):
        process = client.worker()
        try:
            for _ in range(80):
                process.send_bytes(b"x" * (1 << 20))
        except (BrokenPipeError, ConnectionResetError):
            pass
        status, text = process.wait()
        self.assertEqual(status, 2)
        self.assertIn("64 MiB", text)

    def test_brackets_without_end_do_not_exhaust_the_stack(self):
        for line in (b"[" * 1_000_000 + b"\n", b'{"a":' * 1_000_000 + b"\n"):
            self.assertEqual(self.leave(line)[0], 2)

    def test_a_message_nested_a_million_times_is_answered_or_ends_the_process_with_2(self):
        """Python's JSON reader has a bound for this, nlohmann's has none."""
        process = client.worker()
        process.last_id += 1
        process.send_bytes(b'{"id":2,"op":"explode","x":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}\n")
        if process.greeting["runtime"] == "python":
            self.assertEqual(process.wait()[0], 2)
        else:
            self.assertFalse(process.receive()["ok"])
            process.close()

    def test_a_request_before_the_greeting_is_refused(self):
        with client.worker(greet=False) as process:
            process.send_bytes(b'{"id":1,"op":"environment"}\n')
            self.assertIn("hello", process.receive()["error"]["message"])

    def test_started_by_hand_it_says_who_starts_it(self):
        finished = subprocess.run(client.WORKER, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual(finished.returncode, 2)
        self.assertIn("started by goldseal", finished.stderr)
        self.assertEqual(finished.stdout, "")


if __name__ == "__main__":
    client.main()
