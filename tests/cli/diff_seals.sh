#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The difference of two seals tells weights, network and golden cases apart, what matters first, and of machines what it always told.
source "$(dirname "$0")/lib.sh"
sample=$(dirname "$(realpath "$0")")/../../manifests/samples/format-1.seal

# changed NAME SED-SCRIPT: a seal of another content; the digest in a manifest is that of its text without the digest's own value.
changed() {
  cp -r "$sample" "$1"
  sed -i -E "$2" "$1/manifest.toml"
  local digest
  digest=$(sed -E 's/^digest = "[0-9a-f]*"$/digest = ""/' "$1/manifest.toml" | sha256sum | cut -d' ' -f1)
  sed -i -E "s/^digest = \"[0-9a-f]*\"$/digest = \"$digest\"/" "$1/manifest.toml"
}

cp -r "$sample" a.seal
expect 0 "$GOLDSEAL" diff a.seal a.seal
says "no difference"

changed values.seal '/conv_1\.bias/s/sha256 = "[0-9a-f]{8}/sha256 = "00000000/'
expect 1 "$GOLDSEAL" diff a.seal values.seal
says "Weights module_list.1.conv_1.bias (values)"
says "+ sha256 00000000"
[[ $out != *Network* ]] || fail "the network differs, too: $out"

changed shape.seal '/conv_1\.bias/s/shape = \[18\]/shape = [36]/'
expect 1 "$GOLDSEAL" diff a.seal shape.seal
says "module_list.1.conv_1.bias (shape) - float32 [18] + float32 [36]"

changed renamed.seal 's/"module_list.1.conv_1.bias"/"head.bias"/'
expect 1 "$GOLDSEAL" diff a.seal renamed.seal
says "module_list.1.conv_1.bias - float32 [18]"
says "head.bias + float32 [18]"

changed eps.seal 's/^("module_list.0.batch_norm_0.eps") = .*/\1 = "0.001"/; s/^probes = 8/probes = 4/; s/^(version = )"2\.13\.0.*"/\1"2.14.0"/'
expect 1 "$GOLDSEAL" diff a.seal eps.seal
says "Network module_list.0.batch_norm_0.eps - 1e-05 + 0.001"
says "Golden cases default/probes - 8 + 4"
[[ $out == *Network*"Golden cases"*PyTorch* ]] || fail "not in the order of what matters: $out"
expect 1 "$GOLDSEAL" diff a.seal eps.seal --format json
"${PYTHON:-python3}" - <<'PY' || fail "the JSON lacks the difference"
import json
rows = json.load(open("out.txt"))["differences"]
assert {"section": "Network", "name": "module_list.0.batch_norm_0.eps", "before": "1e-05", "after": "0.001", "detail": ""} in rows, rows
PY

sed -i 's/probes = 8/probes = 9/' a.seal/manifest.toml
expect 4 "$GOLDSEAL" diff a.seal "$sample"
