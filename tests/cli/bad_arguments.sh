#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A slip on the command line ends with exit code 2 and the word that was meant.
sample=$(dirname "$(realpath "$0")")/../../manifests/samples/format-1.seal
source "$(dirname "$0")/lib.sh"
expect 0 "$GOLDSEAL"
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
# Whatever takes one of a few words says which, in the same way.
word() {
  expect 2 "$GOLDSEAL" "${@:3}"
  says "expected one of $1"
  [[ -z $2 ]] || says "did you mean $2?"
  ! grep -qE 'not in \{|Could not convert|Try --help' err.txt || fail "the words of the parser reached the user: $err"
}
word "auto, always, never; found alwyas" always check x.seal --color alwyas
word "auto, always, never; found sometimes" "" check x.seal --color=sometimes
word "quick, full; found qick" quick verify x.seal --depth qick
word "on, off; found onn" on verify x.seal --set onednn=onn
word "onednn, channels_last, tf32; found onedn" onednn verify x.seal --set onedn=on
word "float64, float32, float16, bfloat16; found float23" float32 convert x.pth -o y.pth --dtype float23
word "text, json; found jsno" json probe --format jsno
word "bash, zsh, fish; found bahs" bash completion bahs
word "text, oneline" junit check x.seal --report junt=gate.xml
expect 2 "$GOLDSEAL" capture x.pth --model darknet:x.cfg --input image=random:1x3x8x8 --runtime libtroch
says "did you mean libtorch?"
expect 2 "$GOLDSEAL" runtime bild
says "runtime takes no further argument, found \`bild\`"
says "did you mean \`goldseal runtime build\`?"
expect 2 "$GOLDSEAL" diff a b c d
says "diff takes no further argument, found \`c\`"
expect 2 "$GOLDSEAL" inspect x.pth --module-depth deep
says "--module-depth: expected a whole number, found deep"
expect 2 "$GOLDSEAL" check x.seal --target
says "--target: expected a value, found nothing"
expect 2 "$GOLDSEAL" check x.seal
says "expected a seal"
expect 2 env LC_ALL=C.UTF-8 "$GOLDSEAL" capture x.pth --model darkent:x.cfg --input image=random:1x3x8x8
says "did you mean darknet:…?"
expect 2 env LC_ALL=C "$GOLDSEAL" capture x.pth --model darkent:x.cfg --input image=random:1x3x8x8
says "did you mean darknet:...?"
expect 2 "$GOLDSEAL" capture x.pth --model darknet:x.cfg --input image=random:1xx8
# What is left of a variable that is not set lifts no demand that an option makes, and is no name.
empty() {
  expect 2 "$GOLDSEAL" "${@:2}" "$1" ""
  says "$1: expected "
  says "found "
  expect 2 "$GOLDSEAL" "${@:2}" "$1="
}
for option in --checkpoint --model --policy --allow-missing --allow-unexpected --report-dir --node --signed-by --identity \
  --certificate-time --signature-file --signature --model-signature --target --device --require-attestation --config; do
  empty "$option" check "$sample"
  says "$option"
done
empty --max-age check "$sample" --require-attestation x
empty --model-key check "$sample" --model-signature x
for option in --runtime --input --save-results --results --set --depth; do empty "$option" verify "$sample"; done
for option in --expect --since --until --seal --baseline; do empty "$option" merge .; done
for option in --key --certificate --chain --attach --public-key --passphrase-file --pae; do empty "$option" sign "$sample"; done
for option in --bom -o; do expect 2 "$GOLDSEAL" attest run.json --key k "$option" ""; done
for option in --merge -o; do expect 2 "$GOLDSEAL" bom "$sample" "$option" ""; done
expect 2 "$GOLDSEAL" convert x.pth -o ""
for line in 'signature = ""' 'signed-by = []' 'signed-by = [""]' 'device = ""' 'precision = ""' 'identity = []'; do
  printf '[policy]\nname = "p"\nextends = "deploy"\n%s\n' "$line" >p.toml
  expect 2 "$GOLDSEAL" check "$sample" --policy p.toml
  says "p.toml:4: policy.${line%% =*}: expected "
done
printf 'signed-by = [""]\n' >goldseal.toml
expect 2 "$GOLDSEAL" check "$sample"
says "goldseal.toml:1: signed-by: expected a value, found an empty one"
rm goldseal.toml p.toml
# What is first in the line is judged first.
expect 2 "$GOLDSEAL" verify x.seal --runtime libtorch=/nowhere
says "x.seal: expected a seal"
expect 2 "$GOLDSEAL" verify "$sample" --runtime libtorch=/nowhere
says "/nowhere: expected a LibTorch installation"
expect 2 "$GOLDSEAL" explain golden.flaot64
says "did you mean golden.float64?"
expect 0 "$GOLDSEAL" --version
expect 0 "$GOLDSEAL" --help
expect 0 "$GOLDSEAL" verify --help
says "--runtime"
expect 0 "$GOLDSEAL" explain golden.float64
# Where the locale has no UTF-8, what people read is ASCII.
for verb in "" capture verify check probe inspect diff convert explain report config runtime; do
  # shellcheck disable=SC2086
  expect 0 env LC_ALL=C "$GOLDSEAL" $verb --help
  ! LC_ALL=C grep -q '[^ -~]' out.txt || fail "goldseal $verb --help is not ASCII: $(LC_ALL=C grep '[^ -~]' out.txt)"
done
