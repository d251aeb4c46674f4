#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A network from a C++ plugin: built, sealed, verified; one for another LibTorch is refused before it is opened.
. "$(dirname "$0")/lib.sh"
need_torch
example=$(cd "$(dirname "$0")/../../examples/cpp_plugin" && pwd)

build_plugin() {
  cmake -S "$example" -B "build_$2" -DTORCH_DIR="$1" -DCMAKE_BUILD_TYPE=Release >cmake.txt 2>&1 || fail "$(<cmake.txt)"
  cmake --build "build_$2" >build.txt 2>&1 || fail "$(<build.txt)"
}

build_plugin "$TORCH_DIR" here
"$PYTHON" - <<'PY'
from collections import OrderedDict
import torch
from torch import nn

torch.manual_seed(3)
network = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 8, 3, bias=False), norm=nn.BatchNorm2d(8),
                                    hidden=nn.Linear(8 * 13 * 13, 32), head=nn.Linear(32, 10)))
nn.init.uniform_(network.norm.running_var, 0.5, 2)
torch.save(network.state_dict(), "digits.pth")
PY
plugin=build_here/libdigits.so

# Its parameters have Python's names, its options reach the factory.
expect 0 "$GOLDSEAL" capture digits.pth --model "plugin:$plugin?hidden=32" --input image=random:4x1x28x28,seed=5 --runtime "libtorch=$TORCH_DIR"
says "passed keys 1, tensors 1, golden 2"
grep -q '^layers = 7$' digits.seal/manifest.toml || fail "the seal does not count the plugin's 7 layers"
expect 0 "$GOLDSEAL" verify digits.seal --trust-code --runtime "libtorch=$TORCH_DIR"
no_worker_left

expect 1 "$GOLDSEAL" verify digits.seal --model "plugin:$plugin?hidden=16" --runtime "libtorch=$TORCH_DIR"
says "hidden.weight"
expect 1 "$GOLDSEAL" verify digits.seal --model "plugin:$plugin?hidden=-1" --runtime "libtorch=$TORCH_DIR"
says "hidden: expected a positive number, found -1"
expect 1 "$GOLDSEAL" verify digits.seal --model "plugin:$plugin" --runtime "libtorch=$TORCH_DIR"
says "[32, 1352]"

# What is no plugin is said to be none.
expect 2 "$GOLDSEAL" capture digits.pth --model plugin:digits.pth --input image=random:4x1x28x28 --runtime "libtorch=$TORCH_DIR" -o other.seal
says "expected a shared library"
echo 'int nothing;' | cc -shared -fPIC -x c - -o libnothing.so
expect 2 "$GOLDSEAL" capture digits.pth --model plugin:libnothing.so --input image=random:4x1x28x28 --runtime "libtorch=$TORCH_DIR" -o other.seal
says "GOLDSEAL_PLUGIN(factory)"

if [[ -n ${OTHER_TORCH_DIR:-} ]]; then
  expect 2 "$GOLDSEAL" capture digits.pth --model "plugin:$plugin?hidden=32" --input image=random:4x1x28x28 --runtime "libtorch=$OTHER_TORCH_DIR" -o other.seal
  says "build it against the LibTorch that is to run it"
  build_plugin "$OTHER_TORCH_DIR" there
  expect 0 "$GOLDSEAL" verify digits.seal --model "plugin:build_there/libdigits.so?hidden=32" --runtime "libtorch=$OTHER_TORCH_DIR"
fi
no_worker_left
