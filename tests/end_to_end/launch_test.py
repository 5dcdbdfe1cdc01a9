"""`raven launch`: whatever is killed, the weights are those of a quiet run, the exit code is true, nothing is left running.

usage: launch_test.py RAVEN [TEST...]
"""

import contextlib
import os
import pathlib
import signal
import unittest

import harness
import knocking
from harness import ENDLESS, FAILURE, LONG, MISTAKE, MPIRUN, OMPI_SERVER, EndToEnd, Launched, Run, attempts
from harness import finish, started, wait_until, words_of

# Runs a command on a "node": this machine under another name.
AGENT = """\
#!/bin/sh
node=$1; shift
if [ "$(id -u)" = 0 ]; then exec unshare --uts sh -c "hostname $node; $*"; fi
exec sh -c "$*"
"""


def parent_of(pid):
    """@return its pid, or None when the child has gone"""
    with contextlib.suppress(OSError):
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[1])
    return None


@unittest.skipUnless(MPIRUN and OMPI_SERVER, "needs mpirun and ompi-server")
class Launching(EndToEnd):
    @contextlib.contextmanager
    def launched(self, run, *words):
        launch = Launched(run, *words)
        try:
            yield launch
        finally:
            launch.close()

    def assert_nothing_left(self, launch):
        self.assertEqual([words_of(pid) for pid in launch.pids()], [])

    def assert_trained(self, launch):
        self.assert_done(finish(launch.process))
        self.assert_same_bits(launch.run)
        self.assert_nothing_left(launch)

    def stop_in_time(self, run, *words):
        """Starts a run and asks it to stop, which it must do before it is complete."""
        with self.launched(run, *words) as launch:
            launch.await_step(5)
            launch.process.send_signal(signal.SIGTERM)
            self.assert_done(finish(launch.process))
            self.assert_nothing_left(launch)
            if run.summary()["complete"]:
                raise harness.TooLate("the run was over before it could stop")

    def test_a_quiet_run(self):
        with self.launched(Run("launch-quiet"), "-n", 2) as launch:
            self.assert_trained(launch)

    def test_a_killed_master_is_started_again_and_its_contributors_come_back(self):
        run = Run("launch-master-killed")
        for attempt in attempts(run):
            # It waits for both: one alone might be done with the rest before the other is back.
            with attempt, self.launched(run, "-n", 2, *attempt.long(), "--set", "contributors.min=2") as launch:
                launch.await_step(5)
                launch.kill(launch.rank(0))
                launch.await_events("resumed")
                self.assert_trained(launch)
        self.assertEqual(len(run.events("resumed")), 1)
        before, after = [event["pid"] for event in run.events("joined")[:2]], run.events("joined")[2:]
        self.assertLessEqual({*before}, {event["pid"] for event in after}, run.events())

    def test_a_killed_mpirun_is_started_again(self):
        run = Run("launch-mpirun-killed")
        for attempt in attempts(run):
            with attempt, self.launched(run, "-n", 1, *attempt.long()) as launch:
                launch.await_step(5)
                launch.kill(launch.mpirun())
                launch.await_events("resumed")
                self.assert_trained(launch)
        self.assertEqual(len(run.events("resumed")), 1)

    def test_a_rank_that_dies_before_all_have_found_each_other_holds_up_nobody(self):
        with self.launched(Run("launch-stillborn"), "-n", 1, *LONG) as launch:
            launch.kill(wait_until(lambda: launch.rank(2), "the contributor"))
            self.assert_trained(launch)

    def test_an_mpirun_that_does_not_start_is_told_once(self):
        with self.launched(Run("launch-no-mpirun"), "-n", 0, "--mpirun=-mca", "--mpirun=btl", "--mpirun=self", "--mpirun=-mca",
                           "--mpirun=btl", "--mpirun=tcp") as launch:
            result = finish(launch.process)
            self.assertEqual(result.returncode, MISTAKE, result.stderr)
            self.assertIn("mpirun does not start", result.stderr)
            self.assertNotIn("again", result.stderr.splitlines()[-1])

    def test_contributors_of_a_killed_gateway_come_back_by_another(self):
        run = Run("launch-gateway-killed")
        for attempt in attempts(run):
            # It waits for both: one alone might be done with the rest before the other is back.
            with attempt, self.launched(run, "-n", 0, "--gateways", 2, *attempt.long(), "--set", "master_computes=false", "--set",
                                        "contributors.min=2", "--set", "contributors.spawn=[{at_step: 0, count: 2}]") as launch:
                launch.await_step(1)
                launch.kill(launch.rank(run.events("spawning")[0]["gateway"]))
                launch.await_events("gateway_lost")
                self.assert_trained(launch)
        self.assertEqual(len(run.events("gateway_lost")), 1)
        pids = [event["pid"] for event in run.events("joined")]
        self.assertEqual({*pids[:2]}, {*pids[2:]})  # the same processes; on a busy machine one may need two tries

    def test_a_wedged_gateway_relays_on_and_the_next_lets_newcomers_in(self):
        run = Run("launch-gateway-wedged")
        for attempt in attempts(run):
            with attempt, self.launched(run, "-n", 0, "--gateways", 2, *attempt.long(), "--set", "master_computes=false", "--set",
                                        "contributors.let_in=1s", "--set", "contributors.spawn=[{at_step: 0, count: 1}]") as launch:
                launch.await_step(1)
                used = run.events("spawning")[0]["gateway"]
                doors = {event["gateway"]: event["port"] for event in launch.await_events("gateway_open", 2)}
                # It is let in, and does not come.
                connection, port = knocking.knock(run, doors[used], harness.PATIENCE_S)
                self.addCleanup(connection.close)
                self.assertTrue(port)
                wedged = launch.await_events("gateway_wedged")
                self.assertEqual([event["gateway"] for event in wedged], [used])
                launch.await_step(run.last_step() + 3)
                with started(harness.raven_program, "join", run.folder, "--threads", 1) as newcomer:
                    launch.await_that(lambda: newcomer.pid in [event["pid"] for event in run.events("joined")], "a newcomer")
                    self.assert_trained(launch)
                    self.assert_done(finish(newcomer))
        self.assertEqual(run.events("lost"), [])

    def test_a_killed_launcher_leaves_nothing_behind(self):
        run = Run("launcher-killed")
        for attempt in attempts(run):
            with attempt, self.launched(run, "-n", 1, *attempt.long()) as launch:
                launch.await_step(5)
                launch.kill(launch.process.pid)
                launch.process.wait()
                wait_until(lambda: not launch.pids(), "all to end")
        with self.launched(run, "-n", 1, *attempt.long()) as launch:
            self.assert_trained(launch)

    def test_asked_to_stop_it_leaves_a_checkpoint_and_goes_on_later(self):
        run = Run("launch-stopped")
        for attempt in attempts(run):
            words = ("-n", 1, *attempt.long())
            with attempt:
                self.stop_in_time(run, *words)
        with self.launched(run, *words) as launch:
            self.assert_trained(launch)
        self.assertEqual(len(run.events("resumed")), 1)

    def test_a_contributor_that_stays_comes_back_to_a_run_that_was_stopped(self):
        run = Run("launch-stay")
        for attempt in attempts(run):
            crowd = ("-n", 0, *attempt.long(), "--set", "master_computes=false")
            run.folder.mkdir()  # whoever comes early waits
            with attempt, started(harness.raven_program, "join", run.folder, "--threads", 1, "--stay") as faithful:
                self.stop_in_time(run, *crowd)
                with self.launched(run, *crowd) as launch:
                    self.assert_trained(launch)
                self.assert_done(finish(faithful))
                self.assertEqual([event["pid"] for event in run.events("joined")], [faithful.pid] * 2)

    def test_a_master_that_crashes_again_and_again_is_given_up(self):
        with self.launched(Run("launch-hopeless"), "-n", 0, "--restarts", 1, *ENDLESS, "--set", "checkpoint.every=1h") as launch:
            for _ in range(2):
                master = wait_until(lambda: launch.rank(0), "a master")
                wait_until(lambda: (launch.run.folder / "join.json").exists(), "the run to begin")
                (launch.run.folder / "join.json").unlink()
                launch.kill(master)
                wait_until(lambda: launch.rank(0) != master, "it to be buried")
            result = finish(launch.process)
            self.assertEqual(result.returncode, FAILURE, result.stderr)
            self.assertIn("giving up", result.stderr)
            self.assert_nothing_left(launch)

    def test_mistakes_are_told_once_and_nothing_is_started(self):
        run = Run("launch-mistake")
        with started(harness.raven_program, "launch", run.job, "--run", run.folder, "--set", "train.epochs=-1") as process:
            result = finish(process)
        self.assertEqual(result.returncode, MISTAKE)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertFalse(run.folder.exists())

    def test_other_nodes_join_and_one_that_is_lost_takes_along_nobody(self):
        folder = harness.workshop()
        agent, hosts = folder / "agent", folder / "hosts"
        agent.write_text(AGENT)
        agent.chmod(0o755)
        hosts.write_text("here\nn2 slots=4  # the second\nn3\n")
        run = Run("launch-nodes")
        for attempt in attempts(run):
            with attempt, self.launched(run, "--hostfile", hosts, "--agent", agent, *attempt.long()) as launch:
                joined = launch.await_events("joined", 3)  # the master's own, too
                master = launch.rank(0)
                crowd = [event for event in joined if event["pid"] != master]
                if os.geteuid() == 0:
                    self.assertEqual({event["node"] for event in crowd}, {"n2", "n3"})
                # A node that loses its power: all of it at once.
                lost = crowd[0]["pid"]
                for pid in (parent_of(lost), lost):
                    launch.kill(pid)
                launch.await_events("lost")
                self.assert_trained(launch)
        self.assertEqual(len(run.events("lost")), 1)


if __name__ == "__main__":
    harness.main()
