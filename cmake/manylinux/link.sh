#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Links what GCC compiled for a glibc from 2.28 on, whatever glibc is here: CMake calls this with the command by which it
# would link, and zig links in the compiler's place, since it has the symbols of every glibc at their versions. The C++
# library stays the compiler's own, in static form. ZIG is the program; `zig` where it is unset.
set -eu

compiler=$1
shift
for word in "$@"; do
  shift
  case $word in
    -static-libstdc++ | -static-libgcc | -fuse-ld=* | -Wl,--dependency-file=*) ;;
    *) set -- "$@" "$word" ;;
  esac
done
library() { "$compiler" "-print-file-name=$1"; }
exec "${ZIG:-zig}" cc -target "$(uname -m)-linux-gnu.2.28" -s -pie "$@" \
  "$(library libstdc++.a)" "$(library libgcc_eh.a)" "$(library libgcc.a)" -ldl -lpthread -lm
