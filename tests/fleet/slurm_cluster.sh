#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Slurm cluster of N nodes on this machine, for tests: no munge, no systemd, no root.
#   slurm_cluster.sh up N DIRECTORY; export SLURM_CONF=DIRECTORY/slurm.conf      slurm_cluster.sh down DIRECTORY
# Every node has a daemon of its own (slurmd -N), a port and directories of its own, and this machine's address.
set -eu

configure() {
  local nodes=$1 directory=$2 user host last i
  user=$(id -un)
  host=$(hostname -s)
  last=$((nodes - 1))
  mkdir -p "$directory"/{state,log}
  {
    printf '%s\n' ClusterName=goldseal "SlurmctldHost=$host(127.0.0.1)" "SlurmUser=$user" "SlurmdUser=$user" \
      AuthType=auth/none CredType=cred/none SlurmctldPort="$((port))" ProctrackType=proctrack/linuxproc \
      TaskPlugin=task/none JobAcctGatherType=jobacct_gather/none SelectType=select/linear SwitchType=switch/none \
      MpiDefault=none ReturnToService=2 SlurmdParameters=config_overrides SlurmdTimeout=10 MessageTimeout=10 \
      "StateSaveLocation=$directory/state" "SlurmdSpoolDir=$directory/spool/%n" \
      "SlurmctldPidFile=$directory/slurmctld.pid" "SlurmdPidFile=$directory/slurmd-%n.pid" \
      "SlurmctldLogFile=$directory/log/slurmctld.log" "SlurmdLogFile=$directory/log/slurmd-%n.log"
    for ((i = 0; i < nodes; i++)); do
      mkdir -p "$directory/spool/gpu$i"
      printf 'NodeName=gpu%s NodeAddr=127.0.0.1 NodeHostname=%s Port=%s CPUs=2 State=UNKNOWN\n' "$i" "$host" "$((port + 1 + i))"
    done
    printf 'PartitionName=fleet Nodes=gpu[0-%s] Default=YES MaxTime=20 State=UP OverSubscribe=YES\n' "$last"
  } >"$directory/slurm.conf"
}

up() {
  local nodes=$1 directory=$2 i
  configure "$nodes" "$directory"
  export SLURM_CONF=$directory/slurm.conf  # absolute: the daemons leave this directory
  slurmctld -f "$SLURM_CONF"
  sleep 0.5
  for ((i = 0; i < nodes; i++)); do slurmd -f "$SLURM_CONF" -N "gpu$i"; done
  for ((i = 0; i < 240; i++)); do
    [[ $(sinfo -h -N -t idle -o %N 2>/dev/null | wc -l) == "$nodes" ]] && return
    sleep 0.25
  done
  sinfo -N -l >&2
  return 1
}

down() {
  local file
  for file in "$1"/*.pid; do
    [[ -e $file ]] && kill "$(<"$file")" 2>/dev/null || true
  done
}

port=${GOLDSEAL_SLURM_PORT:-16817}
case ${1:-} in
  up) up "$2" "$3" ;;
  down) down "$2" ;;
  *) echo "slurm_cluster.sh up N DIRECTORY | down DIRECTORY" >&2; exit 2 ;;
esac
