#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# examples/fleet/slurm on a cluster of four nodes that lives on this machine: one node fails a check, one answers other
# bits, one dies in the middle, one hangs until its inner limit. srun's exit code is wrong, the verdict names all four.
source "$(dirname "$0")/../cli/lib.sh"
examples=$(cd "$(dirname "$0")/../../examples/fleet" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
need_torch

if ! command -v slurmctld >/dev/null || ! command -v slurmd >/dev/null || ! command -v srun >/dev/null; then
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null &&
    timeout 120 apt-get install -y --no-install-recommends slurmctld slurmd slurm-client >apt.txt 2>&1 ||
    { echo "skipped: Slurm cannot be installed here" >&2; exit 125; }
fi
trap 'bash "$here/slurm_cluster.sh" down "$work/cluster"; rm -rf "$work"' EXIT
bash "$here/slurm_cluster.sh" up 4 "$work/cluster" || { echo "skipped: no Slurm cluster comes up here" >&2; exit 125; }
export SLURM_CONF=$work/cluster/slurm.conf

seal_model
export SEAL=$work/tiny.seal REPORTS=$work/reports EXTRA="--runtime libtorch=$TORCH_DIR --threads 1" REAL_GOLDSEAL=$GOLDSEAL
mkdir "$REPORTS"

# What happens on each node, by its name: the nodes are this one machine.
cat >faulty.sh <<'SH'
#!/usr/bin/env bash
[[ $1 == verify ]] || exec "$REAL_GOLDSEAL" "$@"
case ${SLURMD_NODENAME:-} in
  gpu0) exec "$REAL_GOLDSEAL" "$@" --policy "$FAILING_POLICY" ;;
  gpu1) exec "$REAL_GOLDSEAL" "$@" --set onednn=off ;;
  gpu2) # The node dies: its daemon, its step and what the step started are gone, and no report is written.
    kill -9 "$(<"$CLUSTER/slurmd-gpu2.pid")"
    kill -9 "$PPID"
    kill -9 $$
    ;;
  gpu3) HANG=1 exec "$REAL_GOLDSEAL" "$@" --runtime "python=$HANGING_PYTHON" --trust-code --timeout 4 ;;
esac
SH
cat >hanging_python.sh <<'SH'
#!/usr/bin/env bash
exec sleep 300
SH
chmod +x faulty.sh hanging_python.sh
# The rule of one machine: it has to have more memory than there is.
cp tiny.pth kept.pth
export CLUSTER=$work/cluster HANGING_PYTHON=$work/hanging_python.sh
