#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A seal at depth quick holds no float64 answers. The seal and every verdict say what that leaves unseen, and what is judged is
# judged: changed weights by their digests, another epsilon or precision by the native answers.
source "$(dirname "$0")/lib.sh"
need_torch
make_model
run=(--runtime "libtorch=$TORCH_DIR")
expect 0 "$GOLDSEAL" capture tiny.pth --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=7 "${run[@]}" --depth quick
says "sealed at depth quick, without float64 runs: 1 % of faults pass unseen"
grep -q '^depth = "quick"$' tiny.seal/manifest.toml || fail "the manifest does not say its depth"
expect 0 "$GOLDSEAL" verify tiny.seal "${run[@]}" --verbose
says "sealed at depth quick, without float64 answers"
says "1 % of faults"
expect 0 "$GOLDSEAL" check tiny.seal

# The same network with another epsilon: of such faults most are found without float64.
sed 's/^\[net\]/[net]\nbatch_normalize_eps=0.1/' tiny.cfg >other.cfg
expect 1 "$GOLDSEAL" verify tiny.seal --model darknet:other.cfg "${run[@]}"
says "golden.native"
expect 2 "$GOLDSEAL" capture tiny.pth --model darknet:tiny.cfg --input image=random:1x3x32x32,seed=7 --depth half
says "quick, full; found half"
