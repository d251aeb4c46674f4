# SPDX-License-Identifier: Apache-2.0
"""A model that MLflow logs and loads is judged against the seal beside it, with the real MLflow (issue 24, item 6). Kinds: the
model as it was; other weights; another configuration; no seal; a model that cannot be sealed. Exit code 125: no MLflow."""
import os
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

try:
    import torch
    os.environ.update({"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "GIT_PYTHON_REFRESH": "quiet"})
    import mlflow
    import mlflow.pytorch
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(125)

import goldseal
import goldseal.mlflow
import networks

warnings.simplefilter("ignore")
PINNED = {"pip_requirements": ["torch"], "serialization_format": "pickle"}


def options():
    """What MLflow would find out by starting a process, and what this version takes."""
    import inspect

    known = inspect.signature(mlflow.pytorch.log_model).parameters
    return {name: value for name, value in PINNED.items() if name in known}


class Logged(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        self.folder = Path(folder.name)
        mlflow.set_tracking_uri(f"sqlite:///{folder.name}/runs.db")
        self.addCleanup(mlflow.set_tracking_uri, None)
        torch.manual_seed(0)
        self.model = networks.Net()
        self.inputs = torch.rand(2, 3, 8, 8)

    def logged(self, **more):
        return goldseal.mlflow.log_model(self.model, "net", self.inputs, seal_options={"embed": False, **more}, **options())

    def test_a_model_comes_back_as_it_was_sealed(self):
        info = self.logged()
        model = goldseal.mlflow.load_model(info.model_uri)
        self.assertFalse(model.training)
        self.assertTrue(torch.equal(model(self.inputs)["logits"], self.model.eval()(self.inputs)["logits"]))
        names = {entry.path for entry in mlflow.MlflowClient().list_artifacts(info.run_id, "goldseal/net")}
        self.assertEqual(names, {"goldseal/net/model.pth", "goldseal/net/model.seal"})

    def test_other_weights_and_another_configuration_are_refused(self):
        sealed = self.logged()
        client = mlflow.MlflowClient()
        kept = client.download_artifacts(sealed.run_id, "goldseal/net")
        for change in ("weights", "eps"):
            with self.subTest(change):
                with torch.no_grad():
                    if change == "weights":
                        self.model.head.weight[0, 0] += 1
                    else:
                        self.model.load_state_dict(torch.load(Path(kept, "model.pth"), weights_only=True))
                        self.model.norm.eps = 0.5
                with mlflow.start_run() as run:
                    info = goldseal.mlflow._logged(self.model, "net", options())
                    client.log_artifacts(run.info.run_id, kept, "goldseal/net")
                with self.assertRaises(goldseal.GoldsealError) as raised:
                    goldseal.mlflow.load_model(info.model_uri)
                self.assertFalse(raised.exception.report)

    def test_a_model_without_a_seal_is_named(self):
        info = goldseal.mlflow._logged(self.model, "net", options())
        with self.assertRaisesRegex(goldseal.GoldsealError, "expected a seal among the artifacts of run .* goldseal/net/model.seal"):
            goldseal.mlflow.load_model(info.model_uri)

    def test_what_cannot_be_sealed_is_not_logged(self):
        with self.assertRaises(goldseal.GoldsealError):
            goldseal.mlflow.log_model(self.model, "net", {"x": self.inputs, "y": self.inputs}, **options())
        self.assertEqual(mlflow.search_runs(output_format="list", search_all_experiments=True), [])

    def test_the_lines_of_the_page_run(self):
        page = Path(__file__).parents[2].joinpath("docs/training.md").read_text(encoding="utf-8")
        block = page.split("## MLflow")[1].split("```python\n")[1].split("```")[0]
        # What the page writes for real is embedded too; here the time goes into MLflow.
        block = block.replace("log_model(", f"log_model(seal_options={{'embed': False}}, **{options()!r}, model=").replace('"net",', 'name="net",')
        scope = {"model": self.model, "batch": self.inputs}
        exec(block, scope)  # noqa: S102: the page's own lines
        self.assertTrue(torch.equal(scope["model"](self.inputs)["logits"], self.model.eval()(self.inputs)["logits"]))


if __name__ == "__main__":
    unittest.main()
