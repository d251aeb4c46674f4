#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The command is one file: it needs libc and its loader, and certainly no libtorch.
source "$(dirname "$0")/lib.sh"
needed=$(readelf -d "$GOLDSEAL" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
[[ -n $needed ]] || fail "readelf shows nothing"
for library in $needed; do
  case $library in
    libc.so.6 | libm.so.6 | libdl.so.2 | libpthread.so.0 | librt.so.1 | ld-linux*.so.*) ;;
    *) fail "needs $library" ;;
  esac
done
