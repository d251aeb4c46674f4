#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up what is missing, builds, and runs every test.
#   bash tests/run.sh [--preset dev|asan|release] [CTEST-OPTION...]      for example: bash tests/run.sh -R unit
set -euo pipefail

preset=release
if [[ ${1:-} == --preset ]]; then
  preset=${2:?--preset takes dev, asan or release}
  shift 2
fi

# shellcheck source=../scripts/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../scripts/setup.sh"
goldseal_set_up "$preset"

exec ctest --preset "$preset" --no-tests=error --parallel "$(nproc)" --timeout 900 "$@"
