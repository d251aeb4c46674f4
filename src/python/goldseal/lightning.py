# SPDX-License-Identifier: Apache-2.0
"""Lightning: every checkpoint that a Trainer writes is sealed, and a seal goes with its checkpoint.

trainer = Trainer(plugins=[SealIO(model, inputs=batch, factory="networks:Net")])
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Optional

try:
    from lightning.pytorch.plugins.io import TorchCheckpointIO
except ImportError:
    from pytorch_lightning.plugins.io import TorchCheckpointIO  # type: ignore[no-redef,assignment,unused-ignore]

from .earlier_seal import is_seal
from .errors import GoldsealError
from .factory import Factory
from .failures import deal_with
from .seal_options import check_options
from .sealing import seal
from .sharded import copy_holding, is_sharded

_NO_INPUTS = "SealIO: expected golden inputs, found none: give inputs=, or set the module's example_input_array"


class SealIO(TorchCheckpointIO):
    """A TorchCheckpointIO that seals what it saves and removes the seals of checkpoints that it removes.

    `model` is the LightningModule that is trained. `inputs` are its golden inputs, its `example_input_array` by default;
    the other arguments are those of goldseal.seal.
    """

    def __init__(
        self, model: Any, inputs: Any = None, factory: Optional[Factory] = None, on_error: str = "warn", **options: Any
    ) -> None:
        super().__init__()
        self._model = model
        self._inputs = inputs
        self._factory = factory
        self._on_error = on_error
        self._options = options
        # What is wrong is told before the first epoch, not after it.
        check_options("SealIO", options, on_error)
        if self._golden_inputs() is None:
            deal_with(GoldsealError(_NO_INPUTS), on_error)

    def _golden_inputs(self) -> Any:
        return getattr(self._model, "example_input_array", None) if self._inputs is None else self._inputs

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Optional[Any] = None) -> None:
        super().save_checkpoint(checkpoint, path, storage_options)
        model = self._model
        inputs = self._golden_inputs()
        if inputs is None:
            deal_with(GoldsealError(_NO_INPUTS), self._on_error)
            return
        if _is_sharded(model):
            # Lightning asks rank zero alone to write, and has gathered the weights by then.
            try:
                model = copy_holding(model, checkpoint["state_dict"])
            except Exception as error:
                deal_with(error, self._on_error)
                return
        options = {"entry": "state_dict", **self._options}
        seal(model, path, inputs=inputs, factory=self._factory, on_error=self._on_error, **options)

    def remove_checkpoint(self, path: Any) -> None:
        super().remove_checkpoint(path)
        sealed = Path(path).with_suffix(".seal")
        if is_seal(sealed):
            shutil.rmtree(sealed, ignore_errors=True)


def _is_sharded(model: Any) -> bool:
    """Also where what shards it is around the module, which then shows parts of its weights as if they were whole."""
    try:
        return is_sharded(model.trainer.model)
    except (AttributeError, RuntimeError):  # no Trainer has it
        return is_sharded(model)
