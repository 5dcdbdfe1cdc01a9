"""Models that record a graph for each sample or window, and programs with models of their own: any crowd gives their bits.

usage: dynamic_test.py RAVEN [TEST...]
"""

import functools
import math
import pathlib
import subprocess
import unittest

import harness
from harness import DONE, MISTAKE, MPIRUN, OMPI_SERVER, EndToEnd, Launched, Run, attempts, finish, started, workshop

JOBS = pathlib.Path(__file__).resolve().parents[2] / "jobs"


class Case:
    """A job as it ships, on little data and for few steps."""

    def __init__(self, job, data, choices, make, *words):
        self.job, self.data, self.choices, self.make, self.words = job, data, choices, make, words

    @property
    def program(self):
        """The executable: raven, or a program that was built beside it."""
        raven = pathlib.Path(harness.raven_program)
        return raven.parent / "programs" / self.job.stem if self.job.parent.name == "programs" else raven

    def run(self, name):
        return Run(f"{self.job.stem}-{name}", self.job, self.program)

    def settings(self):
        sets = [f"data.{part}={workshop() / self.data / part}.yaml" for part in ("train", "valid")]
        return [word for one in [*sets, "checkpoint.every=50 ms", *self.words] for word in ("--set", one)]


CASES = {case.job.stem: case for case in (
    Case(JOBS / "char_gpt.yaml", "characters", 30, [["data", "make", "story", "--bytes", 20000, "--file", "story.txt"],
                                                    ["data", "import", "text", "story.txt", "--context", 32, "--folder", "characters"]],
         "train.steps=60", "schedule={cosine: {warmup: 5}}"),
    Case(JOBS / "word_lstm.yaml", "words", 400, [["data", "make", "story", "--bytes", 60000, "--file", "story2.txt"],
                                                 ["data", "import", "text", "story2.txt", "--unit", "word", "--vocabulary", 400,
                                                  "--context", 20, "--folder", "words"]],
         "train.steps=60"),
    # Plain SGD updates some rows of the table of words, and those travel.
    Case(JOBS / "tagger.yaml", "tags", 14, [["data", "make", "tags", "--count", 600, "--folder", "tags"]],
         "train.steps=60", "train.batch=16", "optimizer={sgd: {rate: 0.5}}"),
    Case(JOBS / "programs" / "tree_lstm.yaml", "trees", 5, [["data", "make", "trees", "--count", 600, "--folder", "trees"]],
         "train.steps=60", "train.batch=16"),
    Case(JOBS / "programs" / "word_tagger.yaml", "tags2", 14, [["data", "make", "tags", "--count", 600, "--folder", "tags2"]], "train.steps=60", "train.batch=16"),
    Case(JOBS / "programs" / "early_exit.yaml", "data", 10, [], "train.steps=60", "train.batch=32"))}


def raven(*words):
    result = subprocess.run([harness.raven_program, *map(str, words)], capture_output=True, text=True, cwd=workshop(),
                            timeout=harness.PATIENCE_S, env=harness.ENVIRONMENT)
    assert result.returncode == DONE, result.stderr


@functools.cache
def reference(name):
    """The run alone on one thread and undisturbed."""
    for words in CASES[name].make:
        raven(*words)
    run = CASES[name].run("alone")
    result = run.train("--threads", "1", *CASES[name].settings())
    assert result.returncode == DONE, result.stderr
    return run


class Dynamic(EndToEnd):
    def assert_as_reference(self, run, name):
        self.assertTrue(run.summary()["complete"])
        self.assertEqual(run.summary()["weights_sha256"], reference(name).summary()["weights_sha256"])

    def check_crowd(self, name):
        """Three contributors, of which one is killed; the run goes on when another has come in its place."""
        case, alone = CASES[name], reference(name)
        self.assertLess(alone.summary()["valid"]["loss"], math.log(case.choices))
        if not (MPIRUN and OMPI_SERVER):
            self.skipTest("needs mpirun and ompi-server")
        run = case.run("crowd")
        for attempt in attempts(run):
            launch = Launched(run, "-n", 3, *case.settings(), "--set", "contributors.min=3", "--set", "master_computes=false")
            try:
                with attempt:
                    launch.await_events("joined", 3)
                    launch.await_step(1)
                    launch.kill(launch.rank(4))
                    launch.await_events("lost")
                    with started(case.program, "join", run.folder) as newcomer:
                        self.assert_done(finish(launch.process))
                        self.assert_done(finish(newcomer))
            finally:
                launch.close()
        self.assertEqual(len(run.events("joined")), 4)
        self.assertEqual(len(run.events("lost")), 1)
        self.assert_as_reference(run, name)

    def test_char_gpt(self):
        self.check_crowd("char_gpt")

    def test_word_lstm(self):
        self.check_crowd("word_lstm")

    def test_tagger(self):
        self.check_crowd("tagger")

    def test_a_program_that_goes_up_trees(self):
        self.check_crowd("tree_lstm")

    def test_a_program_with_an_op_of_its_own_that_branches_on_values(self):
        self.check_crowd("early_exit")
        # It does branch: some samples took more than one thought, and some fewer than the most.
        self.assertTrue(1 < reference("early_exit").summary()["valid"]["thoughts"] < 6)

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_programs_under_mpirun(self):
        for name in ("tree_lstm", "word_tagger", "early_exit"):
            run = CASES[name].run("mpirun")
            reference(name)
            self.assert_done(run.train(*CASES[name].settings(), ranks=3))
            self.assert_as_reference(run, name)

    def test_a_job_of_a_program_needs_that_program(self):
        reference("tree_lstm")
        result = Run("no-program", CASES["tree_lstm"].job).train(*CASES["tree_lstm"].settings())
        self.assertEqual(result.returncode, MISTAKE)
        self.assertIn("programs/tree_lstm train", result.stderr)


if __name__ == "__main__":
    harness.main()
