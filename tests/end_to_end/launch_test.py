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
from harness import FAILURE, LONG, MISTAKE, MPIRUN, OMPI_SERVER, EndToEnd, Launched, Run, finish, started, wait_until, words_of

# Runs a command on a "node": this machine under another name.
AGENT = """\
#!/bin/sh
node=$1; shift
if [ "$(id -u)" = 0 ]; then exec unshare --uts sh -c "hostname $node; $*"; fi
exec sh -c "$*"
"""


@unittest.skipUnless(MPIRUN and OMPI_SERVER, "needs mpirun and ompi-server")
class Launching(EndToEnd):
    @contextlib.contextmanager
    def launched(self, name, *words):
        launch = Launched(Run(name), *words)
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

    def wait_for(self, launch, kind, count):
        wait_until(lambda: len(launch.run.events(kind)) >= count or launch.process.poll() is not None, f"{count} {kind}")
        self.assertIsNone(launch.process.poll())

    def test_a_quiet_run(self):
        with self.launched("launch-quiet", "-n", 2) as launch:
            self.assert_trained(launch)

    def test_a_killed_master_is_started_again_and_its_contributors_come_back(self):
        with self.launched("launch-master-killed", "-n", 2, *LONG) as launch:
            self.wait_for(launch, "joined", 2)
            self.assertTrue(launch.run.wait_for_step(5, launch.process))
            launch.kill(launch.rank(0))
            self.assert_trained(launch)
            self.assertEqual(len(launch.run.events("resumed")), 1)
            before, after = [event["pid"] for event in launch.run.events("joined")[:2]], launch.run.events("joined")[2:]
            self.assertLessEqual({*before}, {event["pid"] for event in after}, launch.run.events())

    def test_a_killed_mpirun_is_started_again(self):
        with self.launched("launch-mpirun-killed", "-n", 1, *LONG) as launch:
            self.assertTrue(launch.run.wait_for_step(5, launch.process))
            launch.kill(launch.mpirun())
            self.assert_trained(launch)
            self.assertEqual(len(launch.run.events("resumed")), 1)

    def test_a_rank_that_dies_before_all_have_found_each_other_holds_up_nobody(self):
        with self.launched("launch-stillborn", "-n", 1, *LONG) as launch:
            launch.kill(wait_until(lambda: launch.rank(2), "the contributor"))
            self.assert_trained(launch)

    def test_an_mpirun_that_does_not_start_is_told_once(self):
        with self.launched("launch-no-mpirun", "-n", 0, "--mpirun=-mca", "--mpirun=btl", "--mpirun=self", "--mpirun=-mca",
                           "--mpirun=btl", "--mpirun=tcp") as launch:
            result = finish(launch.process)
            self.assertEqual(result.returncode, MISTAKE, result.stderr)
            self.assertIn("mpirun does not start", result.stderr)
            self.assertNotIn("again", result.stderr.splitlines()[-1])

    def test_contributors_of_a_killed_gateway_come_back_by_another(self):
        with self.launched("launch-gateway-killed", "-n", 0, "--gateways", 2, *LONG, "--set", "master_computes=false",
                           "--set", "contributors.spawn=[{at_step: 0, count: 2}]") as launch:
            self.wait_for(launch, "joined", 2)
            launch.kill(launch.rank(launch.run.events("spawning")[0]["gateway"]))
            self.assert_trained(launch)
            self.assertEqual(len(launch.run.events("gateway_lost")), 1)
            pids = [event["pid"] for event in launch.run.events("joined")]
            self.assertEqual({*pids[:2]}, {*pids[2:]})  # the same processes; on a busy machine one may need two tries

    def test_a_wedged_gateway_relays_on_and_the_next_lets_newcomers_in(self):
        with self.launched("launch-gateway-wedged", "-n", 0, "--gateways", 2, *LONG, "--set",
                           "master_computes=false", "--set", "contributors.let_in=500ms",
                           "--set", "contributors.spawn=[{at_step: 0, count: 1}]") as launch:
            self.wait_for(launch, "joined", 1)
            run = launch.run
            used = run.events("spawning")[0]["gateway"]
            wait_until(lambda: len(run.events("gateway_open")) == 2, "the other gateway")
            door = {event["gateway"]: event["port"] for event in run.events("gateway_open")}[used]
            # It is let in, and does not come.
            connection, port = knocking.knock(run, door, harness.PATIENCE_S)
            self.addCleanup(connection.close)
            self.assertTrue(port)
            wedged = wait_until(lambda: run.events("gateway_wedged"), "the gateway to be wedged")
            self.assertEqual([event["gateway"] for event in wedged], [used])
            step = run.last_step()
            self.assertTrue(run.wait_for_step(step + 3, launch.process))
            with started(harness.raven_program, "join", run.folder, "--threads", 1) as newcomer:
                wait_until(lambda: newcomer.pid in [event["pid"] for event in run.events("joined")], "a newcomer")
                self.assert_trained(launch)
                self.assert_done(finish(newcomer))
            self.assertEqual(run.events("lost"), [])

    def test_a_killed_launcher_leaves_nothing_behind(self):
        with self.launched("launcher-killed", "-n", 1, *LONG) as launch:
            self.assertTrue(launch.run.wait_for_step(5, launch.process))
            launch.kill(launch.process.pid)
            launch.process.wait()
            wait_until(lambda: not launch.pids(), "all to end")
        with self.launched("launcher-killed", "-n", 1, *LONG) as launch:
            self.assert_trained(launch)

    def test_asked_to_stop_it_leaves_a_checkpoint_and_goes_on_later(self):
        with self.launched("launch-stopped", "-n", 1, *LONG) as launch:
            self.assertTrue(launch.run.wait_for_step(5, launch.process))
            launch.process.send_signal(signal.SIGTERM)
            self.assert_done(finish(launch.process))
            self.assertFalse(launch.run.summary()["complete"])
            self.assert_nothing_left(launch)
        with self.launched("launch-stopped", "-n", 1, *LONG) as launch:
            self.assert_trained(launch)
            self.assertEqual(len(launch.run.events("resumed")), 1)

    def test_a_contributor_that_stays_comes_back_to_a_run_that_was_stopped(self):
        run = Run("launch-stay")
        crowd = ("-n", 0, *LONG, "--set", "master_computes=false")
        with contextlib.ExitStack() as closing:
            with self.launched(run.folder.name, *crowd) as launch:
                wait_until(lambda: (run.folder / "join.json").exists(), "the run to begin")
                faithful = closing.enter_context(started(harness.raven_program, "join", run.folder, "--threads", 1, "--stay"))
                self.assertTrue(run.wait_for_step(5, launch.process))
                launch.process.send_signal(signal.SIGTERM)
                self.assert_done(finish(launch.process))
                self.assertFalse(run.summary()["complete"])
            with self.launched(run.folder.name, *crowd) as launch:
                self.assert_trained(launch)
            self.assert_done(finish(faithful))
            self.assertEqual([event["pid"] for event in run.events("joined")], [faithful.pid] * 2)

    def test_a_master_that_crashes_again_and_again_is_given_up(self):
        with self.launched("launch-hopeless", "-n", 0, "--restarts", 1, *LONG, "--set", "checkpoint.every=1h") as launch:
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
        with self.launched("launch-nodes", "--hostfile", hosts, "--agent", agent, *LONG) as launch:
            self.wait_for(launch, "joined", 3)  # the master's own, too
            crowd = [event for event in launch.run.events("joined") if event["pid"] != launch.rank(0)]
            if os.geteuid() == 0:
                self.assertEqual({event["node"] for event in crowd}, {"n2", "n3"})
            # A node that loses its power: all of it at once.
            lost = crowd[0]["pid"]
            its_mpirun = int(pathlib.Path(f"/proc/{lost}/stat").read_text().rsplit(")")[-1].split()[1])
            for pid in (its_mpirun, lost):
                launch.kill(pid)
            self.assert_trained(launch)
            self.assertEqual(len(launch.run.events("lost")), 1)


if __name__ == "__main__":
    harness.main()
