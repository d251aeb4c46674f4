# SPDX-License-Identifier: Apache-2.0
"""A test case that works in an empty directory of its own, where a warning of goldseal's is an error."""
import os
import tempfile
import unittest
import warnings

import goldseal


class InDirectory(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.before = os.getcwd()
        os.chdir(self._directory.name)
        warnings.simplefilter("error", goldseal.GoldsealWarning)

    def tearDown(self):
        os.chdir(self.before)
        self._directory.cleanup()

    @staticmethod
    def seals():
        return sorted(os.path.join(root, name) for root, names, _ in os.walk(".") for name in names if name.endswith(".seal"))
