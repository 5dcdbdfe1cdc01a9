# What the Slurm tests share; to be sourced by `TEST RAVEN FOLDER` with NODES set. Starts the cluster and a calm run's weights; every
# test compares with those at its end.
# shellcheck shell=bash
raven=$(realpath "$1")
work=$(realpath -m "$2")
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
rm -rf "$work"
mkdir -p "$work"

fail() {
  echo "FAILED: $*"
  squeue 2>/dev/null
  for log in "$work"/raven-*.log "$work"/stormy/events.jsonl "$work"/slurm/log/slurm*; do
    [ -e "$log" ] && { echo "--- $log"; tail -n 30 "$log" | cut -c 1-400; }
  done
  exit 1
}

environment=$("$here/cluster.sh" start "$work/slurm" "$NODES") || { code=$?; "$here/cluster.sh" stop "$work/slurm"; exit $code; }
trap '"$here/cluster.sh" stop "$work/slurm"' EXIT
eval "$environment"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 RAVEN=$raven
# Other tests give this machine interfaces and take them away again; a run must not lean on those.
export OMPI_MCA_btl_tcp_if_exclude=127.0.0.0/8,198.18.0.0/15
cd "$work" || exit 1

# calm EPOCHS: makes the data and the job, and trains it undisturbed
calm() {
  "$raven" data make digits --count 2000 --seed 1 --folder data >/dev/null || fail "no data"
  cat >job.yaml <<YAML
name: digits
seed: 1
data: {train: data/train.yaml, valid: data/valid.yaml}
model:
  - conv2d: {channels: 16, kernel: 3, padding: 1, activation: relu}
  - flatten
  - linear: {features: 10}
loss: cross_entropy
optimizer: {sgd: {rate: 0.05, momentum: 0.9}}
train: {epochs: $1, batch: 64, snippets: 8}
checkpoint: {every: 1 s, keep: 3}
YAML
  "$raven" train job.yaml --run calm --quiet --threads 1 >calm.log 2>&1 || fail "the calm run: $(tail -n 3 calm.log)"
}

# deadline SECONDS COMMAND...: waits for the condition, not longer
deadline() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}
# several EVENT COUNT: the stormy run tells of so many
several() { [ "$(cat stormy/events.jsonl 2>/dev/null | grep -c "\"event\":\"$1\"")" -ge "$2" ]; }
ended() { [ -z "$(squeue -h -j "$1" 2>/dev/null)" ]; }
# starts JOB: how often it was started
starts() { cat "raven-$1.log" 2>/dev/null | grep -c '^raven.sbatch: .*, start '; }

# The stormy run's weights are the calm one's.
same_weights() {
  python3 - <<'PYTHON' || fail "the summaries"
import json
calm, stormy = (json.load(open(f"{name}/summary.json")) for name in ("calm", "stormy"))
assert calm["complete"] and stormy["complete"], "a run is not complete"
assert stormy["weights_sha256"] == calm["weights_sha256"], "the weights differ"
events = [json.loads(line)["event"] for line in open("stormy/events.jsonl")]
print("the same weights;", {kind: events.count(kind) for kind in ("resumed", "joined", "left", "lost")})
PYTHON
}
