#!/bin/bash
# requeue_test.sh RAVEN FOLDER: a job that is signalled in mid-run writes a checkpoint, queues again, goes on with the contributor of
# another job, which has waited, and ends with the weights of a run that nobody disturbed. Exit 77, with the reason, where no Slurm can run.
set -u
NODES=1
# shellcheck source=tests/slurm/common.sh
. "$(dirname "$(realpath "$0")")/common.sh"
calm 40

job=$(RAVEN_MPIRUN="-mca btl self,vader,tcp" sbatch --parsable --ntasks=1 --time=10 "$root/slurm/raven.sbatch" job.yaml \
  --run stormy --quiet --threads 1 --set master_computes=false) || fail "sbatch"
crowd=$(sbatch --parsable --array=1 --time=10 "$root/slurm/contributors.sbatch" "$work/stormy") || fail "sbatch of contributors"

begun() { compgen -G 'stormy/checkpoints/step-*.h5' >/dev/null; }
restarted() { [ "$(starts "$job")" -ge 2 ]; }
deadline 120 begun || fail "no checkpoint in 120 s"
scancel --signal=USR1 --batch "$job" || fail "scancel"
deadline 120 restarted || fail "the job did not start again"
deadline 240 ended "$job" || fail "the job did not end"
deadline 60 ended "$crowd" || fail "the contributor did not end"
several resumed 1 || fail "it began anew instead of resuming"
same_weights
