#!/bin/bash
# limit_test.sh RAVEN FOLDER: a job meets its time limit in mid-run: Slurm signals it beforehand, it writes a checkpoint, queues again
# by itself, and ends with the weights of an undisturbed run. Exit 77, with the reason, where no Slurm can run.
set -u
NODES=1
# shellcheck source=tests/slurm/common.sh
. "$(dirname "$(realpath "$0")")/common.sh"
calm 40

# The master computes nothing: without contributors the run lasts as long as one likes.
job=$(sbatch --parsable --ntasks=1 --time=1 --signal=B:USR1@25 "$root/slurm/raven.sbatch" job.yaml --run stormy --quiet \
  --threads 1 --set master_computes=false) || fail "sbatch"
contribute() {
  crowd=$(sbatch --parsable --array=1 --time=10 "$root/slurm/contributors.sbatch" "$work/stormy") || fail "sbatch of contributors"
}
restarted() { [ "$(starts "$job")" -ge 2 ]; }
contribute
deadline 60 several checkpoint 3 || fail "no checkpoint"
scancel "$crowd" || fail "scancel"
deadline 60 ended "$crowd" || fail "the contributor did not end"
several left 1 || fail "the cancelled contributor did not hand in and leave"
deadline 150 restarted || fail "the limit did not requeue the job"
contribute
deadline 240 ended "$job" || fail "the job did not end"
deadline 60 ended "$crowd" || fail "the contributor did not end"
several resumed 1 || fail "it began anew instead of resuming"
same_weights
