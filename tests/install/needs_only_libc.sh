#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The command is one file: it needs libc and its loader, and certainly no libtorch.
#   needs_only_libc.sh GOLDSEAL
set -euo pipefail
needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
[[ -n $needed ]] || { echo "not proved: readelf shows nothing" >&2; exit 1; }
for library in $needed; do
  case $library in
    libc.so.6 | libm.so.6 | libdl.so.2 | libpthread.so.0 | librt.so.1 | ld-linux*.so.*) ;;
    *) echo "not proved: $1 needs $library" >&2; exit 1 ;;
  esac
done
