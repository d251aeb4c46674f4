#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# B38: a user without a name, or without a home that can be written to, judges and seals as any other.
source "$(dirname "$0")/lib.sh"
need_torch
seal_model
chmod -R a+rX . && chmod a+rwx .
without() { env -u HOME -u USER -u LOGNAME -u XDG_CACHE_HOME "$@"; }
expect 0 without "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$TORCH_DIR" --depth quick
expect 0 without "$GOLDSEAL" check tiny.seal
expect 0 without "$GOLDSEAL" config
HOME=/proc expect 0 "$GOLDSEAL" check tiny.seal
if [[ $(id -u) == 0 ]] && command -v setpriv >/dev/null; then
  expect 0 without setpriv --reuid 54321 --clear-groups "$GOLDSEAL" check tiny.seal
fi
no_worker_left
