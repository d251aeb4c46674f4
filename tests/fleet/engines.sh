#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The other examples of examples/fleet, run for real where their engine is here, on a seal that `check` can judge; and
# what --report-dir, --node and --exit-zero promise.
examples=$(cd "$(dirname "$0")/../../examples/fleet" && pwd)
source "$(dirname "$0")/../cli/lib.sh"
need_torch
seal_model
export SEAL=$work/tiny.seal REPORTS=$work/reports GOLDSEAL
cp -r tiny.seal broken.seal
printf 'x' >>broken.seal/golden.safetensors

# A report is left whole under the node's name; nothing else lies there.
expect 0 "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$TORCH_DIR" --threads 1 --node gpu0 --report-dir reports --quiet
[[ $(ls reports/gpu0 | wc -l) == 1 ]] || fail "$(ls -la reports/gpu0)"
[[ $(ls reports/gpu0) =~ ^[0-9]{8}T[0-9]{6}Z\.json$ ]] || fail "$(ls reports/gpu0)"
expect 0 "$GOLDSEAL" report reports/gpu0/*.json --format oneline
# The name: Slurm's, then the one that is given, never a rank; and ranks do not overwrite each other.
for rank in 0 1 2; do SLURMD_NODENAME=gpu1 OMPI_COMM_WORLD_RANK=$rank OMPI_COMM_WORLD_SIZE=3 "$GOLDSEAL" check tiny.seal --report-dir reports --quiet || fail "rank $rank"; done
[[ $(ls reports/gpu1 | wc -l) == 3 && $(ls reports/gpu1) == *-r2.json* ]] || fail "$(ls reports/gpu1)"
NODE_NAME=gpu2 "$GOLDSEAL" check tiny.seal --report-dir reports --quiet
NODE_NAME=gpu2 "$GOLDSEAL" check tiny.seal --report-dir reports --quiet
[[ $(ls reports/gpu2 | wc -l) == 2 ]] || fail "a second report took the first one's place"
expect 2 "$GOLDSEAL" check tiny.seal --report-dir reports --node '../x'
expect 2 "$GOLDSEAL" check tiny.seal --report-dir reports --node 'a b'
# Of several targets each is a node.
"$GOLDSEAL" probe -o rack1.toml >/dev/null
expect 0 "$GOLDSEAL" check tiny.seal --target rack1.toml --report-dir targets
[[ -d targets/rack1 ]] || fail "$(ls targets)"
# --exit-zero hides every verdict, and an error only where a report tells it.
expect 4 "$GOLDSEAL" check broken.seal --report-dir damaged --node gpu0
expect 0 "$GOLDSEAL" check broken.seal --report-dir damaged --node gpu1 --exit-zero
expect 2 "$GOLDSEAL" check no.seal --exit-zero
: >taken
expect 2 "$GOLDSEAL" check tiny.seal --report-dir taken --node gpu1 --exit-zero # no report could be left
expect 2 "$GOLDSEAL" check no.seal --report-dir errors --node gpu0
expect 0 "$GOLDSEAL" check no.seal --report-dir errors --node gpu1 --exit-zero
says "no.seal"
expect 3 "$GOLDSEAL" merge errors --expect 'gpu[0-1]'
says "no.seal"
expect 4 "$GOLDSEAL" merge damaged
# Damage of a manifest is damage in the fleet's verdict too.
cp -r tiny.seal torn.seal
head -c 200 tiny.seal/manifest.toml >torn.seal/manifest.toml
expect 4 "$GOLDSEAL" check torn.seal --report-dir torn --node gpu0
expect 4 "$GOLDSEAL" merge torn

# Two real runs of one machine are bit-equal, and one with another setting is found; its outputs say where.
rm -rf reports
for node in gpu0 gpu1; do
  mkdir -p reports/$node
  expect 0 "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$TORCH_DIR" --threads 1 --node $node --report-dir reports --save-results reports/$node/results --quiet
done
expect 0 "$GOLDSEAL" merge reports --expect 'gpu[0-1]'
says "2 bit-equal"
expect 0 "$GOLDSEAL" verify tiny.seal --runtime "libtorch=$TORCH_DIR" --threads 1 --set channels_last=on --node gpu2 --report-dir reports --quiet
expect 1 "$GOLDSEAL" merge reports --expect 'gpu[0-2]'
says "--set: none → channels_last=on"

# node-problem-detector: 4 is a problem too, and a line has at most 80 characters.
npd() { SEAL="$work/$1" bash "$examples/kubernetes/npd.sh"; }
expect 0 npd tiny.seal
expect 1 npd broken.seal
[[ ${#out} -le 80 && $out == DAMAGED* ]] || fail "$out"
expect 2 npd no.seal
"$PYTHON" -c 'import json, sys; config = json.load(open(sys.argv[1])); assert config["plugin"] == "custom" and config["pluginConfig"]["max_output_length"] == 80' "$examples/kubernetes/node-problem-detector.json"

# node_exporter: a file of metrics, whole or not at all.
mkdir metrics
expect 0 bash "$examples/textfile.sh" metrics
grep -q '^goldseal_last_run_timestamp_seconds' metrics/goldseal.prom || fail "$(cat metrics/goldseal.prom)"
EXPECT='gpu[0-3]' expect 0 bash "$examples/textfile.sh" metrics reports
grep -q '^goldseal_fleet_nodes{state="missing"} 1' metrics/goldseal_fleet.prom || fail "$(cat metrics/goldseal_fleet.prom)"

# Node Health Check's line, by a stand-in that does what its function does.
check_cmd_status() {
  local limit wanted code=0
  while [[ $1 == -* ]]; do
    case $1 in -t) limit=$2 ;; -r) wanted=$2 ;; esac
    shift 2
  done
  timeout "$limit" "$@" || code=$?
  [[ $code == "$wanted" ]]
}
line=$(sed -n 's/^\* || //p' "$examples/nhc.conf")
line=${line/goldseal check/$GOLDSEAL check}
eval "${line/\/etc\/goldseal\/model.seal/$work/tiny.seal}" || fail "a node that conforms is not healthy: $line"
! eval "${line/\/etc\/goldseal\/model.seal/$work/broken.seal}" || fail "a damaged seal is healthy: $line"

# mpirun and clush, where they are.
export EXTRA="--runtime libtorch=$TORCH_DIR --threads 1"
if command -v mpirun >/dev/null; then
  export REPORTS=$work/mpi
  NODE_NAME=here EXPECT=here,gone expect 3 bash "$examples/mpi.sh" --allow-run-as-root --oversubscribe -n 2 -x NODE_NAME
  says "missing"
  [[ $(ls mpi/here | wc -l) == 2 ]] || fail "$(ls mpi/here)"
else
  echo "mpirun is not here"
fi
if command -v clush >/dev/null; then
  # The worker of clush that runs on this machine: a node's name in place of its address.
  export REPORTS=$work/clush
  NODES='gpu[0-1]' expect 0 bash "$examples/clush.sh" -R exec
  [[ -d clush/gpu0 && -d clush/gpu1 ]] || fail "$(ls clush)"
  SEAL=$work/broken.seal NODES='gpu[0-1]' expect 4 bash "$examples/clush.sh" -R exec
  says "left with 0"
else
  echo "clush is not here"
fi
no_worker_left
