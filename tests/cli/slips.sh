#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The slips that a new user makes are answered with what was meant (newcomer rows 16, 17, 18 and 21). Kinds: the checkpoint in
# place of its seal, with and without its ending; a file of the seal; a misspelt seal; the directory around one; forms of
# --model without their word; a checkpoint that was renamed, moved, or is another.
here=$(dirname "$(realpath "$0")")
source "$here/lib.sh"
sample=$here/../../examples/ci_gate/models/detector.seal
target=$here/../../examples/ci_gate/targets/edge-t4.toml

mkdir one model
cp -r "$sample" one/net.seal
cp -r "$sample" model/model.seal
cp -r "$sample" model.safetensors.index.seal
touch one/net.pth one/other.txt model.safetensors.index.json
cd one
for given in net.pth net net.pth.tar net.safetensors ./net.pth; do
  expect 2 "$GOLDSEAL" verify "$given"
  says "expected a seal"
  says "did you mean"
  says "net.seal?"
done
expect 2 "$GOLDSEAL" check net.seal/manifest.toml
says "did you mean net.seal?"
expect 2 "$GOLDSEAL" verify net.seal/golden.safetensors
says "did you mean net.seal?"
expect 2 "$GOLDSEAL" verify nte.seal
says "did you mean net.seal?"
expect 2 "$GOLDSEAL" verify unrelated-name
says "make one with \`goldseal capture"
cd ..
expect 2 "$GOLDSEAL" verify one/net.pth
says "did you mean one/net.seal?"
expect 2 "$GOLDSEAL" verify model.safetensors.index.json
says "did you mean model.safetensors.index.seal?"
expect 2 "$GOLDSEAL" verify model
says "did you mean model/model.seal?"
expect 2 "$GOLDSEAL" verify model/
says "did you mean model/model.seal?"
expect 2 "$GOLDSEAL" verify ""
expect 2 "$GOLDSEAL" verify /

form() {
  expect 2 "$GOLDSEAL" capture x.pth --model "$1" --input x=random:1x3
  says "--model: expected one of"
  says "$2"
}
form mynets:TinyResNet "did you mean python:mynets:TinyResNet?"
form "mynets:TinyResNet?width=4" "did you mean python:mynets:TinyResNet?width=4?"
form mynets.TinyResNet "did you mean python:mynets:TinyResNet?"
form package.mynets.TinyResNet "did you mean python:package.mynets:TinyResNet?"
form mynets.py:TinyResNet "did you mean python:mynets:TinyResNet?"
form package/mynets.py:Net "did you mean python:package.mynets:Net?"
form yolov3.cfg "did you mean darknet:yolov3.cfg?"
form net.pt2 "did you mean export:net.pt2?"
form net.pt "did you mean torchscript:net.pt?"
form libnet.so "did you mean plugin:libnet.so?"
form darkent:yolov3.cfg "did you mean darknet:"
form "a b" "a Python network is given as python:package.module:callable"
form resnet "a Python network is given as"
form "1:2" "a Python network is given as"

# A file that is not there: the nearest name, or the directory that is missing.
touch weights.pth run.json
expect 2 "$GOLDSEAL" inspect weihgts.pth
says "did you mean weights.pth?"
expect 2 "$GOLDSEAL" report rnu.json
says "did you mean run.json?"
expect 2 "$GOLDSEAL" inspect ./weihgts.pth
says "did you mean ./weights.pth?"
expect 2 "$GOLDSEAL" inspect nowhere/weights.pth
says "there is no directory nowhere"
expect 2 "$GOLDSEAL" inspect quite-another
says "name a file that exists"
expect 2 "$GOLDSEAL" diff weights.pth
says "diff: expected AFTER, found nothing"
expect 2 "$GOLDSEAL" convert weights.pth
says "convert: expected --output, found nothing"

# A captured machine is judged by its facts: no file was read, and none is said to be unreadable.
expect 0 "$GOLDSEAL" check "$sample" --target "$target" --verbose
says "not looked at: a captured machine is judged by its facts"
[[ $out != *"could not be read"* ]] || fail "it accuses a file that it has not looked at: $out"

need_torch
seal_model
mv tiny.pth model_final.pth
expect 2 "$GOLDSEAL" verify tiny.seal
says "tiny.pth: the checkpoint is missing: no such file"
says "--checkpoint model_final.pth has the sealed digest"
[[ $err != *"/../"* ]] || fail "the path is not plain: $err"
expect 0 "$GOLDSEAL" verify tiny.seal --checkpoint model_final.pth --model darknet:tiny.cfg --runtime "libtorch=$TORCH_DIR"
# One of the same size with another content is not offered.
mv flipped.pth model_final.pth
expect 2 "$GOLDSEAL" verify tiny.seal
says "put the checkpoint there, or name it with --checkpoint FILE"
mkdir elsewhere && mv tiny.seal elsewhere/
expect 2 "$GOLDSEAL" verify elsewhere/tiny.seal
says "the checkpoint is missing"
