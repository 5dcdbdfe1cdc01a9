#!/bin/bash
# contributors_test.sh RAVEN FOLDER: a run in one Slurm job, contributors from the elements of another that is an array; one is
# cancelled, one is asked for its node back and comes again, and the weights are those of an undisturbed run.
# Exit 77, with the reason, where no Slurm can run.
set -u
NODES=1
# shellcheck source=tests/slurm/common.sh
. "$(dirname "$(realpath "$0")")/common.sh"
calm 40

# The master computes nothing, so that the run is not over before contributors come.
master=$(sbatch --parsable --ntasks=1 --time=10 "$root/slurm/raven.sbatch" job.yaml --run stormy --quiet --threads 1 \
  --set master_computes=false) || fail "sbatch of the master"
crowd=$(sbatch --parsable --array=1-2 --time=10 "$root/slurm/contributors.sbatch" "$work/stormy") || fail "sbatch of contributors"

deadline 60 several joined 2 || fail "two contributors did not join"
scancel --signal=USR1 --batch "${crowd}_1" || fail "scancel --signal=USR1"
deadline 30 several left 1 || fail "the one that was asked did not leave"
scancel "${crowd}_2" || fail "scancel"
deadline 30 several left 2 || fail "the one that was cancelled did not hand in and leave"
deadline 60 several joined 3 || fail "the one that had left did not come again"
deadline 240 ended "$master" || fail "the run did not end"
deadline 60 ended "$crowd" || fail "the contributors did not end"
same_weights
