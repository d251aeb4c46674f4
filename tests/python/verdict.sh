#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same model has the same verdict through Python, through TorchScript in LibTorch and TorchScript in Python, and in
# another PyTorch; a fault is found through each.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1

fail() {
  printf 'not proved: %s\n' "$*" >&2
  exit 1
}

# judged CODE ARGUMENT...: `goldseal ARGUMENT... --format json` ends with that code; the report is in $report.
judged() {
  local wanted=$1 code=0
  shift
  report=$("$GOLDSEAL" "$@" --format json 2>err.txt) || code=$?
  [[ $code == "$wanted" ]] || fail "exit code $code instead of $wanted: $* $report $(<err.txt)"
}

# The findings that rest on the model, as "id status" lines.
of_the_model() {
  "$PYTHON" -c 'import json, sys
for finding in json.load(sys.stdin)["findings"]:
    if finding["id"].split(".")[0] in ("tensors", "keys", "golden", "worker"): print(finding["id"], finding["status"])' <<<"$report"
}

"$PYTHON" - <<'PY'
import networks, torch

torch.manual_seed(3)
model = networks.Net()
model(torch.rand(8, 3, 16, 16))
torch.save(torch.nn.DataParallel(model).state_dict(), "net.pth")
torch.jit.trace(model.eval(), torch.rand(1, 3, 16, 16), strict=False).save("net.pt")
other = networks.Net(eps=1e-3)
other.load_state_dict(model.state_dict())
torch.jit.trace(other.eval(), torch.rand(1, 3, 16, 16), strict=False).save("eps.pt")
state = model.state_dict()
state["conv.weight"].view(torch.int32).view(-1)[0] ^= 1 << 8
torch.save(state, "flipped.pth")
PY

python=(--runtime "python=$PYTHON")
judged 0 capture net.pth --model python:networks:Net "${python[@]}" --input random:1x3x16x16,seed=1 -o python.seal
judged 0 capture net.pth --model torchscript:net.pt --input random:1x3x16x16,seed=1 -o script.seal

judged 0 verify python.seal --trust-code "${python[@]}"
verdict=$(of_the_model)
[[ $verdict == *"golden.float64 pass"* && $verdict == *"golden.repeat pass"* ]] || fail "$verdict"
for arguments in "--model torchscript:net.pt --runtime libtorch" "--model torchscript:net.pt ${python[*]}"; do
  # shellcheck disable=SC2086
  judged 0 verify python.seal $arguments
  [[ $(of_the_model) == "$verdict" ]] || fail "through $arguments: $(of_the_model)"
done
judged 0 verify script.seal --model python:networks:Net "${python[@]}"
[[ $(of_the_model) == "$verdict" ]] || fail "sealed through TorchScript: $(of_the_model)"

if [[ -n ${OTHER_PYTHON:-} ]]; then
  judged 0 verify python.seal --trust-code --runtime "python=$OTHER_PYTHON"
  [[ $(of_the_model) == "$verdict" ]] || fail "in another PyTorch: $(of_the_model)"
fi

# The environment that is active has no PyTorch, or no Python at all: another Python judges, and the report says so.
mkdir -p bare/bin
printf '#!/bin/sh\necho nothing\n' >bare/bin/python
chmod +x bare/bin/python
torch_home=$(cd -- "$(dirname -- "$PYTHON")/.." && pwd -P)
for active in bare nothing; do
  for name in VIRTUAL_ENV CONDA_PREFIX; do
    report=$(env -u GOLDSEAL_PYTHON -u VIRTUAL_ENV -u CONDA_PREFIX "$name=$work/$active" PATH="$(dirname -- "$PYTHON"):$PATH" \
      "$GOLDSEAL" verify python.seal --trust-code --runtime python --depth quick) || fail "$name=$active: $report"
    [[ $report == *"passed over"*"$active: no Python in it has torch"* ]] || fail "$name=$active is not told: $report"
  done
done
report=$(env -u GOLDSEAL_PYTHON -u CONDA_PREFIX VIRTUAL_ENV="$torch_home" "$GOLDSEAL" verify python.seal --trust-code --runtime python \
  --depth quick) || fail "the active environment: $report"
[[ $report != *"passed over"* ]] || fail "the active environment judges: $report"

# A network with another eps takes the weights and is found out, by name, by its answers and by its first layer that differs,
# whichever worker sealed and whichever verifies.
located='the first layer that differs is norm (batch_norm)'
judged 1 verify python.seal --model 'python:networks:Net?eps=0.001' "${python[@]}"
[[ $report == *'"model.configuration"'* && $(of_the_model) == *"golden.float64 fail"* && $report == *$located* ]] || fail "$report"
judged 1 verify python.seal --model torchscript:eps.pt --runtime libtorch
[[ $report == *$located* ]] || fail "through LibTorch: $report"
judged 1 verify script.seal --model 'python:networks:Net?eps=0.001' "${python[@]}"
[[ $report == *$located* ]] || fail "sealed through TorchScript: $report"
# A changed weight is found.
judged 4 verify python.seal --trust-code --checkpoint flipped.pth "${python[@]}"
[[ $(of_the_model) == *"tensors.file fail"* ]] || fail "$report"
# A factory that raises fails the check, with the traceback.
judged 1 verify python.seal --model python:networks:raises "${python[@]}"
[[ $report == *"no such width"* && $report == *"worker.run"* ]] || fail "$report"

"$GOLDSEAL" runtime | grep -q "^python .*$(dirname "$PYTHON")" ||
  PATH=$(dirname "$PYTHON"):$PATH "$GOLDSEAL" runtime | grep -q '^python ' || fail "no Python is listed"
