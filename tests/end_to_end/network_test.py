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
from harness import ENVIRONMENT, MPIRUN, OMPI_SERVER, EndToEnd, Launched, Run, finish, wait_until


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
        launch = Launched(Run("cut-link"), "-n", 1, "--set", "train.epochs=100")
        self.addCleanup(launch.close)
        run = launch.run

        def joined(pid):
            return len([event for event in run.events("joined") if event["pid"] == pid])

        wait_until(lambda: run.last_step() > 0, "the first step")
        with self.far_contributor(network, run, launch.mark) as far:
            wait_until(lambda: joined(far.pid) == 1, "the far contributor")
            network.cut()
            wait_until(lambda: run.events("lost"), "the loss to be seen")
            step = run.last_step()
            wait_until(lambda: run.last_step() > step + 5, "the others to go on")
            network.mend()
            wait_until(lambda: joined(far.pid) == 2, "the far contributor to come back")
            self.assertIsNone(launch.process.poll(), "the run was over too soon")
            harness.PATIENCE_S = 120
            self.assert_done(finish(launch.process))
            self.assertEqual(finish(far).returncode, 0)
        self.assert_same_bits(run)
        self.assertEqual(len(run.events("lost")), 1)


if __name__ == "__main__":
    harness.main()
