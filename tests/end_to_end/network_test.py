"""A contributor on another network: its link is cut and mended. The others go on, it comes back, the weights are those of a quiet run.

Another machine is a network namespace with an interface of its own, so this needs root.

usage: network_test.py RAVEN [TEST...]
"""

import contextlib
import os
import signal
import subprocess
import unittest

import harness
import link
from harness import ENVIRONMENT, MPIRUN, OMPI_SERVER, SOON_LOST, EndToEnd, Launched, Run, attempts, finish


REASON = "needs mpirun and ompi-server" if not (MPIRUN and OMPI_SERVER) else link.why_not()


@unittest.skipIf(REASON, REASON)
class Network(EndToEnd):
    @contextlib.contextmanager
    def far_contributor(self, network, run, mark):
        process = subprocess.Popen(
            [*network.prefix(), harness.raven_program, "join", str(run.folder), "--threads", "1"], start_new_session=True,
            env={**ENVIRONMENT, "RAVEN_TEST_MARK": mark}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def test_a_cut_link_costs_nobody_else_anything_and_who_was_behind_it_comes_back(self):
        network = link.Link()
        self.addCleanup(network.close)
        run = Run("cut-link")

        def joined(pid):
            return [event["peer"] for event in run.events("joined") if event["pid"] == pid]

        for attempt in attempts(run):
            network.mend()
            with attempt, contextlib.closing(Launched(run, "-n", 1, "--set", f"train.epochs={100 * 2**attempt.number}",
                                                      *SOON_LOST)) as launch:
                launch.await_step(1)
                with self.far_contributor(network, run, launch.mark) as far:
                    launch.await_that(lambda: joined(far.pid), "the far contributor")
                    network.cut()
                    launch.await_that(lambda: {event["peer"] for event in run.events("lost")} & {*joined(far.pid)}, "the loss is seen")
                    launch.await_step(run.last_step() + 5)  # the others go on
                    network.mend()
                    launch.await_that(lambda: len(joined(far.pid)) == 2, "the far contributor is back")
                    self.assert_done(finish(launch.process))
                    self.assertEqual(finish(far).returncode, 0)
        self.assert_same_bits(run)
        self.assertEqual(len(run.events("lost")), 1)

    def test_machines_with_the_same_address_on_one_interface_find_each_other_by_the_other(self):
        network = link.Link()
        self.addCleanup(network.close)
        network.same_address_on_both_ends()
        run = Run("same-address")
        # Nobody else computes, so the run ends only if the far one gets its work.
        with contextlib.closing(Launched(run, "-n", 0, "--set", "master_computes=false")) as launch:
            launch.await_events("gateway_open")
            with self.far_contributor(network, run, launch.mark) as far:
                self.assert_done(finish(launch.process))
                self.assertEqual(finish(far).returncode, 0)
        self.assert_same_bits(run)
        self.assertEqual([event["pid"] for event in run.events("joined")], [far.pid])


if __name__ == "__main__":
    harness.main()
