#!/bin/bash
# requeue_test.sh RAVEN FOLDER: a job that is signalled in mid-run writes a checkpoint, queues again, goes on, and ends
# with the same weights as a run that nobody disturbed. Exit 77, with the reason, where no Slurm can run.
set -u
raven=$(realpath "$1")
work=$(realpath -m "$2")
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
rm -rf "$work"
mkdir -p "$work"
fail() {
  echo "FAILED: $*"
  for log in "$work"/raven-*.log "$work"/slurm/log/slurmctld "$work"/slurm/log/slurmd; do
    [ -e "$log" ] && { echo "--- $log"; tail -n 40 "$log"; }
  done
  exit 1
}

environment=$("$here/cluster.sh" start "$work/slurm") || { code=$?; "$here/cluster.sh" stop "$work/slurm"; exit $code; }
trap '"$here/cluster.sh" stop "$work/slurm"' EXIT
eval "$environment"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
cd "$work" || exit 1

"$raven" data make digits --count 4000 --seed 1 --folder data >/dev/null || fail "no data"
cat >job.yaml <<'YAML'
name: requeued
seed: 1
data: {train: data/train.yaml, valid: data/valid.yaml}
model:
  - flatten
  - linear: {features: 128, activation: relu}
  - linear: {features: 10}
loss: cross_entropy
optimizer: {sgd: {rate: 0.05, momentum: 0.9}}
train: {epochs: 60, batch: 64, snippets: 4}
checkpoint: {every: 1 s, keep: 3}
YAML
# Long enough to be caught in the middle on a fast machine: the test waits for a step, not for a time.
"$raven" train job.yaml --run calm --quiet --threads 1 >calm.log 2>&1 || fail "the calm run: $(tail -n 3 calm.log)"

job=$(RAVEN=$raven RAVEN_MPIRUN="-mca btl self,vader,tcp" sbatch --parsable --ntasks=3 --time=10 \
  "$root/slurm/raven.sbatch" job.yaml --run stormy --quiet --threads 1) || fail "sbatch"

deadline() { # deadline SECONDS COMMAND...: waits for the condition, not longer
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}
begun() { compgen -G 'stormy/checkpoints/step-*.h5' >/dev/null; }
restarted() { grep -q ', start 2,' "raven-$job.log"; }
ended() { [ -z "$(squeue -h -j "$job" 2>/dev/null)" ]; }

deadline 120 begun || fail "no checkpoint in 120 s"
scancel --signal=USR1 --batch "$job" || fail "scancel"
deadline 120 restarted || fail "the job did not start again"
deadline 240 ended || fail "the job did not end"

python3 - <<'PYTHON' || fail "the summaries"
import json
calm, stormy = (json.load(open(f"{name}/summary.json")) for name in ("calm", "stormy"))
assert calm["complete"] and stormy["complete"], "a run is not complete"
assert stormy["resumed_from_step"] > 0, "it began anew instead of resuming"
assert stormy["weights_sha256"] == calm["weights_sha256"], "the weights differ"
print("resumed from step", stormy["resumed_from_step"], "of", stormy["steps"], "to the same weights")
PYTHON
