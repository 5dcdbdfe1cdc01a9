"""`numerics: strict` keeps kernels apart that give other bits, under mpirun, on joining and on going on.

OpenBLAS's kernels for unlike CPUs agree in many shapes; these rows of 1000 numbers and ten classes are of those in which they don't.

usage: numerics_test.py RAVEN [TEST...]
"""

import functools
import pathlib
import signal
import subprocess
import unittest

import numpy

import harness
from harness import ENVIRONMENT, MISTAKE, MPIRUN, MPIRUN_FLAGS, OMPI_SERVER, EndToEnd, Run, finish, ompi_server, started

FLAGS = pathlib.Path("/proc/cpuinfo").read_text().split()
# Two kinds of kernels that this CPU can run, the second ones another's.
OURS, OTHERS = (("SkylakeX", "Cooperlake") if "avx512f" in FLAGS else ("Haswell", "Zen")) if "avx2" in FLAGS else (None, None)
JOB = """\
name: wide
seed: 3
data: {train: wide/train.yaml}
model: [{linear: {features: 10}}]
loss: cross_entropy
optimizer: {sgd: {rate: 0.05}}
train: {epochs: 2, batch: 128, snippets: 1}
contributors: {heartbeat: 100 ms, lost_after: 20 s}
checkpoint: {every: 1 ms}
"""


@functools.cache
def wide_job():
    folder = harness.workshop()
    random = numpy.random.default_rng(5)
    numpy.save(folder / "x.npy", random.uniform(-1, 1, (2000, 1000)).astype(numpy.float32))
    numpy.save(folder / "y.npy", random.integers(0, 10, 2000).astype(numpy.int32))
    subprocess.run([harness.raven_program, "data", "import", "npy", folder / "x.npy", folder / "y.npy", "--name", "wide",
                    "--folder", folder / "wide"], check=True, capture_output=True, timeout=harness.PATIENCE_S)
    (folder / "wide.yaml").write_text(JOB)
    return "wide.yaml"


def with_kernels(kernels, environment=None):
    return {**(environment or ENVIRONMENT), "OPENBLAS_CORETYPE": kernels}


@unittest.skipUnless(OURS, "needs a CPU with AVX2")
class Numerics(EndToEnd):
    def run_of(self, name):
        return Run(name, wide_job())

    def train_with(self, kernels, run, *words):
        with started(*run.command(*words), environment=with_kernels(kernels)) as process:
            return finish(process)

    @functools.cache
    def expected(self):
        run = self.run_of("numerics-expected")
        self.assert_done(self.train_with(OURS, run))
        return run.summary()["weights_sha256"]

    def assert_names_both(self, text):
        self.assertIn(OURS, text)
        self.assertIn(OTHERS, text)

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_a_rank_with_other_kernels_is_refused_and_told_both_names(self):
        run = self.run_of("numerics-mpirun")
        rank = [harness.raven_program, "train", str(run.job), "--run", str(run.folder)]
        with started(MPIRUN, *MPIRUN_FLAGS, "-n", 1, "-x", f"OPENBLAS_CORETYPE={OURS}", *rank,
                     ":", "-n", 1, "-x", f"OPENBLAS_CORETYPE={OTHERS}", *rank) as process:
            result = finish(process)
        self.assert_done(result)
        refused = run.events("refused")
        self.assertEqual(len(refused), 1, run.events())
        self.assert_names_both(refused[0]["reason"])
        self.assertEqual(run.summary()["weights_sha256"], self.expected())

    @unittest.skipUnless(MPIRUN and OMPI_SERVER, "needs mpirun and ompi-server")
    def test_who_joins_with_other_kernels_is_refused_and_told_both_names(self):
        run = self.run_of("numerics-join")
        words = ("--gateways", "1", "--set", "master_computes=false", "--set", "contributors.min=1")
        with ompi_server() as server, started(
                *run.command(*words, ranks=2), environment=with_kernels(OURS, harness.with_server(server))) as process:
            run.await_events("gateway_open", 1, process)
            with started(harness.raven_program, "join", run.folder, environment=with_kernels(OTHERS)) as stranger:
                result = finish(stranger)
            self.assertNotEqual(result.returncode, 0)
            self.assert_names_both(result.stderr)
            with started(harness.raven_program, "join", run.folder, environment=with_kernels(OURS)) as friend:
                self.assert_done(finish(process))
                self.assert_done(finish(friend))
        self.assertEqual(run.summary()["weights_sha256"], self.expected())

    def test_a_run_goes_on_with_its_own_kernels_only(self):
        run = self.run_of("numerics-resume")
        with started(*run.command("--set", "train.epochs=100000"), environment=with_kernels(OURS)) as process:
            run.await_step(3, process)
            process.send_signal(signal.SIGTERM)
            self.assert_done(finish(process))
        before = run.checkpoints()[-1].read_bytes()
        result = self.train_with(OTHERS, run, "--set", "train.epochs=100000")
        self.assertEqual(result.returncode, MISTAKE, result.stderr)
        self.assert_names_both(result.stderr)
        self.assertEqual(run.checkpoints()[-1].read_bytes(), before)

    def test_a_name_that_openblas_does_not_know_is_told(self):
        run = self.run_of("numerics-bogus")
        result = self.train_with("bogus", run, "--set", "train.steps=1")
        self.assert_done(result)
        self.assertIn("OPENBLAS_CORETYPE=bogus", result.stderr)


if __name__ == "__main__":
    harness.main()
