# SPDX-License-Identifier: Apache-2.0
"""Which weights the answers depend on."""
import unittest

import client
import numpy as np

try:
    import modules
except ImportError:
    client.main()


class GradientsTest(unittest.TestCase):
    def ask(self, compute, **members):
        with client.worker() as process:
            model = modules.Partly().eval()
            client.build(process, model)
            process.load(modules.state_of(model))
            client.write_safetensors(process.path("inputs.safetensors"), {"index": np.array([3], "i8")})
            before = process.ask("digest")["tensors"]
            reply = process.ask("gradients", inputs="inputs.safetensors", compute=compute, **members)
            self.assertEqual(process.ask("digest")["tensors"], before)
            return {tensor["name"]: (tensor["reached"], tensor["elements"]) for tensor in reply["tensors"]}

    def test_what_the_outputs_depend_on_is_counted(self):
        for compute in ("native", "float32", "float64"):
            self.assertEqual(self.ask(compute), {"table.weight": (4, 40), "head.weight": (12, 12), "head.bias": (3, 3),
                                                 "spare.weight": (0, 12), "spare.bias": (0, 3)})

    def test_they_are_computed_where_the_settings_say(self):
        self.assertEqual(self.ask("native", settings={"device": "cpu"}), self.ask("native"))
        with self.assertRaises(client.Refused) as refused:
            self.ask("native", settings={"device": "cuda:99"})
        self.assertEqual(refused.exception.kind, "unsupported")


if __name__ == "__main__":
    client.main()
