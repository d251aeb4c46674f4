# SPDX-License-Identifier: Apache-2.0
"""MLflow: a model is logged with its seal beside it, and judged when it is loaded.

    info = goldseal.mlflow.log_model(model, "net", inputs={"image": batch[:2]})
    model = goldseal.mlflow.load_model(info.model_uri)          # raises where it does not answer as sealed
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Optional

import mlflow
import mlflow.pytorch
from torch import nn

from .errors import GoldsealError
from .factory import Factory
from .sealing import save
from .verifying import verify

_FOLDER = "goldseal"  # of the run's artifacts


def log_model(
    model: nn.Module,
    name: str,
    inputs: Any,
    factory: Optional[Factory] = None,
    seal_options: Optional[dict[str, Any]] = None,
    **log_model_options: Any,
) -> Any:
    """`mlflow.pytorch.log_model(model, name=name, …)`, and in the same run the state dict with its seal, as the artifacts
    `goldseal/NAME/model.pth` and `goldseal/NAME/model.seal`. Returns MLflow's ModelInfo. A model that cannot be sealed is an
    error: it is raised before anything is logged."""
    with tempfile.TemporaryDirectory(prefix="goldseal-") as directory:
        checkpoint = Path(directory, "model.pth")
        options = {"on_error": "raise", **(seal_options or {})}
        save(model.state_dict(), checkpoint, model=model, inputs=inputs, factory=factory, **options)
        info = _logged(model, name, log_model_options)
        mlflow.MlflowClient().log_artifacts(info.run_id, directory, f"{_FOLDER}/{name}")
        return info


def _logged(model: nn.Module, name: str, options: dict[str, Any]) -> Any:
    if mlflow.active_run() is None:
        with mlflow.start_run():
            return _logged(model, name, options)
    third = int(mlflow.__version__.partition(".")[0]) >= 3
    return mlflow.pytorch.log_model(model, **{"name" if third else "artifact_path": name}, **options)


def load_model(model_uri: str, policy: Optional[str] = None, **load_model_options: Any) -> nn.Module:
    """`mlflow.pytorch.load_model`, then the seal that was logged with it is verified with that very model. Returned in
    evaluation mode, as it was judged. Raises GoldsealError where a check fails, and where no seal lies beside it."""
    seal = _downloaded_seal(model_uri)
    model: nn.Module = mlflow.pytorch.load_model(model_uri, **load_model_options)
    model.eval()
    report = verify(seal, model, policy=policy)
    if not report:
        raise GoldsealError(f"{model_uri} does not conform:\n{report}", report)
    return model


def _downloaded_seal(model_uri: str) -> Path:
    info = mlflow.models.get_model_info(model_uri)
    name = getattr(info, "name", None) or info.artifact_path
    client = mlflow.MlflowClient()
    place = f"{_FOLDER}/{name}"
    there = {Path(entry.path).name for entry in client.list_artifacts(info.run_id, place)}
    if "model.seal" not in there:
        raise GoldsealError(
            f"{model_uri}: expected a seal among the artifacts of run {info.run_id}, as {place}/model.seal, found none; "
            "log the model with goldseal.mlflow.log_model"
        )
    return Path(client.download_artifacts(info.run_id, place), "model.seal")
