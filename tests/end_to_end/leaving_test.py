"""Contributors leave while training runs, by themselves or because somebody asks, and no work is lost.

usage: leaving_test.py RAVEN [TEST...]
"""

import os
import signal
import unittest

import harness
from harness import ENDLESS, MISTAKE, MPIRUN, STEPS_PER_EPOCH, EndToEnd, Run, attempts, finish, started

# The master computes nothing, so that what is done was done by those who come and go.
CROWD = ("--gateways", "1", "--set", "master_computes=false", "--set", "contributors.spawn=[{at_step: 0, count: 2}]")


def two_at_work(run, process):
    """Waits until both have come and training is under way. @return how they joined"""
    joined = run.await_events("joined", 2, process)
    run.await_step(3, process)
    return joined


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
                for attempt in attempts(run):
                    with attempt, run.training(*CROWD, *attempt.long(), ranks=2) as process:
                        first = two_at_work(run, process)[0]
                        os.kill(first["pid"], which)
                        run.await_events("left", 1, process)
                        self.assert_done(finish(process))
                self.assert_same_bits(run)
                self.assert_left(run, first["peer"])

    def test_somebody_asks_a_contributor_to_leave(self):
        run = Run("asked-to-leave")
        for attempt in attempts(run):
            with attempt, run.training(*CROWD, *attempt.long(), ranks=2) as process:
                second = two_at_work(run, process)[1]
                result = raven("leave", run.folder, second["peer"])
                left = run.events("left")
                run.await_events("left", 1, process)
                self.assert_done(result)
                self.assertEqual([event["peer"] for event in left], [second["peer"]])
                self.assert_done(finish(process))
        self.assert_same_bits(run)
        self.assert_left(run, second["peer"])

    def test_the_run_waits_when_everybody_has_left_and_goes_on_with_the_next(self):
        run = Run("all-left")
        for attempt in attempts(run):
            with attempt, run.training(*CROWD, *attempt.long(), ranks=2) as process:
                node = two_at_work(run, process)[0]["node"]
                run.await_step(STEPS_PER_EPOCH, process)
                result = raven("leave", run.folder, "--node", node)
                left = run.events("left")
                run.await_events("left", 2, process)
                self.assert_done(result)
                self.assertEqual(len(left), 2)
                run.await_events("waiting", 1, process)
                self.assert_done(raven("spawn", run.folder))
                self.assert_done(finish(process))
        self.assert_same_bits(run)

    def test_who_is_not_here_can_not_leave(self):
        run = Run("not-here")
        with run.training(*CROWD, *ENDLESS, ranks=2) as process:
            two_at_work(run, process)
            run.await_that((run.folder / "status.json").exists, "a status", process)
            result = raven("leave", run.folder, "77")
            self.assertEqual(result.returncode, MISTAKE)
            self.assertIn("no contributor 77 is here", result.stderr)
            run.await_step(run.last_step() + 2, process)
            self.assertEqual(run.events("left"), [])

    def test_without_gateways_it_says_what_to_do(self):
        run = Run("no-door")
        with run.training(*ENDLESS) as process:
            run.await_step(1, process)
            result = raven("leave", run.folder, "0")
            self.assertEqual(result.returncode, MISTAKE)
            self.assertIn("SIGUSR1", result.stderr)


if __name__ == "__main__":
    harness.main()
