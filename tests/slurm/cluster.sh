#!/bin/bash
# A real Slurm (munged, slurmctld, slurmds) on this machine alone: no systemd, no cgroups, nothing but loopback.
#   cluster.sh start FOLDER [NODES]   prints the environment to use it with; exit 77 with the reason when it can't run here
#   cluster.sh lose FOLDER I          node n<I> loses its power: all of its processes are killed at once
#   cluster.sh stop FOLDER            ends exactly what start started
# Several nodes are several names: each slurmd has a hostname, an /etc/hosts and a /dev/shm of its own. Jobs in the partition "scavenge"
# give way to those in "main", the default.
# Everything lies under FOLDER. Needs root, and the packages of `scripts/setup slurm`.
set -u
verb=$1
lab=$(realpath -m "$2")
nodes=${3:-1}  # how many, or which
export PATH=/usr/sbin:/sbin:$PATH

no() { echo "cluster.sh: no Slurm here: $*" >&2; exit 77; }

# lives PIDFILE NAME: that process lives under that name; a zombie does not count
lives() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && grep -q "^$pid ($2) [^ZX]" "/proc/$pid/stat" 2>/dev/null
}

# within SECONDS COMMAND...
within() {
  local tries=$(($1 * 20))
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.05
  done
}

# node I COMMAND...: as node n<I>
node() {
  local number=$1
  shift
  if [ "$nodes" = 1 ]; then
    "$@"
    return
  fi
  # shellcheck disable=SC2016
  unshare --uts --mount --propagation slave sh -c \
    'hostname "$0" && mount --bind "$1" /etc/hosts && mount -t tmpfs -o mode=1777 tmpfs /dev/shm && shift && exec "$@"' \
    "n$number" "$lab/hosts.n$number" "$@"
}

start() {
  [ "$(id -u)" = 0 ] || no "only root may start it"
  for program in munged slurmctld slurmd sbatch; do
    command -v $program >/dev/null || no "$program is missing (scripts/setup slurm)"
  done
  local host port names address inaddr i
  host=$(hostname -s 2>/dev/null || hostname)
  port=$((20000 + $$ % 10000))
  names=$host address=127.0.0.1 inaddr=
  for i in $(seq "$nodes"); do
    mkdir -p "$lab/spool/n$i" "$lab/tmp/n$i" || no "$lab can't be made"
  done
  mkdir -p "$lab"/munge "$lab"/state "$lab"/log "$lab"/pid
  if [ "$nodes" -gt 1 ]; then
    unshare --uts --mount sh -c 'hostname n1 && mount -t tmpfs tmpfs /dev/shm' 2>/dev/null ||
      no "this kernel gives processes no names and mounts of their own, which several nodes need"
    # A node knows itself as 127.0.0.1 and takes no other for itself.
    for i in $(seq "$nodes"); do
      {
        cat /etc/hosts
        for j in $(seq "$nodes"); do [ "$j" = "$i" ] && echo "127.0.0.1 n$j" || echo "127.0.2.$j n$j"; done
      } >"$lab/hosts.n$i"
    done
    names="n[1-$nodes]" inaddr=,NoInAddrAny
  fi
  chmod 755 "$lab" "$lab/munge"
  chmod 700 "$lab/state"
  [ -s "$lab/munge/key" ] || (umask 077; head -c 1024 /dev/urandom >"$lab/munge/key")
  # --force: the folder may lie under one that everybody may write to.
  munged --force --num-threads=2 --key-file="$lab/munge/key" --socket="$lab/munge/socket" \
    --pid-file="$lab/pid/munged" --log-file="$lab/log/munged" --seed-file="$lab/munge/seed" 2>"$lab/log/munged.err" ||
    no "munged: $(tail -n 1 "$lab/log/munged.err")"
  within 5 munge -n -S "$lab/munge/socket" || no "munged does not answer"

  cat >"$lab/slurm.conf" <<CONF
ClusterName=raven
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
CommunicationParameters=NoCtldInAddrAny$inaddr
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits as long as its old credential may live: 120 s by default.
AuthInfo=socket=$lab/munge/socket,cred_expire=5
StateSaveLocation=$lab/state
SlurmdSpoolDir=$lab/spool/%n
TmpFS=$lab/tmp/%n
SlurmctldPidFile=$lab/pid/slurmctld
SlurmdPidFile=$lab/pid/slurmd.%n
SlurmctldLogFile=$lab/log/slurmctld
SlurmdLogFile=$lab/log/slurmd.%n
PlugStackConfig=/dev/null
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldTimeout=30
SlurmdTimeout=10
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=5,batch_sched_delay=0,sched_min_interval=0
JobRequeue=1
ReturnToService=1
KillWait=5
BatchStartTimeout=10
MessageTimeout=10
TCPTimeout=2
InactiveLimit=0
MinJobAge=600
NodeName=n[1-$nodes] NodeHostname=$names NodeAddr=$address Port=[$((port + 11))-$((port + 10 + nodes))] CPUs=4 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 DefaultTime=10 State=UP PriorityTier=10 PreemptMode=OFF
PartitionName=scavenge Nodes=ALL MaxTime=60 DefaultTime=10 State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=10
CONF
  export SLURM_CONF=$lab/slurm.conf
  slurmctld -f "$SLURM_CONF" >>"$lab/log/slurmctld.err" 2>&1 || no "slurmctld: $(tail -n 1 "$lab/log/slurmctld.err")"
  for i in $(seq "$nodes"); do
    node "$i" slurmd -N "n$i" -f "$SLURM_CONF" >>"$lab/log/slurmd.err" 2>&1 || no "slurmd: $(tail -n 1 "$lab/log/slurmd.err")"
  done
  up() { [ "$(sinfo -h -N -p main -o %t | grep -cx idle)" = "$nodes" ]; }
  within 20 up || no "its nodes do not come up: $(tail -n 2 "$lab/log/slurmctld" "$lab/log"/slurmd.n*)"
  echo "export SLURM_CONF='$SLURM_CONF' PATH='$PATH'"
}

