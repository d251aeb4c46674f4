#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is no checkpoint is named for what it is, with the exit code that belongs to it.
source "$(dirname "$0")/lib.sh"
seal=$(dirname "$(realpath "$0")")/../../examples/ci_gate/models/detector.seal
# A checkpoint that does not exist is no damaged one, whichever verb is asked.
for arguments in "inspect none.pth" "diff none.pth none.pth" "convert none.pth -o out.pth" "check $seal --checkpoint none.pth"; do
  expect 2 "$GOLDSEAL" $arguments
  says "none.pth: "
  says "such file"
done
mkdir directory
expect 2 "$GOLDSEAL" inspect directory
says "directory"
: >empty.pth
expect 2 "$GOLDSEAL" inspect empty.pth
says "empty"
echo "hello, this is some text" >text.pth
code=0
"$GOLDSEAL" inspect text.pth >out.txt 2>err.txt || code=$?
[[ $code == 2 || $code == 4 ]] || fail "a text file was accepted"
out=$(<out.txt) err=$(<err.txt)
says "text"
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n' >pointer.pth
code=0
"$GOLDSEAL" inspect pointer.pth >out.txt 2>err.txt || code=$?
[[ $code != 0 ]] || fail "a pointer was accepted"
out=$(<out.txt) err=$(<err.txt)
says "git lfs pull"
printf 'a = [1\n' >broken.toml
expect 2 "$GOLDSEAL" check "$seal" --target broken.toml
says "broken.toml:1: not valid TOML"
printf 'a = 1\n' >other.toml
expect 2 "$GOLDSEAL" check "$seal" --target other.toml
says "expected an [environment] table"
says "goldseal probe -o FILE"
expect 2 "$GOLDSEAL" diff broken.toml broken.toml
says "broken.toml:1"
