#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --device: what is asked for and not there is said before anything is loaded; of several GPUs the odd one is named. There is no GPU here: a worker
# that claims two (tests/fakes/gpu_worker.py) stands for them, and the real one for a machine without.
source "$(dirname "$0")/lib.sh"
need_torch
fakes=$(dirname "$(realpath "$0")")/../fakes
make_model
runtime=(--runtime "libtorch=$TORCH_DIR")
capture() { "$GOLDSEAL" capture tiny.pth --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=7 "${runtime[@]}" --force "$@"; }
verify() { "$GOLDSEAL" verify tiny.seal "${runtime[@]}" "$@"; }

# Without a GPU.
expect 2 capture --device gpu
says "expected cpu, cuda, cuda:N or all, found gpu"
expect 2 capture --device all
says "seal on one"
expect 1 capture --device cuda
says "error[worker.device]: --device cuda is not there"
says "--device cpu"
[[ ! -e tiny.seal ]] || fail "a seal was written"
expect 0 capture --device cpu
says "device cpu"
expect 0 verify
says "device cpu"
expect 0 verify --device cpu
expect 1 verify --device cuda:1
says "error[worker.device]: --device cuda:1 is not there"
expect 2 verify --device all --save-results results
says "one GPU at a time"

# A worker that claims two.
real=$("$GOLDSEAL" runtime --format json | "$PYTHON" -c '
import json, os, sys
torch = os.path.realpath(sys.argv[1])
print(next(r["worker"] for r in json.load(sys.stdin)["runtimes"] if os.path.realpath(r["installation"] or "/nowhere") == torch))' "$TORCH_DIR")
fake=$work/workers/$(basename "$(dirname "$real")")
mkdir -p "$fake"
cp "$(dirname "$real")/installation" "$fake/"
{ printf '#!%s\n' "$("$PYTHON" -c 'import sys; print(sys.executable)')"; cat "$fakes/gpu_worker.py"; } >"$fake/goldseal-worker-libtorch"
chmod +x "$fake/goldseal-worker-libtorch"
export GOLDSEAL_WORKERS=$work/workers FAKE_GPU_WORKER=$real FAKE_GPUS=2

expect 0 verify
says "device cpu"
expect 0 verify --device all
says "device cuda:0, cuda:1"
expect 1 verify --device cuda:2
says "found cpu, cuda:0, cuda:1"
FAKE_GPU_WRONG=cuda:1 expect 0 verify --device cuda
FAKE_GPU_WRONG=cuda:1 expect 1 verify --device cuda:1
FAKE_GPU_WRONG=cuda:1 expect 1 verify --device all
says "error[golden.devices]: 1 of 2 GPUs"
says "cuda:1"
says "on cuda:1 differs from the seal"
FAKE_GPU_FAILS="cuda:1 CUDA error: uncorrectable ECC error encountered" expect 1 verify --device all
says "error[worker.device]: the GPU found a memory error that it cannot correct (on cuda:1)"
says "error[golden.devices]: 1 of 2 GPUs"
FAKE_GPU_FAILS="cuda:0 CUDA error: no kernel image is available for execution on the device" expect 1 verify --device cuda
says "this PyTorch holds no code for this GPU's architecture"
FAKE_GPU_FREE=100 FAKE_GPU_LOG=$work/log expect 1 verify --device cuda --no-sandbox
says "the weights do not fit into the free memory of cuda:0; nothing was loaded"
grep -q '^hello' log || fail "no request was logged"
! grep -qE '^(build|load|run)' log || fail "the network was built: $(<log)"
FAKE_GPU_FREE=100000000 expect 0 verify --device cuda

# Sealed on a GPU: verified on that kind where there is one, and on the CPU, with a warning, where there is none.
expect 1 env FAKE_GPU_FAILS="cuda:1 The NVIDIA driver on your system is too old (found version 11040)." "$GOLDSEAL" capture tiny.pth --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=7 "${runtime[@]}" --device cuda:1 -o other.seal
says "the NVIDIA driver is older than this PyTorch's CUDA"
[[ ! -e other.seal ]] || fail "a seal was written"
FAKE_GPU_LOG=$work/log2 expect 0 capture --device cuda:1 --no-sandbox
says "device cuda:1"
! grep -E '^(run|gradients)' log2 | grep -vq 'cuda:1$' || fail "a run was made elsewhere: $(<log2)"
grep -q '^gradients cuda:1$' log2 || fail "the gradients were computed elsewhere"
grep -q '^device = "cuda:1"$' tiny.seal/manifest.toml || fail "the golden case does not say its device"
"$GOLDSEAL" verify tiny.seal "${runtime[@]}" --policy portable >out.txt 2>err.txt || true
out=$(<out.txt) err=$(<err.txt)
says "device cuda:1"
FAKE_GPUS=1 "$GOLDSEAL" verify tiny.seal "${runtime[@]}" >out.txt 2>err.txt || true
out=$(<out.txt) err=$(<err.txt)
says "device cuda:0"
FAKE_GPUS=0 "$GOLDSEAL" verify tiny.seal "${runtime[@]}" >out.txt 2>err.txt || true
out=$(<out.txt) err=$(<err.txt)
says "warning[worker.device]: the model was sealed on cuda:1 and runs on the CPU here"
no_worker_left
