#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `inspect` shows what no state dict can be made of, in words and in JSON; `capture` and `convert` refuse the same files with the reason
# and exit code 2 (B04, B08, B11, B12, B18, B24); 4 is left to what is damaged.
source "$(dirname "$0")/lib.sh"
need_torch
"$PYTHON" -W ignore - <<'PY'
import json
import struct
import sys
import types

import torch


class Int8Tensor(torch.Tensor):
    @staticmethod
    def __new__(cls, qdata, scale):
        return torch.Tensor._make_wrapper_subclass(cls, qdata.shape, dtype=torch.float32)

    def __init__(self, qdata, scale):
        self.qdata, self.scale = qdata, scale

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), keywords=None):
        return arguments[0]


package = types.ModuleType("torchao.quantization")
package.Int8Tensor, Int8Tensor.__module__ = Int8Tensor, "torchao.quantization"
sys.modules.update({"torchao": types.ModuleType("torchao"), "torchao.quantization": package})
config = type("DictConfig", (), {"__module__": "omegaconf.dictconfig"})
sys.modules.update({"omegaconf": types.ModuleType("omegaconf"), "omegaconf.dictconfig": types.SimpleNamespace(DictConfig=config)})

torch.save({"fc.weight": Int8Tensor(torch.ones(2, 4, dtype=torch.int8), torch.ones(2, 1)), "fc.bias": torch.zeros(2)}, "torchao.pth")
torch.save({"state_dict": {"fc.weight": torch.ones(2, 4)}, "config": config()}, "objects.pth")
torch.save({"fc.weight": torch.ones(2, 4), "fc._extra_state": b"123456"}, "extra.pth")
torch.save({"module": {"fc.weight": torch.empty(0)}, "param_shapes": [], "ds_version": "0.16.0"}, "zero.pt")
torch.save({"state_dict": {"w": torch.ones(1)}, "current_model_state": {"w": torch.zeros(1)}, "averaging_state": {"n_averaged": 3}}, "averaged.pth")
torch.save({"fc.weight": torch.zeros(4, 1, dtype=torch.uint8), "fc.weight.absmax": torch.ones(1), "fc.weight.quant_map": torch.ones(16),
            "fc.weight.quant_state.bitsandbytes__nf4": torch.ones(9, dtype=torch.uint8)}, "packed.pth")
header = json.dumps({"__metadata__": {"format": "mlx"}, "w": {"dtype": "F4", "shape": [2, 8], "data_offsets": [0, 8]}}).encode()
with open("four.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(header)) + header + bytes(8))
layer = torch.nn.Linear(4, 2)
adam = torch.optim.Adam(layer.parameters())
layer(torch.ones(1, 4)).sum().backward()
adam.step()
weights, moments = layer.state_dict(), adam.state_dict()
torch.save((weights, moments), "tuple.pth")
torch.save({"checkpoint": (3, weights, moments)}, "inside.pth")
torch.save({0: weights, 1: {name: tensor + 1 for name, tensor in weights.items()}}, "folds.pth")
torch.save({0: weights, 1: {}}, "number.pth")
torch.save(moments, "adam.pth")
network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU()).eval()
torch.save(network.state_dict(), "plain.pth")
torch.jit.freeze(torch.jit.script(network)).save("frozen.pt")
torch.jit.optimize_for_inference(torch.jit.script(network)).save("optimized.pt")
PY
json() { "$GOLDSEAL" inspect "$1" --format json >inspect.json && "$PYTHON" -c "import json; found = json.load(open('inspect.json')); assert $2, found"; }

expect 0 "$GOLDSEAL" inspect torchao.pth
says "subclass fc.weight: torchao.quantization.Int8Tensor, float32 [2, 4], quantized by torchao; made of fc.weight.qdata, fc.weight.scale"
says "fc.weight.scale float32 [2, 1]"
json torchao.pth "found['subclass_tensors'][0]['parts'] == ['fc.weight.qdata', 'fc.weight.scale'] and found['subclass_tensors'][0]['class'] == 'torchao.quantization.Int8Tensor'"
expect 2 "$GOLDSEAL" convert torchao.pth -o out.safetensors
says "1 of 2 tensors are of a subclass of torch.Tensor"
[[ ! -e out.safetensors ]] || fail "a file was written"

