#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# examples/cpp_hook against an installed goldseal: find_package(goldseal COMPONENTS hook) gives goldseal::hook, the network is
# sealed while it trains and trains on with the same bits, a second program loads it, and a changed epsilon is found.
#   cpp_hook.sh BUILD-DIR SOURCE-DIR TORCH-DIR [GENERATOR [compiles]]; PYTHON, if given, reads the checkpoint with safetensors
# `compiles` compiles the hook and the example alone: what they rest on is the worker's, which is compiled and tested for every LibTorch.
set -euo pipefail

build=$1 source=$2 torch=$3 generator=${4:-Ninja}
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log" || fail "cmake --install: $(tail -n 5 "$work/install.log")"
cp -r -- "$source/examples/cpp_hook" "$work/example"
if cmake -S "$work/example" -B "$work/none" -G "$generator" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/configure.log" 2>&1; then
  fail "a project without a LibTorch is configured"
fi
grep -q 'set GOLDSEAL_TORCH_DIR' "$work/configure.log" || fail "what is missing is not said: $(<"$work/configure.log")"
cmake -S "$work/example" -B "$work/build" -G "$generator" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DGOLDSEAL_TORCH_DIR="$torch" >"$work/configure.log" 2>&1 || fail "find_package: $(tail -n 15 "$work/configure.log")"
own=()
if [[ ${5:-} == compiles ]]; then
  mapfile -t own < <(cd "$work/build" && ninja -t targets all | sed -n 's/: CXX_COMPILER_.*//p' | grep -E '/hook/[a-z_]+\.cpp\.o$|/(train|serve)\.cpp\.o$')
  ((${#own[@]} == 5)) || fail "expected the five files of the hook and the example, found: ${own[*]}"
fi
cmake --build "$work/build" ${own[@]:+--target "${own[@]}"} >"$work/build.log" 2>&1 || fail "the example does not build: $(grep -m5 error "$work/build.log")"
if ((${#own[@]} > 0)); then
  printf 'compiled with %s\n' "$torch"
  exit 0
fi

cd "$work"
printf '#!/bin/sh\nexec "%s" "$@" --report "json=%s/$1.json"\n' "$work/prefix/bin/goldseal" "$work" >goldseal
chmod +x goldseal
sealed=$(GOLDSEAL_COMMAND=$work/goldseal build/train net.safetensors 2>err.txt) || fail "train: $sealed $(<err.txt)"
[[ -f net.seal/manifest.toml ]] || fail "no seal beside the checkpoint"
grep -q 'exercise every one of [0-9]* floating tensors' capture.json || fail "what the golden inputs leave out was not measured: $(<capture.json)"
grep -q 'program:DigitsImpl\|"DigitsImpl"' net.seal/manifest.toml || fail "the seal does not name the network: $(grep -A5 model net.seal/manifest.toml)"
unsealed=$(GOLDSEAL_COMMAND=/bin/false build/train other.safetensors 2>err.txt) && fail "train says that all is well though nothing was sealed"
grep -q 'was saved and not sealed' err.txt || fail "a failure to seal is not told: $(<err.txt)"
[[ $sealed == *"step 3"* && $sealed == "$unsealed" ]] || fail "sealing changes the training: $sealed instead of $unsealed"
cmp net.safetensors other.safetensors || fail "sealing changes the weights"

answers=$(build/serve net.seal) || fail "serve: $answers"
[[ $answers == *PASS* && $answers == *answers* ]] || fail "$answers"
code=0
answers=$(build/serve net.seal 0.01) || code=$?
[[ $code == 1 && $answers == *golden.float64* && $answers == *'norm (batch_norm)'* ]] || fail "a changed epsilon ends with $code: $answers"

# A program signs what it seals, and another takes the seals of that key alone.
if command -v openssl >/dev/null; then
  for key in k other; do
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $key.pem 2>/dev/null
    openssl pkey -in $key.pem -pubout -out $key.pub
  done
  GOLDSEAL_COMMAND=$work/prefix/bin/goldseal build/train signed.safetensors k.pem 2>err.txt || fail "train with a key: $(<err.txt)"
  [[ -f signed.seal/model.sig ]] || fail "the seal is not signed"
  build/serve signed.seal 1e-5 k.pub >out.txt || fail "serve with its key: $(<out.txt)"
  code=0
  build/serve signed.seal 1e-5 other.pub >out.txt || code=$?
  [[ $code == 4 ]] && grep -q seal.signature out.txt || fail "a stranger's key ends with $code: $(<out.txt)"
  ! GOLDSEAL_COMMAND=$work/prefix/bin/goldseal build/train unsigned.safetensors err.txt 2>err2.txt || fail "a key that is none is not told"
fi

# Without the program nothing can be run, and that is said.
code=0
"$work/prefix/bin/goldseal" verify net.seal --runtime "libtorch=$torch" >out.txt 2>&1 || code=$?
[[ $code == 3 ]] && grep -q "goldseal::verify" out.txt && ! grep -q -- "--trust-code" out.txt || fail "$code $(<out.txt)"

if [[ -n ${PYTHON:-} ]] && "$PYTHON" -c 'import safetensors.torch' 2>/dev/null; then
  "$PYTHON" - <<'PY' || fail "Python does not read the checkpoint"
from safetensors.torch import load_file
state = load_file("net.safetensors")
assert state["conv.weight"].shape == (8, 1, 3, 3) and state["norm.num_batches_tracked"] == 3, state.keys()
PY
fi
printf 'trained, sealed, verified and loaded with %s\n' "$torch"
