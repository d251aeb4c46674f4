#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `runtime build` builds a worker from the sources beside the command, and a copy of the command that has no worker of its own finds it. What was built is
# kept, a build that fails leaves its log and shows the compiler's error.
source "$(dirname "$0")/lib.sh"
need_torch
export XDG_CACHE_HOME=$work/cache
torch=${OTHER_TORCH_DIR:-$TORCH_DIR}
expect 2 "$GOLDSEAL" runtime build --torch "$work/nowhere"
says "nowhere"

# A LibTorch whose headers do not compile.
mkdir -p broken
cp -r "$TORCH_DIR/version.py" broken/ 2>/dev/null || true
mkdir -p broken/lib broken/include/torch/csrc/api/include/torch
cp -L "$TORCH_DIR"/lib/libc10.so broken/lib/
ln -s "$TORCH_DIR"/lib/libtorch_cpu.so broken/lib/
find "$TORCH_DIR/include" -name version.h -path '*torch/*' -printf '%P\n' | while read -r header; do
  mkdir -p "broken/include/$(dirname "$header")"
  cp "$TORCH_DIR/include/$header" "broken/include/$header"
done
expect 3 "$GOLDSEAL" runtime build --torch broken
says "the whole log: $work/cache/goldseal/worker-build.log"
says "No such file or directory"
says "fix it needs a C++20 compiler"
grep -q "No such file or directory" cache/goldseal/worker-build.log || fail "the log lacks the compiler's error"
[[ -z $(find cache/goldseal -name 'goldseal-worker-*') ]] || fail "a worker of a failed build was kept"

expect 0 "$GOLDSEAL" runtime build --torch "$torch"
says "worker $work/cache/goldseal/workers"
worker=$(find cache/goldseal/workers -name goldseal-worker-libtorch)
before=$(stat -c %Y.%i "$worker")
expect 0 "$GOLDSEAL" runtime build --torch "$torch"
says "in the cache already"
[[ $(stat -c %Y.%i "$worker") == "$before" ]] || fail "it was built again"
mkdir alone
cp "$GOLDSEAL" alone/goldseal
expect 0 alone/goldseal runtime
says "$work/cache/goldseal/workers"
says "devices cpu"
# What lies there and has no worker is listed with the command that builds one.
GOLDSEAL_TORCH_DIR=$torch XDG_CACHE_HOME=$work/nothing expect 0 alone/goldseal runtime
says "worker none: goldseal runtime build --torch $torch"
make_model
expect 0 alone/goldseal capture tiny.pth --model darknet:tiny.cfg --input image=random:1x3x32x32 --runtime "libtorch=$torch"
