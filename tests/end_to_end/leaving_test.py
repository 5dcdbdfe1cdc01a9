"""Contributors leave while training runs, by themselves or because somebody asks, and no work is lost.

usage: leaving_test.py RAVEN [TEST...]
"""

import os
import signal
import unittest

import harness
from harness import LONG, MISTAKE, MPIRUN, STEPS_PER_EPOCH, EndToEnd, Run, finish, started, wait_until

# The master computes nothing, so that what is done was done by those who come and go.
CROWD = ("--gateways", "1", "--set", "master_computes=false", "--set", "contributors.spawn=[{at_step: 0, count: 2}]", *LONG)


def newcomers(run, process, count):
    wait_until(lambda: len(run.events("joined")) >= count or process.poll() is not None, f"{count} contributors")
    return run.events("joined")


def raven(*words):
    with started(harness.raven_program, *words) as process:
        return finish(process)


@unittest.skipUnless(MPIRUN, "needs mpirun")
class Leaving(EndToEnd):
    def assert_left(self, run, peer):
        """It went in good order, handed in what it held, and was credited for it."""
        self.assertEqual([event["peer"] for event in run.events("left")], [peer])
        self.assertEqual(run.events("lost"), [])
        credited = run.summary()["contributors"]
        self.assertEqual(sum(one["samples"] for one in credited), run.summary()["samples"] + self.evaluated(run))
        self.assertEqual([one["peer"] for one in credited if not one["here_at_the_end"]], [peer])

    def evaluated(self, run):
        return sum(epoch["valid"]["samples"] for epoch in run.summary()["epochs"])

    def test_a_signal_drains_a_contributor_and_the_others_go_on(self):
        for which in (signal.SIGUSR1, signal.SIGTERM):
            with self.subTest(which.name):
                run = Run(f"drained-{which.name}")
                with run.training(*CROWD, ranks=2) as process:
                    first = newcomers(run, process, 2)[0]
                    self.assertTrue(run.wait_for_step(3, process))
                    os.kill(first["pid"], which)
                    self.assert_done(finish(process))
                self.assert_same_bits(run)
                self.assert_left(run, first["peer"])

    def test_somebody_asks_a_contributor_to_leave(self):
        run = Run("asked-to-leave")
        with run.training(*CROWD, ranks=2) as process:
            second = newcomers(run, process, 2)[1]
            self.assertTrue(run.wait_for_step(3, process))
            result = raven("leave", run.folder, second["peer"])
            self.assert_done(result)
            self.assertEqual([event["peer"] for event in run.events("left")], [second["peer"]])
            self.assert_done(finish(process))
        self.assert_same_bits(run)
        self.assert_left(run, second["peer"])

    def test_the_run_waits_when_everybody_has_left_and_goes_on_with_the_next(self):
        run = Run("all-left")
        with run.training(*CROWD, ranks=2) as process:
            node = newcomers(run, process, 2)[0]["node"]
            self.assertTrue(run.wait_for_step(STEPS_PER_EPOCH, process))
            self.assert_done(raven("leave", run.folder, "--node", node))
            self.assertEqual(len(run.events("left")), 2)
            wait_until(lambda: run.events("waiting"), "the master to wait")
            self.assert_done(raven("spawn", run.folder))
            self.assert_done(finish(process))
        self.assert_same_bits(run)

    def test_who_is_not_here_can_not_leave(self):
        run = Run("not-here")
        with run.training(*CROWD, ranks=2) as process:
            newcomers(run, process, 2)
            self.assertTrue(run.wait_for_step(1, process))
            wait_until((run.folder / "status.json").exists, "a status")
            result = raven("leave", run.folder, "77")
            self.assertEqual(result.returncode, MISTAKE)
            self.assertIn("no contributor 77 is here", result.stderr)
            self.assert_done(finish(process))
        self.assertEqual(run.events("left"), [])

    def test_without_gateways_it_says_what_to_do(self):
        run = Run("no-door")
        with run.training(*LONG) as process:
            self.assertTrue(run.wait_for_step(1, process))
            result = raven("leave", run.folder, "0")
            self.assertEqual(result.returncode, MISTAKE)
            self.assertIn("SIGUSR1", result.stderr)


if __name__ == "__main__":
    harness.main()
