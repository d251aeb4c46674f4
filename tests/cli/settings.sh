#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# goldseal.toml upwards, then GOLDSEAL_ variables, then flags: the later wins, `config` tells which did, and a slip is named by file, line and key.
source "$(dirname "$0")/lib.sh"
seal=$(dirname "$(realpath "$0")")/../../examples/ci_gate/models/detector.seal
target=$(dirname "$(realpath "$0")")/../../manifests/debian-12-libtorch-1.13.toml
mkdir -p project/below/deep
cat >project/mine.toml <<'POLICY'
[policy]
name = "mine"
extends = "strict"
POLICY
cat >project/goldseal.toml <<'SETTINGS'
format = "oneline"
policy = "mine.toml"

[verify]
timeout = 600
SETTINGS

# line SETTING: its line in what `goldseal config` prints, blanks squeezed.
line() {
  out=$(grep -m1 "^$1 " out.txt | tr -s ' ')
  err=
}

expect 0 "$GOLDSEAL" config
says "none (no goldseal.toml from here upwards)"
line policy
says "policy deploy default"

cd project/below/deep
expect 0 "$GOLDSEAL" config
says "file ../../goldseal.toml"
line check.format
says "check.format oneline ../../goldseal.toml:1"
line policy
says "policy ../../mine.toml ../../goldseal.toml:2"
line verify.timeout
says "verify.timeout 600 ../../goldseal.toml:5"
line capture.timeout
says "capture.timeout 3600 default"
expect 0 "$GOLDSEAL" config --format json
"${PYTHON:-python3}" - <<'PY' || fail "the JSON of config lacks what it should say"
import json
rows = json.load(open("out.txt"))["settings"]
assert {"verb": "", "setting": "policy", "value": "../../mine.toml", "origin": "../../goldseal.toml:2"} in rows, rows
PY

# A policy that asks less counts only from a file that the user named: one that was found may have come with what is to be judged.
for softer in 'policy = "portable"' 'policy = "softer.toml"' $'[check]\npolicy = "waives.toml"'; do
  mkdir -p lent
  printf '[policy]\nname = "softer"\nextends = "deploy"\n[checks]\n"tensors.file" = { severity = "info" }\n' >lent/softer.toml
  printf '[policy]\nname = "waives"\nextends = "deploy"\n[[waiver]]\ncheck = "seal.manifest"\nreason = "trust me"\nuntil = "2999-01-01"\n' >lent/waives.toml
  printf '%s\n' "$softer" >lent/goldseal.toml
  cd lent
  expect 2 "$GOLDSEAL" check "$seal" --target "$target"
  says "error: goldseal.toml: the file was found, not named, and its policy"
  says "asks less than deploy"
  says "--config FILE"
  expect 0 "$GOLDSEAL" check "$seal" --target "$target" --config goldseal.toml
  GOLDSEAL_CONFIG=goldseal.toml expect 0 "$GOLDSEAL" check "$seal" --target "$target"
  HOME=$PWD expect 0 "$GOLDSEAL" check "$seal" --target "$target"
  expect 0 "$GOLDSEAL" check "$seal" --target "$target" --policy portable
  cd ..
done
rm -r lent

# The file, then a variable, then a variable for one verb, then the flag. Without the file's format the report would have many lines.
expect 1 "$GOLDSEAL" check "$seal" --target "$target"
[[ $(wc -l <out.txt) == 1 ]] || fail "the file's format did not count: $out"
GOLDSEAL_POLICY=portable expect 0 "$GOLDSEAL" check "$seal" --target "$target"
GOLDSEAL_POLICY=portable GOLDSEAL_CHECK_POLICY=strict expect 1 "$GOLDSEAL" check "$seal" --target "$target"
GOLDSEAL_POLICY=strict expect 0 "$GOLDSEAL" check "$seal" --target "$target" --policy portable
expect 0 "$GOLDSEAL" check "$seal" --target "$target" --no-config
[[ $(wc -l <out.txt) -gt 1 ]] || fail "--no-config read the file: $out"
GOLDSEAL_POLICY=portable expect 0 "$GOLDSEAL" config
line policy
says "policy portable GOLDSEAL_POLICY"
GOLDSEAL_POLCY=portable expect 0 "$GOLDSEAL" config
says "GOLDSEAL_POLCY is set and has no effect: no setting has this name; did you mean GOLDSEAL_POLICY?"

