#!/bin/bash
# nodes_test.sh RAVEN FOLDER: a run over three nodes, each with an mpirun of its own; one loses its power in mid-run, the others go on,
# and the weights are those of an undisturbed run. Exit 77, with the reason, where no Slurm of several nodes can run.
set -u
NODES=3
# shellcheck source=tests/slurm/common.sh
. "$(dirname "$(realpath "$0")")/common.sh"
calm 60

job=$(sbatch --parsable --nodes=3 --ntasks=3 --ntasks-per-node=1 --time=10 "$root/slurm/raven.sbatch" job.yaml --run stormy --quiet \
  --threads 1 --set master_computes=false --set contributors.lost_after=2s) || fail "sbatch"
deadline 90 several joined 2 || fail "the other nodes did not join"
deadline 60 several checkpoint 2 || fail "no checkpoint"
"$here/cluster.sh" lose "$work/slurm" 3 || fail "the node can't be lost"
deadline 30 several lost 1 || fail "the loss was not seen"
deadline 300 ended "$job" || fail "the job did not end"
[ "$(starts "$job")" = 1 ] || fail "the job was started more than once"
same_weights
