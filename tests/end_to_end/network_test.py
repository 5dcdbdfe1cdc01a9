"""A contributor on another network: its link is cut and mended. The others go on, it comes back, the weights are those of a quiet run.

Another machine is a network namespace with an interface of its own, so this needs root.

usage: network_test.py RAVEN [TEST...]
"""

import contextlib
import os
import shutil
import signal
import subprocess
import unittest

import harness
from harness import ENVIRONMENT, MPIRUN, OMPI_SERVER, EndToEnd, Launched, Run, finish, wait_until


class Link:
    """A network namespace, and the one link to it."""

    def __init__(self):
        number = os.getpid()
        self.name, self.near, self.far = f"raven-{number}", f"rvn{number}a", f"rvn{number}b"
        network = f"10.{200 + number // 256 % 50}.{number % 256}"
        self.run("netns", "add", self.name)
        try:
            self.run("link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", self.name)
            self.run("addr", "add", f"{network}.1/24", "dev", self.near)
            self.run("link", "set", self.near, "up")
            self.run("-n", self.name, "addr", "add", f"{network}.2/24", "dev", self.far)
            for device in (self.far, "lo"):
                self.run("-n", self.name, "link", "set", device, "up")
            self.gateway = f"{network}.1"
            self.route()
        except subprocess.CalledProcessError:
            self.close()
            raise

    @staticmethod
    def run(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)

    def route(self):
        self.run("-n", self.name, "route", "replace", "default", "via", self.gateway)

    def cut(self):
        self.run("link", "set", self.near, "down")

    def mend(self):
        self.run("link", "set", self.near, "up")
        self.route()

    def close(self):
        # The link first: a namespace takes its links along only by and by.
        for words in (("link", "del", self.near), ("netns", "del", self.name)):
            subprocess.run(["ip", *words], check=False, capture_output=True)


def why_not():
    if not (MPIRUN and OMPI_SERVER):
        return "needs mpirun and ompi-server"
    if not shutil.which("ip"):
        return "needs the program ip (package iproute2)"
    try:
        Link().close()
    except subprocess.CalledProcessError as error:
        return f"no network namespaces here: {error.stderr.decode().strip()}"
    return ""


REASON = why_not()


@unittest.skipIf(REASON, REASON)
class Network(EndToEnd):
    @contextlib.contextmanager
    def far_contributor(self, link, run, mark):
        process = subprocess.Popen(["ip", "netns", "exec", link.name, harness.raven_program, "join", str(run.folder), "--threads", "1"],
                                   env={**ENVIRONMENT, "RAVEN_TEST_MARK": mark}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def test_a_cut_link_costs_nobody_else_anything_and_who_was_behind_it_comes_back(self):
        link = Link()
        self.addCleanup(link.close)
        launch = Launched(Run("cut-link"), "-n", 1, "--set", "train.epochs=100")
        self.addCleanup(launch.close)
        run = launch.run

        def joined(pid):
            return len([event for event in run.events("joined") if event["pid"] == pid])

        wait_until(lambda: run.last_step() > 0, "the first step")
        with self.far_contributor(link, run, launch.mark) as far:
            wait_until(lambda: joined(far.pid) == 1, "the far contributor")
            link.cut()
            wait_until(lambda: run.events("lost"), "the loss to be seen")
            step = run.last_step()
            wait_until(lambda: run.last_step() > step + 5, "the others to go on")
            link.mend()
            wait_until(lambda: joined(far.pid) == 2, "the far contributor to come back")
            self.assertIsNone(launch.process.poll(), "the run was over too soon")
            harness.PATIENCE_S = 120
            self.assert_done(finish(launch.process))
            self.assertEqual(finish(far).returncode, 0)
        self.assert_same_bits(run)
        self.assertEqual(len(run.events("lost")), 1)


if __name__ == "__main__":
    harness.main()
