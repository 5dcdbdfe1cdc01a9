#!/bin/bash
# preemption_test.sh RAVEN FOLDER: contributors in a partition of scavengers give way to a job that comes first, queue again and join
# again, and the weights are those of an undisturbed run. Exit 77, with the reason, where no Slurm can run.
set -u
NODES=1
# shellcheck source=tests/slurm/common.sh
. "$(dirname "$(realpath "$0")")/common.sh"
calm 40

# Of four CPUs the master has one and the scavengers two; the job that wants two more takes one of theirs at least.
job=$(sbatch --parsable --ntasks=1 --time=10 "$root/slurm/raven.sbatch" job.yaml --run stormy --quiet --threads 1 \
  --set master_computes=false) || fail "sbatch of the master"
crowd=$(sbatch --parsable --partition=scavenge --array=1-2 --time=10 "$root/slurm/contributors.sbatch" "$work/stormy") ||
  fail "sbatch of contributors"
deadline 60 several joined 2 || fail "two contributors did not join"
first=$(sbatch --parsable --ntasks=3 --time=1 --output=first.log --wrap 'until [ -e go ]; do sleep 0.1; done') || fail "sbatch of the first"
runs() { squeue -h -j "$first" -o %t | grep -qx R; }
deadline 90 runs || fail "nobody gave way"
several left 2 || fail "whoever gave way did not hand in and leave"
touch go
deadline 120 several joined 4 || fail "who gave way did not come again"
deadline 240 ended "$job" || fail "the run did not end"
deadline 60 ended "$crowd" || fail "the contributors did not end"
same_weights
