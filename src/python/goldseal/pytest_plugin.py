# SPDX-License-Identifier: Apache-2.0
"""A pytest fixture, registered by the package: a sealed model is verified as a test.

def test_the_model_answers_as_sealed(goldseal_verify):
    goldseal_verify("models/detector.seal")
"""

from __future__ import annotations

from typing import Any, Callable

import pytest

from .report import Report
from .verifying import verify


@pytest.fixture
def goldseal_verify() -> Callable[..., Report]:
    """`goldseal.verify`, which fails the test with the report where a check fails."""

    def verify_or_fail(seal: Any, *arguments: Any, **options: Any) -> Report:
        __tracebackhide__ = True
        report = verify(seal, *arguments, **options)
        if not report:
            pytest.fail(str(report), pytrace=False)
        return report

    return verify_or_fail
