#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pre-commit's hook goldseal-check: pre_commit.sh [OPTION... --] FILE...    judges each seal that a file lies in, once. The
# exit code is that of the gravest verdict.
set -euo pipefail

if ! command -v goldseal >/dev/null; then
  echo "goldseal is not on the path: install its wheel in the environment that runs pre-commit" >&2
  exit 2
fi
options=()
if [[ " $* " == *" -- "* ]]; then
  while [[ $1 != -- ]]; do options+=("$1") && shift; done
  shift
fi
declare -A seen=()
gravest=0
for file in "$@"; do
  seal=${file%%.seal/*}.seal
  [[ $file == *.seal/* && -z ${seen[$seal]:-} ]] || continue
  seen[$seal]=1
  [[ -d $seal ]] || continue # the commit takes it away
  code=0
  goldseal check "$seal" ${options[@]:+"${options[@]}"} || code=$?
  ((code <= gravest)) || gravest=$code
done
exit "$gravest"
