#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# JSON on standard output whatever the verdict; a saved report renders again; quiet is quiet; a closed pipe is no error.
source "$(dirname "$0")/lib.sh"
need_torch
seal_model
expect 0 "$GOLDSEAL" check tiny.seal --format json
"$PYTHON" -c 'import json; assert json.load(open("out.txt"))["findings"]'
expect 4 "$GOLDSEAL" check tiny.seal --checkpoint flipped.pth --format json --report json=run.json --report oneline=run.txt
"$PYTHON" -c 'import json; assert json.load(open("out.txt")) == json.load(open("run.json"))'
[[ $(wc -l <run.txt) == 1 && $(wc -L <run.txt) -le 80 ]] || fail "oneline is not one line of 80"
expect 4 "$GOLDSEAL" report run.json
says "error[tensors.file]"
expect 4 "$GOLDSEAL" check tiny.seal --checkpoint flipped.pth --quiet
[[ -z $out ]] || fail "quiet printed: $out"
"$GOLDSEAL" inspect tiny.pth --format json >inspect.json
"$PYTHON" -c 'import json; assert len(json.load(open("inspect.json"))["tensors"]) == 14'
set +o pipefail
"$GOLDSEAL" inspect tiny.pth | head -n 1 >/dev/null
[[ ${PIPESTATUS[0]} == 0 ]] || fail "a closed pipe was an error"
"$GOLDSEAL" probe -o here.toml
# What a log holds already stays, and what comes after follows.
echo before >log.txt
{
  "$GOLDSEAL" probe -o /dev/stdout
  echo after
} >>log.txt
[[ $(head -n 1 log.txt) == before && $(tail -n 1 log.txt) == after && $(wc -l <log.txt) -gt 10 ]] ||
  fail "/dev/stdout did not lead into the log: $(head -n 3 log.txt)"
expect 0 "$GOLDSEAL" check tiny.seal --target here.toml
