#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `pip install .` in a fresh environment gives a py3-none wheel whose command starts without Python, finds its worker, and whose
# package seals and verifies. PYTHON has scikit-build-core, ninja and torch.
#   wheel.sh SOURCE-DIR
set -euo pipefail

source=$1
"$PYTHON" -c 'import scikit_build_core, torch, pip' 2>/dev/null || {
  echo "skipped: no scikit-build-core, pip and torch in ${PYTHON:-no Python}"
  exit 125
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  printf 'not proved: %s\n' "$*" >&2
  exit 1
}

unset PYTHONPATH GOLDSEAL_COMMAND
PATH=$(dirname "$PYTHON"):$PATH "$PYTHON" -m pip wheel --no-build-isolation --no-deps --disable-pip-version-check -q -w "$work/wheels" "$source" \
  >"$work/log" 2>&1 || fail "the wheel was not built: $(tail -n 20 "$work/log")"
wheel=$(echo "$work"/wheels/goldseal-*-py3-none-linux_*.whl)
[[ -f $wheel ]] || fail "no py3-none wheel: $(ls "$work/wheels")"

"$PYTHON" -m venv "$work/venv"
packages=$("$PYTHON" -c 'import os, torch; print(os.path.dirname(os.path.dirname(torch.__file__)))')
"$work/venv/bin/python" -m pip install --no-deps --no-index --disable-pip-version-check -q "$wheel"
env -i "$work/venv/bin/goldseal" --version | grep -q '^goldseal ' || fail "the command does not start"
[[ $(head -c 4 "$work/venv/bin/goldseal") == $'\177ELF' ]] || fail "the command is a script and not the program"
[[ -f $work/venv/share/man/man1/goldseal-verify.1 ]] || fail "no manual page"

echo "$packages" >"$(echo "$work"/venv/lib/python3*/site-packages)/torch.pth"
cd "$work"
cp "$source/tests/python/networks.py" .
cat >seal.py <<'PY'
import goldseal, networks, torch
model = networks.Net()
goldseal.save(model.state_dict(), "net.pth", model=model, inputs=torch.rand(1, 3, 8, 8), on_error="raise")
report = goldseal.verify("net.seal")
print(report)
raise SystemExit(report.exit_code)
PY
venv/bin/python seal.py || fail "the installed package does not seal and verify"
"$work/venv/bin/goldseal" verify net.seal -q --trust-code --runtime "python=$work/venv/bin/python" || fail "the installed command does not verify"
