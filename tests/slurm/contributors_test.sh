#!/bin/bash
# contributors_test.sh RAVEN FOLDER: a run in one Slurm job, contributors from the elements of another that is an array; one is
# cancelled, one is asked for its node back and comes again, and the weights are those of an undisturbed run.
# Exit 77, with the reason, where no Slurm can run.
set -u
raven=$(realpath "$1")
work=$(realpath -m "$2")
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
rm -rf "$work"
mkdir -p "$work"
fail() {
  echo "FAILED: $*"
  for log in "$work"/raven-*.log "$work"/stormy/events.jsonl "$work"/slurm/log/slurmctld "$work"/slurm/log/slurmd; do
    [ -e "$log" ] && { echo "--- $log"; tail -n 30 "$log"; }
  done
  exit 1
}

environment=$("$here/cluster.sh" start "$work/slurm") || { code=$?; "$here/cluster.sh" stop "$work/slurm"; exit $code; }
trap '"$here/cluster.sh" stop "$work/slurm"' EXIT
eval "$environment"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
cd "$work" || exit 1

"$raven" data make digits --count 2000 --seed 1 --folder data >/dev/null || fail "no data"
cat >job.yaml <<'YAML'
name: joined
seed: 1
data: {train: data/train.yaml, valid: data/valid.yaml}
model:
  - conv2d: {channels: 16, kernel: 3, padding: 1, activation: relu}
  - flatten
  - linear: {features: 10}
loss: cross_entropy
optimizer: {sgd: {rate: 0.05, momentum: 0.9}}
train: {epochs: 40, batch: 64, snippets: 8}
checkpoint: {every: 1 s, keep: 3}
YAML
"$raven" train job.yaml --run calm --quiet --threads 1 >calm.log 2>&1 || fail "the calm run: $(tail -n 3 calm.log)"

# The master computes nothing, so that the run is not over before contributors come.
master=$(RAVEN=$raven sbatch --parsable --ntasks=1 --time=10 "$root/slurm/raven.sbatch" job.yaml --run stormy --quiet \
  --threads 1 --set master_computes=false) || fail "sbatch of the master"
crowd=$(RAVEN=$raven sbatch --parsable --array=1-2 --time=10 "$root/slurm/contributors.sbatch" "$work/stormy") ||
  fail "sbatch of contributors"

deadline() { # deadline SECONDS COMMAND...: waits for the condition, not longer
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}
several() { [ "$(cat stormy/events.jsonl 2>/dev/null | grep -c "\"event\":\"$1\"")" -ge "$2" ]; }
ended() { [ -z "$(squeue -h -j "$1" 2>/dev/null)" ]; }

deadline 60 several joined 2 || fail "two contributors did not join"
scancel --signal=USR1 --batch "${crowd}_1" || fail "scancel --signal=USR1"
deadline 30 several left 1 || fail "the one that was asked did not leave"
scancel "${crowd}_2" || fail "scancel"
deadline 60 several joined 3 || fail "the one that had left did not come again"
deadline 240 ended "$master" || fail "the run did not end"
deadline 60 ended "$crowd" || fail "the contributors did not end"

python3 - <<'PYTHON' || fail "the summaries"
import json
calm, stormy = (json.load(open(f"{name}/summary.json")) for name in ("calm", "stormy"))
assert calm["complete"] and stormy["complete"], "a run is not complete"
assert stormy["weights_sha256"] == calm["weights_sha256"], "the weights differ"
print(len(stormy["contributors"]), "contributors came and went, to the same weights")
PYTHON
