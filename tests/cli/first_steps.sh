#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bare command says what to do first, and what can be done with what lies here (issue 24, item 5). It is no error.
sample=$(dirname "$(realpath "$0")")/../../manifests/samples/format-1.seal
source "$(dirname "$0")/lib.sh"
expect 0 "$GOLDSEAL"
[[ -z $err ]] || fail "it complains: $err"
says "goldseal doctor"
says "goldseal capture net.pth"
says "goldseal verify net.seal"
says "goldseal.save("
[[ $out != *"In this directory"* ]] || fail "an empty directory holds nothing: $out"
# What it names can be typed: each verb exists.
grep -oE '^  goldseal [a-z]+' out.txt | while read -r _ verb; do
  expect 0 "$GOLDSEAL" "$verb" --help
done

# Seals, checkpoints without one, names that a shell would take apart; files that are neither are left out.
cp -r "$sample" ready.seal
mkdir empty.seal
touch ready.pth "two words.pth" -- -dash.pt notes.txt weights.safetensors
mkdir directory.pth
expect 0 "$GOLDSEAL"
says "goldseal verify ready.seal a seal"
says "goldseal inspect 'two words.pth' a checkpoint without a seal"
says "goldseal inspect ./'-dash.pt'"
says "goldseal inspect weights.safetensors"
for left_out in "inspect ready.pth" "empty.seal" notes.txt directory.pth; do
  [[ $out != *"$left_out"* ]] || fail "$left_out is listed: $out"
done
printf 'x' >$'bell\a.pth'
rm -- *words.pth ./-dash.pt
expect 0 "$GOLDSEAL"
! LC_ALL=C grep -q $'\a' out.txt || fail "a control character reached the terminal"
expect 0 env LC_ALL=C "$GOLDSEAL"
! LC_ALL=C grep -q '[^ -~]' out.txt || fail "not ASCII"
# A directory that cannot be read, and one that is gone.
mkdir gone && cd gone && rmdir ../gone
code=0; "$GOLDSEAL" >"$work/out.txt" || code=$?
[[ $code == 0 ]] || fail "exit code $code in a directory that is gone"