expect 0 "$GOLDSEAL" inspect objects.pth
says "object config: omegaconf.dictconfig.DictConfig, an OmegaConf configuration"
json objects.pth "found['objects'] == [{'path': 'config', 'class': 'omegaconf.dictconfig.DictConfig', 'what': 'an OmegaConf configuration'}]"
expect 2 "$GOLDSEAL" convert objects.pth -o out.pth
says "torch.save(torch.load(FILE, weights_only=False)['state_dict'], OUT)"

expect 0 "$GOLDSEAL" inspect extra.pth
says "extra state fc._extra_state: 6 bytes, not a tensor"
json extra.pth "found['extra_state'] == [{'name': 'fc._extra_state', 'what': '6 bytes'}]"

expect 0 "$GOLDSEAL" inspect zero.pt
says "zero_to_fp32.py"
expect 2 "$GOLDSEAL" convert zero.pt -o out.pth
says "placeholders of size 0"

expect 0 "$GOLDSEAL" inspect averaged.pth
says "state_dict is the average of the weights"
expect 2 "$GOLDSEAL" convert averaged.pth -o out.pth
says "--entry state_dict (Lightning's WeightAveraging"

# Where a state dict lies is for the file's author to choose: in a tuple, under a number. An optimizer's numbers are no weights.
json tuple.pth "found['entry'] == '0' and len(found['tensors']) == 2 and found['candidates'] == ['1.state']"
json inside.pth "found['entry'] == 'checkpoint.1' and len(found['tensors']) == 2"
json number.pth "found['entry'] == '0' and len(found['tensors']) == 2"
expect 2 "$GOLDSEAL" convert folds.pth -o out.pth
says "the file holds several state dicts: 0 (2 tensors), 1 (2 tensors)"
expect 0 "$GOLDSEAL" convert folds.pth --entry 1 -o out.safetensors
expect 2 "$GOLDSEAL" convert adam.pth -o out.pth
says "the file holds no weights, only state (6 tensors)"
says "save the weights with torch.save(model.state_dict(), FILE)"

expect 0 "$GOLDSEAL" inspect packed.pth
says "packed 1 weights in 4 entries, fc.weight the first: 4-bit weights (nf4) of bitsandbytes"
json packed.pth "found['packed'][0]['scheme'] == 'bitsandbytes-nf4' and len(found['packed'][0]['entries']) == 4"

expect 0 "$GOLDSEAL" inspect four.safetensors
says "float4_e2m1fn_x2 [2, 4] (numbers [2, 8])"
says "metadata format mlx"
json four.safetensors "found['tensors'][0]['logical_shape'] == [2, 8] and found['tensors'][0]['bytes'] == 8 and found['metadata'] == {'format': 'mlx'}"

# A frozen archive takes no checkpoint; an optimized one cannot be loaded by anyone.
input=x=random:1x3x8x8,seed=1
expect 0 "$GOLDSEAL" inspect frozen.pt
says "the archive is frozen (torch.jit.freeze)"
for runtime in python "libtorch=$TORCH_DIR"; do
  [[ $runtime == python ]] && runtime="python=$PYTHON"
  expect 1 "$GOLDSEAL" capture plain.pth --model torchscript:frozen.pt --input "$input" --runtime "$runtime" -o frozen.seal
  says "torch.jit.freeze made them constants of its code"
  if "$PYTHON" -c 'import sys, zipfile; sys.exit(not any(b"ConstantMKLDNNTensor" in zipfile.ZipFile("optimized.pt").read(n) for n in zipfile.ZipFile("optimized.pt").namelist() if n.endswith(".py")))'; then
    expect 2 "$GOLDSEAL" capture plain.pth --model torchscript:optimized.pt --input "$input" --runtime "$runtime" -o optimized.seal
    says "torch.jit.optimize_for_inference"
    expect 2 "$GOLDSEAL" capture optimized.pt --input "$input" --runtime "$runtime" -o optimized.seal
    says "export the module before optimize_for_inference"
  fi
done
