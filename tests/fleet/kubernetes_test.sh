#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kubernetes_test.sh VENV: the manifests of examples/fleet against Kubernetes' own schemas, by kubernetes-validate, which
# brings them along. Leaves with 125 where the package cannot be had.
set -euo pipefail
venv=$1
package=kubernetes-validate==1.31.0
examples=$(cd "$(dirname "$0")/../../examples/fleet/kubernetes" && pwd)
skip() {
  echo "skipped: $1" >&2
  exit 125
}
if [[ ! -e $venv/ready || $(<"$venv/ready") != "$package" ]]; then
  python3 -m venv --clear "$venv" >/dev/null 2>&1 || skip "python3 cannot make a virtual environment"
  timeout 120 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$package" "setuptools<81" >"$venv/pip.log" 2>&1 ||
    skip "pip cannot install $package: $(tail -n 1 "$venv/pip.log")"
  printf '%s' "$package" >"$venv/ready"
fi
"$venv/bin/python" -W ignore - "$examples" <<'PY'
import pathlib
import sys

import kubernetes_validate
import yaml

failed = 0
checked = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml")):
    for document in yaml.safe_load_all(path.read_text()):
        checked += 1
        try:
            kubernetes_validate.validate(document, "1.31", strict=True)
        except Exception as error:  # of the package's own kinds
            failed += 1
            print(f"{path.name}: {error}")
# The checker has to find what is wrong, or it proves nothing.
broken = yaml.safe_load(next(pathlib.Path(sys.argv[1]).glob("indexed-job.yaml")).read_text())
broken["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] = "one"
broken["spec"]["completionModus"] = "Indexed"
try:
    kubernetes_validate.validate(broken, "1.31", strict=True)
    sys.exit("a manifest with a word that Kubernetes does not have passed")
except kubernetes_validate.ValidationError:
    pass
sys.exit(f"{failed} of {checked} manifests are not valid" if failed or checked < 3 else 0)
PY
