#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up what is missing, builds, and runs every test. Where CI=true, a test that is skipped is a failure.
#   bash tests/run.sh [--preset dev|asan|release] [CTEST-OPTION...]      for example: bash tests/run.sh -R unit
set -euo pipefail

preset=release
if [[ ${1:-} == --preset ]]; then
  preset=${2:?--preset takes dev, asan or release}
  shift 2
fi

# shellcheck source=../scripts/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../scripts/setup.sh"
goldseal_set_up_tests "$preset"

# With CI=true a test that was skipped is one that proved nothing: only those of tests/may_be_skipped.txt may be.
results=$GOLDSEAL_BUILD/tests.xml
status=0
ctest --preset "$preset" --no-tests=error --parallel "$(nproc)" --timeout 900 --output-junit "$results" "$@" || status=$?
if [[ ${CI:-} == true ]]; then
  "$GOLDSEAL_PYTHON" -B "$GOLDSEAL_ROOT/tests/skipped.py" "$results" "$GOLDSEAL_ROOT/tests/may_be_skipped.txt" || status=1
fi
exit "$status"
