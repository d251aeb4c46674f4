#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A DataParallel checkpoint that is sealed conforms, here and on another LibTorch, whose differences are listed.
source "$(dirname "$0")/lib.sh"
need_torch
seal_model
says "wrapper module"
expect 0 "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$TORCH_DIR"
says "PASS"
expect 0 "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$TORCH_DIR" --depth quick
expect 0 "$GOLDSEAL" check tiny.seal
says "next: goldseal verify tiny.seal"
if [[ -n ${OTHER_TORCH_DIR:-} ]]; then
  expect 0 "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$OTHER_TORCH_DIR"
  says "env.torch.version"
fi
no_worker_left
