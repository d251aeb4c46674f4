# SPDX-License-Identifier: Apache-2.0
"""Where only the native answers differ, the setting that mends them is found: `golden_settings.py GOLDSEAL TORCH_DIR`.

No processor at hand computes wrongly, so that a network stands in for one: it rounds in float32, and only there, under a setting."""

import os
import pathlib
import sys
import tempfile

from golden_support import Command, torch
from reports import expect

# Its float32 answers are rounded while oneDNN is as the variable says; not set, on no machine. The other rounds where a GPU
# with TF32 would: PyTorch's own default for convolutions is to use it.
DEFECTIVE = '''import os
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(16, 8)

    def forward(self, x):
        scores = self.head(x)
        used = "on" if torch.backends.mkldnn.enabled else "off"
        rounds = os.environ.get("ROUNDS_WITH_ONEDNN") == used and scores.dtype == torch.float32
        return scores.bfloat16().float() if rounds else scores


class Tf32(Net):
    def forward(self, x):
        scores = self.head(x)
        rounds = torch.backends.cudnn.allow_tf32 and scores.dtype == torch.float32
        return scores.half().float() if rounds else scores
'''


def trials(finding):
    return {row[1]: row[3] for table in finding["tables"] if table["title"] == "with one setting changed" for row in table["rows"]}


def finds_the_setting(command, seal):
    os.environ["ROUNDS_WITH_ONEDNN"] = "on"
    code, findings = command("verify", seal, "--trust-code")
    finding = findings["golden.native"]
    expect(code == 1 and findings["golden.float64"]["status"] == "pass", "where oneDNN rounds, the native answers alone fail", finding)
    # B26
    expect("with oneDNN off the difference disappears" in finding["message"], "and oneDNN is named", finding["message"])
    tried = trials(finding)
    expect(list(tried.values()) == ["no"] * (len(tried) - 1) + ["yes"] and len(tried) > 1, "after others that change nothing", tried)
    code, findings = command("verify", seal, "--trust-code", "--set", "onednn=off")
    expect(code == 0, "with that setting the model conforms", findings["golden.native"])


def finds_what_was_set(command, seal):
    os.environ["ROUNDS_WITH_ONEDNN"] = "off"
    expect(command("verify", seal, "--trust-code")[0] == 0, "where only other kernels round, the model conforms")
    finding = command("verify", seal, "--trust-code", "--set", "onednn=off")[1]["golden.native"]
    expect("with nothing of --set the difference disappears" in finding["message"], "with them, the user's own setting is named first", finding["message"])
    expect(trials(finding) == {"nothing of --set": "yes"}, "and nothing more is tried", trials(finding))


def leaves_out_tf32(command, folder):
    seal = folder / "tf32.seal"
    code, findings = command("capture", folder / "net.pth", "--model", "python:defective:Tf32", "--input", "x=random:4x16,seed=1,normal", "-o", seal)
    expect(code == 0, "a network that would use TF32 is sealed in float32", findings)
    expect(command("verify", seal, "--trust-code")[0] == 0, "and judged in it")
    code, findings = command("verify", seal, "--trust-code", "--set", "tf32=on")
    finding = findings["golden.native"]
    expect(code == 1 and findings["golden.float64"]["status"] == "pass", "with TF32 its native answers fail", finding)
    expect("with nothing of --set the difference disappears" in finding["message"] and "--set" in finding["remedy"], "the setting is named, and what to do", finding)
    code, findings = command("verify", seal, "--trust-code", "--set", "tf32=on", "--policy", "portable")
    expect(code == 0, "but under a policy that permits TF32", findings["golden.native"])
    # A17: what passes is no reason to look for a cause.
    expect("native run" in command.stages and "runs with one setting changed" not in command.stages, "and no setting is then tried", command.stages)
    expect("layers" not in command.stages, "nor are the layers followed", command.stages)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "defective.py").write_text(DEFECTIVE)
        os.environ["PYTHONPATH"] = name
        sys.path.insert(0, name)
        from defective import Net

        torch.manual_seed(0)
        torch.save(Net().state_dict(), folder / "net.pth")
        command = Command(*sys.argv[1:3])
        command.runtime = f"python={sys.executable}"
        seal = folder / "net.seal"
        code, findings = command("capture", folder / "net.pth", "--model", "python:defective:Net", "--input", "x=random:4x16,seed=1,normal", "-o", seal)
        expect(code == 0, "a network is sealed on a sound machine", findings)
        finds_the_setting(command, seal)
        finds_what_was_set(command, seal)
        leaves_out_tf32(command, folder)


if __name__ == "__main__":
    main()