# A slip in a variable's name would be a gate that judges by another policy than was meant.
GOLDSEAL_POLCY=strict expect 2 "$GOLDSEAL" check "$seal" --target "$target"
says "error: GOLDSEAL_POLCY: no setting has this name"
says "did you mean GOLDSEAL_POLICY?"
GOLDSEAL_CHEK_POLICY=strict expect 2 "$GOLDSEAL" check "$seal" --target "$target"
says "did you mean GOLDSEAL_CHECK_POLICY?"
GOLDSEAL_REPORT_DEPTH=quick expect 2 "$GOLDSEAL" report saved.json
says "error: GOLDSEAL_REPORT_DEPTH: report has no --depth, and its value would have no effect"
says "did you mean GOLDSEAL_DEPTH?"
GOLDSEAL_REPORT_DEPTH=quick expect 0 "$GOLDSEAL" config
says "GOLDSEAL_REPORT_DEPTH is set and has no effect: report has no --depth"
GOLDSEAL_WORKER=. expect 2 "$GOLDSEAL" probe
says "did you mean GOLDSEAL_WORKERS?"
# What looks like none of them may be someone else's, and what goldseal's own scripts use is known.
GOLDSEAL_DEPLOYMENT=blue expect 1 "$GOLDSEAL" check "$seal" --target "$target"
says "warning: GOLDSEAL_DEPLOYMENT is set but is not a setting"
GOLDSEAL_DEPLOYMENT=blue expect 1 "$GOLDSEAL" check "$seal" --target "$target" --quiet
[[ -z $err ]] || fail "--quiet printed $err"
GOLDSEAL_VERSION=0.1.0 GOLDSEAL_TORCH_DIR=/usr GOLDSEAL_BUILD=build expect 1 "$GOLDSEAL" check "$seal" --target "$target"
[[ -z $err ]] || fail "a variable of goldseal's own was complained about: $err"

slip() {
  printf '%s\n' "$1" >../slip.toml
  expect 2 "$GOLDSEAL" config --config ../slip.toml
}
slip $'color = "never"\ntiemout = 5'
says "../slip.toml:2: unknown key tiemout"
says "did you mean timeout?"
slip $'[verfy]\ntimeout = 5'
says "../slip.toml:1: there is no verb verfy"
says "did you mean verify?"
slip $'[report]\ndepth = "quick"'
says "../slip.toml:2: report.depth: report has no --depth, and the value would have no effect"
says "set depth above [report]"
slip 'timeout = "5"'
says "../slip.toml:1: timeout: expected an integer"
slip $'\ntimeout = 0'
says "../slip.toml:2: --timeout: expected a whole number of at least 1, found 0"
slip 'color = "sometimes"'
says "../slip.toml:1: --color: expected one of auto, always, never; found sometimes"
slip 'color = "alwas"'
says "did you mean always?"
slip 'timeout ='
says "../slip.toml:1: not valid TOML"
expect 2 "$GOLDSEAL" config --config nowhere.toml
says "nowhere.toml"

# What only the verb itself can refuse is said to stand where it was set.
printf 'policy = "none.toml"\n' >../slip.toml
expect 2 "$GOLDSEAL" check "$seal" --target "$target" --config ../slip.toml
says "../slip.toml:1: policy: expected strict, deploy, portable or a file, found ../none.toml"
GOLDSEAL_FORMAT=jsno expect 2 "$GOLDSEAL" check "$seal" --target "$target"
says "GOLDSEAL_FORMAT: format: expected one of"
says "did you mean json?"
GOLDSEAL_COLOR=nver expect 2 "$GOLDSEAL" check "$seal" --target "$target"
says "GOLDSEAL_COLOR: --color: expected one of auto, always, never; found nver"
says "did you mean never?"
GOLDSEAL_QUIET=maybe expect 2 "$GOLDSEAL" check "$seal" --target "$target"
says "GOLDSEAL_QUIET: --quiet: expected true or false, found maybe"
