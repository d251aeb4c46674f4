#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Review A3: only what a run started is ended. Kinds: a child that the shell left to goldseal, one that it left in a session
# of its own. Either belongs to goldseal once the shell has become it.
source "$(dirname "$0")/lib.sh"
need_torch
seal_model

alive() { kill -0 "$1" 2>/dev/null && [[ $(<"/proc/$1/stat") != *") Z "* ]]; }

bash -c 'sleep 300 & echo $! >agent; (setsid sleep 301 & echo $! >grandchild); exec "$@"' _ \
  "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$TORCH_DIR" >out.txt 2>&1 || fail "$(<out.txt)"
for name in agent grandchild; do
  alive "$(<$name)" || fail "the $name was killed"
  kill "$(<$name)"
done
