#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A slip on the command line ends with exit code 2 and the word that was meant.
source "$(dirname "$0")/lib.sh"
expect 2 "$GOLDSEAL"
expect 2 "$GOLDSEAL" verfy x.seal
says "there is no verb verfy"
says "did you mean \`goldseal verify\`?"
expect 2 "$GOLDSEAL" verify
says "SEAL"
expect 2 "$GOLDSEAL" verify x.seal --policy stric
says "did you mean strict?"
expect 2 "$GOLDSEAL" check x.seal --format jsno
says "did you mean json?"
expect 2 "$GOLDSEAL" check x.seal --polciy strict
says "check takes no --polciy"
says "did you mean --policy?"
expect 2 "$GOLDSEAL" check x.seal --tagret=a.toml
says "did you mean --target?"
expect 2 "$GOLDSEAL" verify x.seal --timeout 0
says "expected a whole number of at least 1, found 0"
expect 2 "$GOLDSEAL" check x.seal
says "expected a seal"
expect 2 env LC_ALL=C.UTF-8 "$GOLDSEAL" capture x.pth --model darkent:x.cfg --input image=random:1x3x8x8
says "did you mean darknet:…?"
expect 2 env LC_ALL=C "$GOLDSEAL" capture x.pth --model darkent:x.cfg --input image=random:1x3x8x8
says "did you mean darknet:...?"
expect 2 "$GOLDSEAL" capture x.pth --model darknet:x.cfg --input image=random:1xx8
expect 2 "$GOLDSEAL" verify x.seal --runtime libtorch=/nowhere
says "/nowhere"
expect 2 "$GOLDSEAL" explain golden.shadw
says "did you mean golden.shadow?"
expect 0 "$GOLDSEAL" --version
expect 0 "$GOLDSEAL" --help
expect 0 "$GOLDSEAL" verify --help
says "--runtime"
expect 0 "$GOLDSEAL" explain golden.shadow
# Where the locale has no UTF-8, what people read is ASCII.
for verb in "" capture verify check probe inspect diff convert explain report config runtime; do
  # shellcheck disable=SC2086
  expect 0 env LC_ALL=C "$GOLDSEAL" $verb --help
  ! LC_ALL=C grep -q '[^ -~]' out.txt || fail "goldseal $verb --help is not ASCII: $(LC_ALL=C grep '[^ -~]' out.txt)"
done
