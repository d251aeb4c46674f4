# SPDX-License-Identifier: Apache-2.0
"""Why a factory builds no such network elsewhere: told in the training process, where it can be mended."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Optional

from . import command
from .factory import Factory, model_spec, needed_arguments, objection_to_arguments
from .script import objection_to_script

if TYPE_CHECKING:
    from torch import nn

    from .live_network import LiveNetwork

_ANSWERS = frozenset(("golden.float64", "golden.native", "golden.discrete", "golden.detections"))


def objection_to_factory(factory: Optional[Factory], module: nn.Module) -> Optional[str]:
    """Why another machine cannot build the network as the seal will say; it is told here, where it can be mended."""
    from .factory_trial import objection_to
    from .preserved import keeping_random_numbers

    if factory is None and needed_arguments(type(module)):
        return objection_to_arguments(module)
    spec = model_spec(factory, module)
    return objection_to_script(spec) or _told(spec, lambda: objection_to(spec, module, keeping_random_numbers))


def objection_to_reads(spec: str, network: LiveNetwork) -> Optional[str]:
    """Of what the golden runs read beside the state dict: whether another build has the same."""
    from .factory_trial import objection_to_made, objection_to_read
    from .preserved import keeping_random_numbers

    def judge() -> Optional[str]:
        objection = objection_to_read(spec, network.module, network.reads - network.writes, keeping_random_numbers)
        return objection or objection_to_made(spec, network, keeping_random_numbers)

    return _told(spec, judge)


def objection_to_process(spec: str, network: LiveNetwork, target: Path, timeout: float) -> Optional[str]:
    """Of a model whose forward() uses what every process has otherwise: whether another process gives the answers that were
    sealed. A script that is run itself is imported by none: it might begin to train."""
    from .worker.state.choices import of_process_in

    def judge() -> Optional[str]:
        used = of_process_in(network.module)
        if not used or _is_script(spec, network.module) or network.home.type != "cpu":
            return None
        report = command.run(["verify", os.path.abspath(target), "--trust-code", "--runtime", f"python={sys.executable}"], timeout=timeout)
        failed = {finding.id for finding in report.findings if finding.status == "fail"}
        if failed.isdisjoint(_ANSWERS) or not failed <= _ANSWERS:
            return None
        return f"in another process the network answers otherwise than here, and its forward() uses {', '.join(used)}: compute with what every process has alike"

    return _told(spec, judge)


def _is_script(spec: str, module: nn.Module) -> bool:
    main = getattr(sys.modules["__main__"], "__file__", None) or ""
    name = spec[len("python:") :].partition(":")[0]
    script = os.path.splitext(os.path.basename(main))[0]
    return name.rpartition(".")[2] == script or any(type(part).__module__ == "__main__" for part in module.modules())


def _told(spec: str, judge: Callable[[], Optional[str]]) -> Optional[str]:
    """What `judge` has against a factory of Python code; what cannot be tried here costs no seal."""
    if not spec.startswith("python:"):
        return None
    try:
        objection = judge()
    except Exception:
        return None
    return None if objection is None else f"factory: {objection}"
