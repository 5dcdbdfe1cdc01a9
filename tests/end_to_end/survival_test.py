"""Kills, stops and damage at any time: the same command goes on, to the same weights_sha256.

usage: survival_test.py RAVEN [TEST...]
"""

import contextlib
import os
import random
import re
import signal
import unittest

import harness
from harness import DONE, LONG, MISTAKE, MPIRUN, STEPS, EndToEnd, Run, attempts, children_of, environment_of
from harness import living_children_of, wait_until

SEED = int(os.environ.get("RAVEN_TEST_SEED", "20"))  # another one strikes at other moments
dice = random.Random(SEED)


def kill_all(process, _run):
    """kill -9 of every process, contributors first or last by chance."""
    pids = [process.pid, *children_of(process.pid)]
    dice.shuffle(pids)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def ranks_joined(run, count):
    """@return the events of the contributors that are ranks, without the master's own; None before so many have come"""
    joined = [event for event in run.events("joined") if event["peer"] <= count]
    return joined if len(joined) == count else None


def send(which):
    return lambda process, _run: os.kill(process.pid, which)


class Kills(EndToEnd):
    def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(self):
        run = Run("killed-alone")
        for attempt in attempts(run):
            with attempt:
                for step in sorted(dice.sample(range(1, STEPS), 4)):
                    with run.training(*attempt.long()) as process:
                        run.await_step(step, process)
                        kill_all(process, run)
                if (run.folder / "summary.json").exists():
                    raise harness.TooLate("the run was over before it was killed")
        self.assert_done(run.train(*attempt.long()))
        self.assert_same_bits(run)
        self.assertGreater(run.summary()["resumed_from_step"], 0)

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_a_crowd_that_is_killed_is_followed_by_another_crowd(self):
        run, result = self.interrupted_run("killed-crowd", dice.randrange(1, STEPS // 2), kill_all, ranks=3)
        self.assertNotEqual(result.returncode, DONE)
        self.assert_done(run.train(ranks=2))
        self.assert_same_bits(run)

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_contributors_leave_when_their_master_is_killed(self):
        def kill_master(process, _run):
            for pid in children_of(process.pid):
                if environment_of(pid).get("OMPI_COMM_WORLD_RANK") == "0":
                    os.kill(pid, signal.SIGKILL)

        # That mpirun ends at all shows that every contributor did.
        run, result = self.interrupted_run("killed-master", dice.randrange(1, STEPS // 2), kill_master,
                                           "--set", "contributors.min=3", ranks=4)
        self.assertEqual(len(re.findall("contributor on rank [123] ends: the master is (gone|silent)", result.stderr)), 3,
                         result.stderr)
        self.assert_done(run.train())
        self.assert_same_bits(run)

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_the_rest_go_on_when_a_contributor_is_killed(self):
        for computes in ("true", "false"):
            with self.subTest(master_computes=computes):
                run = Run(f"killed-contributor-{computes}")
                # Long enough for the death to be noticed; the run itself does not wait for that.
                for attempt in attempts(run):
                    with attempt, run.training(*attempt.long(), "--set", f"master_computes={computes}", ranks=4) as process:
                        run.await_step(dice.randrange(3, STEPS // 2), process)
                        crowd = run.await_that(lambda: ranks_joined(run, 3), "three contributors", process)
                        victim = dice.choice(crowd)
                        os.kill(victim["pid"], signal.SIGKILL)
                        run.await_events("lost", 1, process)
                        self.assert_done(harness.finish(process))
                self.assert_same_bits(run)
                lost = [event["peer"] for event in run.events("lost")]
                self.assertEqual(lost, [victim["peer"]])
                gone = [one["peer"] for one in run.summary()["contributors"] if not one["here_at_the_end"]]
                self.assertEqual(gone, [victim["peer"]])

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_the_master_goes_on_alone_when_every_contributor_is_killed(self):
        run = Run("killed-contributors")
        for attempt in attempts(run):
            with attempt, run.training(*attempt.long(), "--set", "master_computes=true", ranks=3) as process:
                run.await_step(3, process)
                for event in run.await_that(lambda: ranks_joined(run, 2), "two contributors", process):
                    os.kill(event["pid"], signal.SIGKILL)
                run.await_events("lost", 2, process)
                self.assert_done(harness.finish(process))
        self.assert_same_bits(run)


class Stops(EndToEnd):
    def test_a_stop_ends_with_a_checkpoint_and_goes_on_later(self):
        for which, code in ((signal.SIGTERM, DONE), (signal.SIGUSR1, DONE), (signal.SIGINT, harness.INTERRUPTED)):
            with self.subTest(which.name):
                run, result = self.interrupted_run(f"stopped-{which.name}", dice.randrange(1, STEPS // 2), send(which))
                self.assertEqual((result.returncode, run.events()[-1]["event"]), (code, "stopped"), result.stderr)
                summary = run.summary()
                self.assertFalse(summary["complete"])
                self.assertEqual(run.checkpoints()[-1].name, f"step-{summary['steps']:010}.h5")
                self.assertIn("run the same command to go on", result.stdout)
                result = run.train()
                self.assert_done(result)
                self.assertIn(f"at step {summary['steps']}", result.stderr)
                self.assertEqual(run.summary()["resumed_from_step"], summary["steps"])
                self.assert_same_bits(run)

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_mpirun_passes_a_stop_on(self):
        def send_and_see_off(which):
            def hit(process, _run):
                os.kill(process.pid, which)
                # mpirun of Open MPI 4.1 may wait for itself for ever after a SIGTERM, once every rank has ended (in one
                # of forty stops; PMIx_server_finalize). What it was to do is done by then.
                if which == signal.SIGTERM:
                    wait_until(lambda: not living_children_of(process.pid), "all ranks to end")
                    process.kill()
            return hit

        for which in (signal.SIGTERM, signal.SIGUSR1):
            for computes in ("true", "false"):
                with self.subTest(which.name, master_computes=computes):
                    words = (*LONG, "--set", f"master_computes={computes}")
                    run, _ = self.interrupted_run(f"stopped-crowd-{which.name}-{computes}", dice.randrange(1, STEPS // 2),
                                                  send_and_see_off(which), *words, ranks=3)
                    self.assertFalse(run.summary()["complete"])
                    self.assertEqual(run.events()[-1]["event"], "stopped")
                    self.assert_done(run.train(*words, ranks=3))
                    self.assert_same_bits(run)


class Damage(EndToEnd):
    def stopped_run(self, name):
        run, _ = self.interrupted_run(name, STEPS // 2, send(signal.SIGTERM))
        # The first one and that of the stop, at least: on a busy machine newer ones overtake those that wait to be written.
        self.assertIn(len(run.checkpoints()), (2, 3))
        return run

    def test_a_damaged_newest_checkpoint_is_passed_over_for_the_one_before(self):
        def cut(content):
            return content[:dice.randrange(len(content))]

        def flip(content):
            at = dice.randrange(len(content))
            return content[:at] + bytes([content[at] ^ 1 << dice.randrange(8)]) + content[at + 1:]

        for hurt in (cut, flip):
            with self.subTest(hurt.__name__):
                run = self.stopped_run(f"damaged-{hurt.__name__}")
                before, newest = run.checkpoints()[-2:]
                newest.write_bytes(hurt(newest.read_bytes()))
                result = run.train()
                self.assert_done(result)
                self.assertIn(f"warning: passed over {newest}", result.stderr)
                self.assertIn(f"resumed from {before}", result.stderr)
                passed_over, resumed = run.events("passed_over"), run.events("resumed")
                self.assertEqual([event["file"] for event in passed_over], [newest.name])
                self.assertTrue(passed_over[0]["reason"])
                self.assertEqual([event["file"] for event in resumed], [before.name])
                self.assert_same_bits(run)

    def test_a_run_whose_checkpoints_are_all_damaged_is_not_begun_again_unasked(self):
        run = self.stopped_run("all-damaged")
        damaged = run.checkpoints()
        for file in damaged:
            file.write_bytes(file.read_bytes()[:-1])
        result = run.train()
        self.assertEqual((result.returncode, result.stdout), (MISTAKE, ""))
        self.assertRegex(result.stderr, rf"^raven: .*: none of the {len(damaged)} checkpoints here can be read; .*\n$")
        self.assertEqual(run.checkpoints(), damaged)
        self.assert_done(run.train("--fresh"))
        self.assert_same_bits(run)

    def test_what_a_killed_writer_left_is_swept_away(self):
        run = self.stopped_run("leftover")
        newest = run.checkpoints()[-1]
        leftover = newest.with_name(f"step-{STEPS:010}.h5.part-1")
        leftover.write_bytes(newest.read_bytes()[:1000])
        self.assert_done(run.train())
        self.assert_same_bits(run)
        self.assertFalse(leftover.exists())


if __name__ == "__main__":
    harness.main()
