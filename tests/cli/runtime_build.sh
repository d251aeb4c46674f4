#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `runtime build` builds a worker from the sources beside the command, and a copy of the command that has no worker of its own finds it.
source "$(dirname "$0")/lib.sh"
need_torch
export XDG_CACHE_HOME=$work/cache
expect 2 "$GOLDSEAL" runtime build --torch "$work/nowhere"
says "nowhere"
expect 0 "$GOLDSEAL" runtime build --torch "${OTHER_TORCH_DIR:-$TORCH_DIR}"
mkdir alone
cp "$GOLDSEAL" alone/goldseal
expect 0 alone/goldseal runtime
says "$work/cache/goldseal/workers"
make_model
expect 0 alone/goldseal capture tiny.pth --model darknet:tiny.cfg --input image=random:1x3x32x32 --runtime "libtorch=${OTHER_TORCH_DIR:-$TORCH_DIR}"
