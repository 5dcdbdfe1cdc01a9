"""Contributors come while training runs, and the weights are those of a quiet run.

usage: joining_test.py RAVEN [TEST...]
"""

import contextlib
import json
import os
import signal
import socket
import stat
import unittest

import harness
from harness import DONE, LONG, MISTAKE, MPIRUN, MPIRUN_FLAGS, OMPI_SERVER, EndToEnd, Run, attempts, finish, ompi_server, started
from harness import with_server

# Nothing is computed before somebody comes, so no run is over before anybody could.
EMPTY = ("--gateways", "1", "--set", "master_computes=false", "--set", "contributors.min=1")


def joining(run, *words, environment=None):
    return started(harness.raven_program, "join", run.folder, *words, environment=environment)


@unittest.skipUnless(MPIRUN, "needs mpirun")
class Spawning(EndToEnd):
    def test_the_job_has_contributors_spawned(self):
        run = Run("spawn-by-job")
        result = run.train(*EMPTY, "--set", "contributors.spawn=[{at_step: 0, count: 2}]", ranks=2)
        self.assert_done(result)
        self.assert_same_bits(run)
        self.assertEqual([event["count"] for event in run.events("spawning")], [2])
        self.assertGreaterEqual(len(run.events("joined")), 1)

    def test_the_job_has_more_spawned_at_a_step_while_others_go_on(self):
        run = Run("spawn-at-step")
        result = run.train("--gateways", "1", "--set", "contributors.spawn=[{at_step: 3}, {at_time: 1 ms}]", *LONG, ranks=3)
        self.assert_done(result)
        self.assert_same_bits(run)
        self.assertEqual(len(run.events("spawning")), 2)

    def test_a_person_has_contributors_spawned(self):
        run = Run("spawn-by-hand")
        with run.training(*EMPTY, ranks=2) as process:
            run.await_events("gateway_open", 1, process)
            with started(harness.raven_program, "spawn", run.folder, "-n", 2) as order:
                self.assert_done(finish(order))
            self.assert_done(finish(process))
        self.assert_same_bits(run)
        self.assertEqual([event["count"] for event in run.events("spawning")], [2])

    def test_a_run_without_gateways_says_that_it_can_not_spawn(self):
        run = Run("spawn-without-gateway")
        result = run.train("--set", "contributors.spawn=[{at_step: 0}]")
        self.assert_done(result)
        self.assertIn("--gateways", result.stderr)

    def test_a_run_that_is_over_can_not_be_spawned_into(self):
        run = Run("spawn-too-late")
        self.assert_done(run.train())
        with started(harness.raven_program, "spawn", run.folder) as order:
            result = finish(order)
        self.assertEqual(result.returncode, MISTAKE)
        self.assertIn("lets nobody in", result.stderr)


@unittest.skipUnless(MPIRUN and OMPI_SERVER, "needs mpirun and ompi-server")
class Joining(EndToEnd):
    def test_a_process_of_its_own_joins(self):
        run = Run("join-alone")
        with ompi_server() as server, run.training(*EMPTY, ranks=2, server=server) as process:
            run.await_events("gateway_open", 1, process)
            with joining(run) as contributor:
                result = finish(process)
                self.assert_done(result)
                self.assert_done(finish(contributor))
        self.assert_same_bits(run)
        self.assertEqual(len(run.events("joined")), 1)
        self.assertFalse((run.folder / "join.json").exists())
        self.assertFalse((run.folder / "join.token").exists())

    def test_ranks_of_another_mpirun_join_and_one_dies(self):
        run = Run("join-mpirun")
        for attempt in attempts(run):
            with attempt, ompi_server() as server, run.training(*EMPTY, *attempt.long(), ranks=2, server=server) as process:
                run.await_events("gateway_open", 1, process)
                with started(MPIRUN, "-n", 2, *MPIRUN_FLAGS, harness.raven_program, "join", run.folder,
                             environment=with_server(server)) as crowd:
                    os.kill(run.await_events("joined", 2, process)[1]["pid"], signal.SIGKILL)
                    run.await_events("lost", 1, process)
                    self.assert_done(finish(process))
                    finish(crowd)
        self.assert_same_bits(run)
        self.assertEqual(len(run.events("joined")), 2)
        self.assertEqual([event["reason"] for event in run.events("lost")], ["its process has ended"])

    def test_who_comes_before_the_run_waits_for_it(self):
        run = Run("join-early")
        run.folder.mkdir()
        with ompi_server() as server, joining(run) as contributor:
            self.assertIn("waiting", contributor.stderr.readline())
            with run.training(*EMPTY, ranks=2, server=server) as process:
                self.assert_done(finish(process))
            self.assertEqual(contributor.wait(harness.PATIENCE_S), DONE)
        self.assert_same_bits(run)

    def test_a_run_that_is_complete_needs_nobody(self):
        run = Run("join-late")
        self.assert_done(run.train())
        with joining(run) as contributor:
            result = finish(contributor)
        self.assert_done(result)
        self.assertIn("complete", result.stdout)

    def test_who_joins_no_run_is_told(self):
        with started(harness.raven_program, "join", harness.workshop() / "nowhere") as contributor:
            result = finish(contributor)
        self.assertEqual(result.returncode, MISTAKE)
        self.assertIn("no such run directory", result.stderr)

    def test_without_an_ompi_server_joining_says_what_is_missing(self):
        run = Run("join-no-server")
        with run.training(*EMPTY, ranks=2) as process:
            run.await_events("gateway_open", 1, process)
            with joining(run) as contributor:
                result = finish(contributor)
        self.assertEqual(result.returncode, MISTAKE)
        self.assertIn("ompi-server", result.stderr)


@unittest.skipUnless(MPIRUN, "needs mpirun")
class Door(EndToEnd):
    def test_strangers_at_the_door_harm_nobody(self):
        run = Run("strangers")
        with run.training(*EMPTY, ranks=2) as process:
            run.await_events("gateway_open", 1, process)
            self.assertEqual(stat.S_IMODE((run.folder / "join.token").stat().st_mode), 0o600)
            port = json.loads((run.folder / "join.json").read_text())["gateways"][0]["port"]
            for said in [b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 8, b"\x00" * 5000, (4096).to_bytes(4, "little") + b"x" * 4096]:
                with socket.create_connection(("127.0.0.1", port), timeout=harness.PATIENCE_S) as stranger:
                    # The door may end the connection at any of these.
                    with contextlib.suppress(ConnectionError):
                        stranger.sendall(said)
                        with contextlib.suppress(OSError):
                            stranger.shutdown(socket.SHUT_WR)
                        while stranger.recv(4096):
                            pass
            with started(harness.raven_program, "spawn", run.folder) as order:
                self.assert_done(finish(order))
            self.assert_done(finish(process))
        self.assert_same_bits(run)

    def test_who_has_another_token_is_not_let_in(self):
        run = Run("other-token")
        with run.training(*EMPTY, ranks=2) as process:
            run.await_events("gateway_open", 1, process)
            (run.folder / "join.token").write_text("00" * 32 + "\n")
            with started(harness.raven_program, "spawn", run.folder) as order:
                result = finish(order)
            self.assertEqual(result.returncode, MISTAKE)
            self.assertIn("token", result.stderr)
            self.assertEqual(run.events("spawning"), [])


if __name__ == "__main__":
    harness.main()
