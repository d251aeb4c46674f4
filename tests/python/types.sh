#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The package's types: `types.sh SOURCE CACHE`, with PYTHON. Exit code 125, which counts as skipped, where it has no mypy.
set -euo pipefail
"$PYTHON" -c 'import mypy, torch' 2>/dev/null || { echo "skipped: $PYTHON has no mypy, or no torch"; exit 125; }
cd "$1"
exec "$PYTHON" -m mypy --config-file pyproject.toml --cache-dir "$2"