lose() {
  local namespace here folder
  namespace=$(readlink "/proc/$(cat "$lab/pid/slurmd.n$nodes")/ns/uts")
  here=$(readlink /proc/self/ns/uts)
  [ -n "$namespace" ] && [ "$namespace" != "$here" ] || { echo "cluster.sh: n$nodes is no node of its own" >&2; exit 2; }
  for _ in 1 2 3; do
    for folder in /proc/[0-9]*; do
      [ "$(readlink "$folder/ns/uts" 2>/dev/null)" != "$namespace" ] || kill -KILL "${folder#/proc/}" 2>/dev/null
    done
  done
  return 0
}

stop() {
  export SLURM_CONF=$lab/slurm.conf
  if lives "$lab/pid/slurmctld" slurmctld; then
    timeout 5 scancel -u root 2>/dev/null
    idle() { [ -z "$(timeout 5 squeue -h -o %A 2>/dev/null)" ]; }
    within 10 idle
  fi
  local file name pids=()
  for file in "$lab"/pid/slurmd.n* "$lab/pid/slurmctld" "$lab/pid/munged"; do
    name=$(basename "$file")
    name=${name%%.*}
    if lives "$file" "$name"; then
      pids+=("$name:$(cat "$file")")
      kill "$(cat "$file")" 2>/dev/null
    fi
  done
  for entry in "${pids[@]}"; do
    gone() { ! grep -q "^${entry#*:} (${entry%:*}) [^ZX]" "/proc/${entry#*:}/stat" 2>/dev/null; }
    within 8 gone || kill -KILL "${entry#*:}" 2>/dev/null
  done
}

case "$verb" in
  start) start ;;
  lose) lose ;;
  stop) stop ;;
  *) echo "usage: cluster.sh start|lose|stop FOLDER [NODES|NODE]" >&2; exit 2 ;;
esac
