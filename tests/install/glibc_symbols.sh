#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A program starts wherever glibc has a version: no symbol above it, and no library but glibc's own.
#   glibc_symbols.sh FILE VERSION     prints the highest version that is needed; exit code 1 and the symbols where it is above
set -euo pipefail

file=$1 allowed=$2
k_glibc='^(libc\.so\.6|libm\.so\.6|libdl\.so\.2|libpthread\.so\.0|librt\.so\.1|ld-linux-(x86-64|aarch64)\.so\.[12])$'

# readelf reads every processor's files, objdump its own alone.
symbols=$(readelf --wide --dyn-syms "$file" | grep -oE '[^ ]+@@?GLIBC_[0-9.]+' | sort -u)
[[ -n $symbols ]] || { echo "not proved: $file names no symbol of glibc" >&2 && exit 1; }
highest=$(sed 's/.*GLIBC_//' <<<"$symbols" | sort -uV | tail -n 1)
if [[ $(printf '%s\n%s\n' "$highest" "$allowed" | sort -V | tail -n 1) != "$allowed" ]]; then
  printf 'not proved: %s needs glibc %s, above %s:\n' "$file" "$highest" "$allowed" >&2
  while read -r symbol; do
    [[ $(printf '%s\n%s\n' "${symbol##*GLIBC_}" "$allowed" | sort -V | tail -n 1) == "$allowed" ]] || echo "  $symbol" >&2
  done <<<"$symbols"
  exit 1
fi
# A variable of glibc that has a second name (environ) and was copied into the program is not the one that glibc goes on
# with; the streams have one name, and static C libraries copy them.
copied=$(readelf --wide --relocs "$file" | grep -E '_(X86_64|AARCH64)_COPY' | grep -vE ' std(in|out|err)@' || true)
[[ -z $copied ]] || { printf 'not proved: %s has copies of variables:\n%s\n' "$file" "$copied" >&2 && exit 1; }
others=$(readelf --wide --dynamic "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE "$k_glibc" || true)
[[ -z $others ]] || { printf 'not proved: %s needs libraries that are not of glibc: %s\n' "$file" "${others//$'\n'/ }" >&2 && exit 1; }
printf '%s needs glibc %s\n' "${file##*/}" "$highest"
