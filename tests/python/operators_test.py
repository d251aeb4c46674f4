# SPDX-License-Identifier: Apache-2.0
"""The operators that a network which nobody vouches for may not call: a sweep over all that this PyTorch registers.

An operator is suspect where its schema takes the name of a file, or where its namespace is one that nobody has looked at. A new
PyTorch that brings one fails this test; it is then read, and goes into one of the two lists."""

import pathlib
import re
import sys
import unittest

try:
    import torch
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(125)

from goldseal.worker.networks import refused_operators
from goldseal.worker.networks.refused_operators import PLAIN_CLASSES, REFUSED_OPERATORS, is_refused_class, what_operator_does

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = ROOT / "src/worker_libtorch/networks/refused_operators.hpp"
SCANNER = ROOT / "src/goldseal/checkpoint/formats/torchscript_code.cpp"
# Namespaces that were read: their operators compute, or look after the computation (profiler, prim).
COMPUTING = frozenset(
    "aten prim prims nvprims quantized _quantized quantization static_runtime onednn mkldnn mkldnn_prepacked mkl sparse inductor "
    "inductor_prims rngprims onnx _test _native export debug_mode_ops prepacked profiler xnnpack tensorexpr cuda "
    "torch_mlu fbgemm _fbgemm higher_order".split()
)
# Arguments by which an operator would be told of a file, a library or another machine.
TELLING = re.compile(r"\bstr\??(\[\])? (\w*(file|path|dir|library|lib|url|host|address|command|program)\w*)\b")
# Collectives name their group.
REMOTE = re.compile(r"\bstr\??(\[\])? (group_name|group|tag|to|dst)\b")


def schemas():
    return [str(schema) for schema in torch._C._jit_get_all_schemas()]


class Sweep(unittest.TestCase):
    def test_every_operator_that_is_told_of_a_file_is_refused(self):
        suspects = [schema for schema in schemas() if TELLING.search(schema)]
        self.assertGreaterEqual(len(suspects), 3, "aten::from_file, its out form, and aten::save at least")
        for schema in suspects:
            name = re.split(r"[.(]", schema)[0]
            self.assertTrue(what_operator_does(name), schema)

    def test_every_namespace_was_read(self):
        for schema in schemas():
            name = re.split(r"[.(]", schema)[0]
            self.assertTrue(what_operator_does(name) or name.split("::")[0] in COMPUTING, schema)

    def test_collectives_are_refused(self):
        for schema in schemas():
            name = re.split(r"[.(]", schema)[0]
            if REMOTE.search(schema) and name.split("::")[0] not in ("aten", "quantized", "debug_mode_ops"):
                self.assertTrue(what_operator_does(name), schema)
        for name in ("c10d::allreduce_", "prim::rpc_async", "prim::fork"):
            self.assertTrue(what_operator_does(name))
        for name in ("aten::add", "aten::saved", "aten::from_files", "prim::forked", "c10::x"):
            self.assertFalse(what_operator_does(name))

    def test_every_registered_class_holds_numbers_or_is_refused(self):
        looked_at = {"_nnapi", "profiling", "c10d", "dist_rpc", "dist_c10d", "backendutils", "aten", *PLAIN_CLASSES}
        text = " ".join(map(str, torch._C._jit_get_custom_class_schemas()))
        spaces = set(re.findall(r"__torch__\.torch\.classes\.(\w+)\.", text))
        self.assertIn("quantized", spaces)
        self.assertEqual(spaces - looked_at, set())
        self.assertTrue(is_refused_class("__torch__.torch.classes._nnapi.Compilation"))
        self.assertFalse(is_refused_class("__torch__.torch.classes.quantized.LinearPackedParamsBase"))
        self.assertFalse(is_refused_class("__torch__.torch.nn.modules.linear.Linear"))

    def test_both_workers_and_the_command_refuse_the_same(self):
        text = HEADER.read_text()
        pairs = dict(re.findall(r'RefusedOperator\{"([^"]+)", "([^"]+)"\}', text))
        self.assertEqual(pairs, REFUSED_OPERATORS)
        classes = re.search(r"k_plain_classes\{([^}]*)\}", text).group(1)
        self.assertEqual(tuple(re.findall(r'"(\w+)"', classes)), PLAIN_CLASSES)
        scanner = SCANNER.read_text()
        words = set(re.findall(r'"(\w+)"', re.search(r"k_words\{([^}]*)\}", scanner).group(1)))
        for name in REFUSED_OPERATORS:
            space, _, operator = name.partition("::")
            self.assertIn(operator or space, words, name)

    def test_the_remedy_is_the_users_word(self):
        self.assertIn("--trust-code", refused_operators.REMEDY)


if __name__ == "__main__":
    unittest.main()
