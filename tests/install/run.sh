#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs a build, moves the tree elsewhere, and proves that it works there: the command finds what belongs to it, no file
# names the build or the source tree, and another project finds and links the library.
#   run.sh BUILD-DIR SOURCE-DIR [CMAKE-GENERATOR]
set -euo pipefail

build=$1 source=$2 generator=${3:-Ninja}
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

cmake --install "$build" --prefix "$work/first" >"$work/install.log" || fail "cmake --install: $(tail -n 5 "$work/install.log")"
mv -- "$work/first" "$work/prefix"
prefix=$work/prefix

for file in bin/goldseal share/goldseal/worker_libtorch/CMakeLists.txt share/goldseal/worker_libtorch/PROTOCOL.md \
  share/goldseal/policies/deploy.toml include/goldseal/base/messages/error.hpp include/checks/check.hpp; do
  [[ -e $prefix/$file ]] || fail "$file is not installed"
done

# What was made for this machine alone, the place of the LibTorch that a worker was built for, lies in files of its own.
if grep -rlF --exclude=installation -e "$work/first" -e "$build" -e "$source" -- "$prefix"; then
  fail "these installed files name a tree that the target machine does not have"
fi

[[ $("$prefix/bin/goldseal" --version) == *goldseal* ]] || fail "the installed command does not start"
built=$(find "$build/workers" -name goldseal-worker-libtorch 2>/dev/null | wc -l)
listed=$("$prefix/bin/goldseal" runtime | grep -cF "$prefix/libexec/goldseal/workers/" || true)
[[ $built == "$listed" ]] || fail "$built workers were built, and the installed command lists $listed of its own"

# A safetensors file is eight bytes of length, a JSON header and the data.
header='{"answer":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
printf '%b' "$(printf '\\x%02x' "${#header}")" '\0\0\0\0\0\0\0' >"$work/one.safetensors"
printf '%s\0\0\0\0' "$header" >>"$work/one.safetensors"
cp -r -- "$source/tests/install/consumer" "$work/consumer"
cmake -S "$work/consumer" -B "$work/consumer-build" -G "$generator" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_PREFIX_PATH="$prefix" \
  >"$work/configure.log" 2>&1 || fail "find_package(goldseal): $(tail -n 15 "$work/configure.log")"
cmake --build "$work/consumer-build" >"$work/build.log" 2>&1 || fail "the consumer does not build: $(tail -n 15 "$work/build.log")"
[[ $("$work/consumer-build/consumer" "$work/one.safetensors") == $'answer\npolicy deploy' ]] ||
  fail "the consumer does not read a checkpoint"
printf 'installed, moved, run, found and linked\n'
