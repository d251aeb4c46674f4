#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each way in which a model arrives damaged or changed fails with the finding that names it.
source "$(dirname "$0")/lib.sh"
need_torch
seal_model
verify() { "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$TORCH_DIR" "$@"; }

expect 4 verify --checkpoint flipped.pth
says "error[tensors.file]"
says "module_list.1.conv_1.weight"
says "error[golden.float64]"

head -c 3000 tiny.pth >short.pth
expect 4 verify --checkpoint short.pth
says "cut short"
says "3,000"

sed 's/^\[net\]/[net]\nbatch_normalize_eps=0.001/' tiny.cfg >eps.cfg
expect 1 verify --model darknet:eps.cfg
says "error[model.configuration]"
says "eps = 0.001"
says "error[golden.float64]"

sed 's/classes=1$/classes=4/; s/filters=18/filters=27/' tiny.cfg >classes.cfg
expect 1 verify --model darknet:classes.cfg
says "error[keys.network]"
says "number of classes"

# Of tied weights a file holds one: against the network itself, which tells that they are one tensor.
cat >tied.py <<'PY'
import torch

class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Linear(4, 4, bias=False)
        self.head = torch.nn.Linear(4, 4, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x):
        return self.head(self.embed(x))

torch.jit.script(Tied()).save("tied.pt")
meta = Tied()
meta.embed.weight = meta.head.weight = torch.nn.Parameter(torch.empty(4, 4, device="meta"))
torch.jit.script(meta).save("meta.pt")
torch.save({"embed.weight": torch.eye(4)}, "once.pth")
PY
"$PYTHON" tied.py
expect 1 "$GOLDSEAL" capture once.pth --model torchscript:tied.pt --input x=random:2x4 --runtime "libtorch=$TORCH_DIR"
says "head.weight is tied to embed.weight and was saved once"
says "model.tie_weights()"
# An archive without weights tells it too.
expect 1 "$GOLDSEAL" capture once.pth --model torchscript:meta.pt --input x=random:2x4 --runtime "libtorch=$TORCH_DIR"
says "head.weight is tied to embed.weight and was saved once"

# A file that was saved from a third GPU: goldseal puts its tensors where they are needed, the deploying program's torch.load may not.
"$PYTHON" - <<'PY'
import torch

state = torch.load("tiny.pth", weights_only=True)
torch.serialization.register_package(1, lambda storage: "cuda:2", lambda storage, location: None)
torch.save(state, "third.pth")
PY
expect 0 "$GOLDSEAL" capture third.pth --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=7 --runtime "libtorch=$TORCH_DIR"
grep -qx 'locations = \["cuda:2"\]' third.seal/manifest.toml || fail "the seal does not say where the tensors were saved from"
printf '[environment.driver]\nlibcuda = "ok"\ncuda_device_count = 1\n' >one-gpu.toml
expect 0 "$GOLDSEAL" check third.seal --target one-gpu.toml
says 'warning[env.gpu.location]: tensors were saved from cuda:2'
says '"Attempting to deserialize object on CUDA device 2 but torch.cuda.device_count() is 1"'
says "map_location={'cuda:2': 'cuda:0'}"
no_worker_left
