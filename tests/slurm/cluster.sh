#!/bin/bash
# A real Slurm (munged, slurmctld, one slurmd) on this machine alone: no systemd, no cgroups, nothing but loopback.
#   cluster.sh start FOLDER   prints the environment to use it with; exit 77 with the reason when it can't run here
#   cluster.sh stop FOLDER    ends exactly what start started
# Everything lies under FOLDER. Needs root, and the packages of `scripts/setup slurm`.
set -u
verb=$1
lab=$(realpath -m "$2")
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

start() {
  [ "$(id -u)" = 0 ] || no "only root may start it"
  for program in munged slurmctld slurmd sbatch; do
    command -v $program >/dev/null || no "$program is missing (scripts/setup slurm)"
  done
  local host port
  host=$(hostname -s 2>/dev/null || hostname)
  port=$((20000 + $$ % 10000))
  mkdir -p "$lab"/munge "$lab"/state "$lab"/spool "$lab"/tmp "$lab"/log "$lab"/pid || no "$lab can't be made"
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
CommunicationParameters=NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits as long as its old credential may live: 120 s by default.
AuthInfo=socket=$lab/munge/socket,cred_expire=5
StateSaveLocation=$lab/state
SlurmdSpoolDir=$lab/spool
TmpFS=$lab/tmp
SlurmctldPidFile=$lab/pid/slurmctld
SlurmdPidFile=$lab/pid/slurmd
SlurmctldLogFile=$lab/log/slurmctld
SlurmdLogFile=$lab/log/slurmd
PlugStackConfig=/dev/null
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=5,batch_sched_delay=0,sched_min_interval=0
JobRequeue=1
ReturnToService=1
KillWait=5
BatchStartTimeout=10
MessageTimeout=10
InactiveLimit=0
MinJobAge=600
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 11)) CPUs=4 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=n1 Default=YES MaxTime=60 DefaultTime=10 State=UP
CONF
  export SLURM_CONF=$lab/slurm.conf
  slurmctld -f "$SLURM_CONF" >>"$lab/log/slurmctld.err" 2>&1 || no "slurmctld: $(tail -n 1 "$lab/log/slurmctld.err")"
  slurmd -N n1 -f "$SLURM_CONF" >>"$lab/log/slurmd.err" 2>&1 || no "slurmd: $(tail -n 1 "$lab/log/slurmd.err")"
  up() { sinfo -h -o %t | grep -qx idle; }
  within 20 up || no "its node does not come up: $(tail -n 2 "$lab/log/slurmctld" "$lab/log/slurmd")"
  echo "export SLURM_CONF='$SLURM_CONF' PATH='$PATH'"
}

stop() {
  export SLURM_CONF=$lab/slurm.conf
  if lives "$lab/pid/slurmctld" slurmctld; then
    timeout 5 scancel -u root 2>/dev/null
    idle() { [ -z "$(timeout 5 squeue -h -o %A 2>/dev/null)" ]; }
    within 10 idle
  fi
  local name pids=()
  for name in slurmd slurmctld munged; do
    if lives "$lab/pid/$name" $name; then
      pids+=("$name:$(cat "$lab/pid/$name")")
      kill "$(cat "$lab/pid/$name")" 2>/dev/null
    fi
  done
  for entry in "${pids[@]}"; do
    gone() { ! grep -q "^${entry#*:} (${entry%:*}) [^ZX]" "/proc/${entry#*:}/stat" 2>/dev/null; }
    within 8 gone || kill -KILL "${entry#*:}" 2>/dev/null
  done
}

case "$verb" in
  start) start ;;
  stop) stop ;;
  *) echo "usage: cluster.sh start|stop FOLDER" >&2; exit 2 ;;
esac
