#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A checkpoint of two shards and 4 GiB is inspected, compared by its digests and converted by a process that may hold 384 MiB of
# its own: what it maps can be reclaimed. The shards are sparse, and only what is written anew takes room on the disk. Where the
# test may make a control group, all of it happens in one of 512 MiB, in which pages of files count too.
source "$(dirname "$0")/lib.sh"
[[ -n $PYTHON ]] || { echo "skipped: no Python was configured"; exit 125; }
free=$(df --output=avail -k . | tail -1)
((free > 6 << 20)) || { echo "skipped: less than 6 GiB are free"; exit 125; }
"$PYTHON" - <<'PY'
import json
import struct

places = {}
for shard in range(2):
    name = f"model-{shard + 1:05}-of-00002.safetensors"
    header, end = {}, 0
    for layer in range(8 * shard, 8 * shard + 8):
        for part, shape in (("up", [16384, 4096]), ("down", [4096, 16384])):
            size = 2 * shape[0] * shape[1]
            header[f"layers.{layer}.{part}.weight"] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + size]}
            places[f"layers.{layer}.{part}.weight"] = name
            end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(name, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
with open("model.safetensors.index.json", "w") as file:
    json.dump({"metadata": {}, "weight_map": places}, file)
with open("model-00002-of-00002.safetensors", "r+b") as file:
    file.seek(-2, 2)
    file.write(b"\x80\x3f")  # one element is 1
PY
# Prints a new control group of 512 MiB, of version 2 or 1; nothing where none can be made.
limited_group() {
  local mount name=goldseal-test-$$
  for mount in /sys/fs/cgroup /sys/fs/cgroup/memory; do
    mkdir "$mount/$name" 2>/dev/null || continue
    for limit in memory.max memory.limit_in_bytes; do
      if [[ -e $mount/$name/$limit ]] && echo $((512 << 20)) 2>/dev/null > "$mount/$name/$limit"; then
        echo "$mount/$name"
        return
      fi
    done
    rmdir "$mount/$name"
  done
}
group=$(limited_group)
if [[ -n $group ]]; then
  # Its pages go with it: the shell leaves it first.
  trap 'echo $$ > "${group%/*}/cgroup.procs"; rmdir "$group"; rm -rf "$work"' EXIT
  echo $$ > "$group/cgroup.procs"
  expect 0 "$GOLDSEAL" probe -v
  says "memory.cgroup_limit_bytes"
fi
ulimit -d $((384 << 10))
expect 0 "$GOLDSEAL" inspect model.safetensors.index.json
says "layers.15.down.weight"
expect 0 "$GOLDSEAL" convert model.safetensors.index.json -o whole.safetensors
expect 0 "$GOLDSEAL" diff model.safetensors.index.json whole.safetensors
says "32 tensors are equal, 0 differ"
printf '\x00\x00' | dd of=whole.safetensors bs=1 seek=$(($(stat -c %s whole.safetensors) - 2)) conv=notrunc status=none
expect 1 "$GOLDSEAL" diff model.safetensors.index.json whole.safetensors
says "31 tensors are equal, 1 differ"
