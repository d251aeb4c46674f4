# SPDX-License-Identifier: Apache-2.0
"""A script's own switches of TF32, under either of their names, are off while golden runs are made and as they were
afterwards. The command is the one that GOLDSEAL_COMMAND names."""
import subprocess
import sys
import textwrap
import unittest

try:
    import torch
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

FIRST_NAMES = (
    "pass",
    "backends.cuda.matmul.allow_tf32 = True",
    "backends.cudnn.allow_tf32 = False",
    "torch.set_float32_matmul_precision('high')",
)
SECOND_NAMES = (
    "backends.fp32_precision = 'tf32'",
    "backends.fp32_precision = 'ieee'",
    "backends.cuda.matmul.fp32_precision = 'tf32'",
    "backends.cudnn.fp32_precision = 'ieee'",
    "backends.cudnn.conv.fp32_precision = 'ieee'",
    "backends.cudnn.rnn.fp32_precision = 'ieee'",
    "backends.cudnn.allow_tf32 = False; backends.cudnn.conv.fp32_precision = 'tf32'",
)
HAS_SECOND_NAMES = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 9)

SCRIPT = """
    import torch
    from goldseal.worker.facts import environment_facts
    from goldseal.worker.settings import RunSettings, in_force
    from goldseal.worker.tf32 import Tf32

    backends = torch.backends

    def state():
        found = []
        for read in (lambda: backends.cuda.matmul.allow_tf32, lambda: backends.cudnn.allow_tf32,
                     torch.get_float32_matmul_precision, lambda: backends.cuda.matmul.fp32_precision,
                     lambda: backends.cudnn.fp32_precision, lambda: backends.cudnn.conv.fp32_precision,
                     lambda: backends.cudnn.rnn.fp32_precision):
            try:
                found.append(read())
            except (AttributeError, AssertionError, RuntimeError) as error:
                found.append(type(error).__name__)
        return found
"""


def run(*parts):
    """In a process of its own: the switches are the process's."""
    script = "\n".join(map(textwrap.dedent, parts))
    return subprocess.run([sys.executable, "-B", "-W", "error::RuntimeWarning", "-c", script], capture_output=True, text=True)


class Tf32Test(unittest.TestCase):
    def passes(self, *parts):
        done = run(*parts)
        self.assertEqual(done.returncode, 0, (parts[1:], done.stderr))

    def ways(self):
        return FIRST_NAMES + (SECOND_NAMES if HAS_SECOND_NAMES else ())

    def test_it_is_off_or_on_in_a_run_and_as_it_was_afterwards(self):
        for way in self.ways():
            with self.subTest(way):
                self.passes(SCRIPT, way, """
                    before = state()
                    for wanted in (False, True, None):
                        with in_force(RunSettings(tf32=wanted)):
                            now = Tf32.current()
                            assert wanted is None or (now.matmul, now.cudnn) == (wanted, wanted), (wanted, now)
                            inside = state()
                            assert wanted is not None or inside == before, (inside, before)
                        assert state() == before, (wanted, state(), before)
                """)

    @unittest.skipUnless(HAS_SECOND_NAMES, "PyTorch has them since 2.9")
    def test_what_was_inherited_is_inherited_again(self):
        self.passes(SCRIPT, """
            backends.fp32_precision = "tf32"
            with in_force(RunSettings(tf32=False)):
                pass
            backends.fp32_precision = "ieee"
            assert backends.cuda.matmul.fp32_precision == "ieee"
        """)

    def test_the_facts_of_a_process_tell_it_under_either_name(self):
        for way in self.ways():
            with self.subTest(way):
                self.passes(SCRIPT, way, """
                    facts = {name: fact["value"] for name, fact in environment_facts().items()}
                    assert facts["numerics.tf32_matmul"] is Tf32.current().matmul, facts
                    assert facts["numerics.tf32_cudnn"] is Tf32.current().cudnn, facts
                    assert facts["numerics.matmul_precision"], facts
                """)

    @unittest.skipUnless(HAS_SECOND_NAMES, "PyTorch has them since 2.9")
    def test_a_script_that_uses_the_second_names_is_sealed(self):
        self.passes(SCRIPT, """
            import tempfile
            import goldseal

            backends.fp32_precision = "tf32"
            backends.cudnn.conv.fp32_precision = "ieee"
            before = state()
            with tempfile.TemporaryDirectory() as folder:
                model = torch.nn.Linear(3, 4)
                seal = goldseal.save(model.state_dict(), folder + "/linear.pth", model=model, inputs=torch.rand(2, 3), on_error="raise")
                report = goldseal.verify(seal, model=model)
                assert report, report
            assert state() == before, (state(), before)
        """)


if __name__ == "__main__":
    unittest.main()
