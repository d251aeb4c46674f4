#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The README's picture: a network is sealed, the eps of its BatchNorm is edited, and `verify` says so. Needs GOLDSEAL (the
# command) and PYTHON (with torch); writes the picture to standard output.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$root/tests/docs/networks.py" .
export PYTHONPATH=$root/src/python GOLDSEAL_COMMAND=$GOLDSEAL LC_ALL=C.UTF-8
unset NO_COLOR
"$PYTHON" - <<'PY'
import goldseal
import torch
from networks import Net

torch.manual_seed(1)
model = Net()
goldseal.save(model.state_dict(), "net.pth", model=model, inputs={"image": torch.rand(2, 3, 32, 32)}, embed=False, on_error="raise")
PY
sed -i 's/eps=1e-5/eps=1e-3/' networks.py
name=$(uname -n)
{ "$GOLDSEAL" verify net.seal --trust-code --runtime "python=$PYTHON" --color always || [[ $? == 1 ]]; } |
  sed -e "s| on $name:| on gpu-node-7:|" -e "s|$PYTHON|/venv/bin/python|g" -e "s|$work/||g" |
  # Numbers, layers and what passed follow; the cause and what to do about it are the picture.
  # All of it is read, or the command would be ended by a closed pipe.
  awk '/measured/ && !cut { print "\033[2m  …\033[0m"; cut = 1 } !cut { print }' |
  python3 "$root/scripts/report_picture.py" 'goldseal verify net.seal --trust-code'
