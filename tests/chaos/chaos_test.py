"""Whole runs under `raven launch` to which everything happens at random: processes killed with -9, stopped and continued, spawned,
joining, leaving, dying in the middle of coming in, gateways and masters dying, nodes losing their power, links being cut. Each must end
with the weights of a quiet run, exit code 0, and nothing left running. Nodes and links are namespaces, for which this must be root.

usage: chaos_test.py RAVEN [RUNS [SEED]]     a run that fails names its seed; RUNS 1 and that seed do the same again
"""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
import harness  # noqa: E402
import link  # noqa: E402
from harness import ENVIRONMENT, Launched, Run, wait_until, words_of  # noqa: E402

EPOCHS = 20
BLOWS_S, LONGEST_BREAK_S = 3, 0.3
PATIENCE_S = 300
# Every look reads all of /proc, time that the run itself is in want of on two cores.
BETWEEN_LOOKS_S = 0.01
SKIPPED = 77

# Runs a command on a "node": this machine under another name.
AGENT = """\
#!/bin/sh
node=$1; shift
exec unshare --uts sh -c "hostname $node; $*"
"""


def can_have_nodes():
    return subprocess.run(["unshare", "--uts", "hostname", "n2"], check=False, capture_output=True).returncode == 0


def hosts():
    """@return words for the launcher that give it a second node"""
    folder = harness.workshop()
    (folder / "agent").write_text(AGENT)
    (folder / "agent").chmod(0o755)
    (folder / "hosts").write_text("here\nn2\n")
    return ("--hostfile", folder / "hosts", "--agent", folder / "agent")


class Chaos:
    """One run, and what happens to it."""

    def __init__(self, seed, nodes, network):
        self.seed, self.dice, self.told, self.stopped, self.crowd = seed, random.Random(seed), [], {}, []
        self.network, self.mend_at = network, None
        run = Run(f"chaos-{seed}")
        run.clear()
        gateways, second = self.dice.choice((1, 2, 2)), self.dice.random() < 0.3
        crowd = ("-n", 2, *hosts()) if second and nodes else ("-n", 1)
        self.launch = Launched(run, *crowd, "--gateways", gateways, "--restarts", 20, "--set", f"train.epochs={EPOCHS}",
                               "--set", "contributors.let_in=1s", "--set", "contributors.lost_after=1s",
                               "--set", "contributors.bar_after=1000")
        self.environment = {**ENVIRONMENT, "RAVEN_TEST_MARK": self.launch.mark}

    def tell(self, what):
        self.told.append(f"{time.monotonic() - self.began:.2f} {what}")

    def raven(self, *words, prefix=()):
        process = subprocess.Popen([*prefix, harness.raven_program, *map(str, words)], env=self.environment, cwd=harness.workshop(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.crowd.append(process)
        return process

    def contributors(self):
        """Processes that contribute now, whoever started them."""
        return [pid for pid in self.launch.pids() if words_of(pid)[1:2] == ["join"] or
                (words_of(pid)[1:2] == ["train"] and
                 int(harness.environment_of(pid).get("OMPI_COMM_WORLD_RANK", 0)) > self.gateways())]

    def gateways(self):
        words = words_of(self.launch.process.pid)
        return int(words[words.index("--gateways") + 1]) if "--gateways" in words else 0

    def hit(self, pid, which):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, which)

    def kill_contributor(self):
        if pids := self.contributors():
            pid = self.dice.choice(pids)
            self.tell(f"kills contributor {pid}")
            self.hit(pid, signal.SIGKILL)

    def stop_contributor(self):
        if pids := self.contributors():
            self.stop(self.dice.choice(pids), self.dice.uniform(0.05, 2.5))

    def stop(self, pid, seconds):
        self.tell(f"stops {pid} for {seconds:.2f} s")
        self.hit(pid, signal.SIGSTOP)
        self.stopped[pid] = time.monotonic() + seconds

    def stop_master(self):
        if pid := self.launch.rank(0):
            self.stop(pid, self.dice.uniform(0.05, 0.5))

    def kill_master(self):
        if pid := self.launch.rank(0):
            self.tell(f"kills master {pid}")
            self.hit(pid, signal.SIGKILL)

    def kill_gateway(self):
        if pid := self.launch.rank(self.dice.randint(1, max(1, self.gateways()))):
            self.tell(f"kills gateway {pid}")
            self.hit(pid, signal.SIGKILL)

    def join(self):
        self.tell(f"{self.raven('join', self.launch.run.folder, '--threads', 1).pid} joins")

    def join_and_die(self):
        """Somewhere between its first instruction and its first work, the connect window among it."""
        process = self.raven("join", self.launch.run.folder, "--threads", 1)
        delay = self.dice.uniform(0, 0.3)
        self.tell(f"{process.pid} joins and dies {delay:.3f} s later")
        time.sleep(delay)
        process.kill()

    def spawn(self):
        self.tell("spawns 1")
        self.raven("spawn", self.launch.run.folder)

    def spawn_and_die(self):
        """A child that dies before or after its MPI_Init."""
        before = {*self.launch.pids()}
        self.tell("spawns 1 and kills it")
        self.raven("spawn", self.launch.run.folder)
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            fresh = [pid for pid in {*self.launch.pids()} - before if "--spawned" in words_of(pid)]
            if fresh:
                time.sleep(self.dice.uniform(0, 0.2))
                return self.hit(fresh[0], signal.SIGKILL)
            time.sleep(BETWEEN_LOOKS_S)

    def lose_node(self):
        """All that runs there dies at once."""
        here = os.readlink("/proc/self/ns/uts")
        for _ in range(2):
            for pid in self.launch.pids():
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{pid}/ns/uts") != here:
                        self.tell(f"the other node is lost, and {pid} with it")
                        self.hit(pid, signal.SIGKILL)

    def join_from_afar(self):
        if self.network:
            prefix = self.network.prefix()
            self.tell(f"{self.raven('join', self.launch.run.folder, '--threads', 1, prefix=prefix).pid} joins from afar")

    def cut_link(self):
        if self.network and not self.mend_at:
            seconds = self.dice.uniform(0.1, 3)
            self.tell(f"cuts the link for {seconds:.2f} s")
            self.network.cut()
            self.mend_at = time.monotonic() + seconds

    def mend_link(self):
        if self.mend_at:
            self.network.mend()
            self.mend_at = None

    def leave(self):
        if pids := self.contributors():
            pid = self.dice.choice(pids)
            self.tell(f"{pid} is asked to leave")
            self.hit(pid, signal.SIGUSR1)

    def wake_those_whose_time_has_come(self, all_of_them=False):
        if self.mend_at and (all_of_them or time.monotonic() > self.mend_at):
            self.mend_link()
        for pid, until in [*self.stopped.items()]:
            if all_of_them or time.monotonic() > until:
                self.hit(pid, signal.SIGCONT)
                del self.stopped[pid]

    def play(self):
        """@return what is wrong; empty when nothing is"""
        things = [self.kill_contributor, self.stop_contributor, self.stop_master, self.kill_master, self.kill_gateway, self.join,
                  self.join, self.join_and_die, self.spawn, self.spawn_and_die, self.leave, self.lose_node, self.join_from_afar,
                  self.cut_link]
        self.began = time.monotonic()
        wait_until(lambda: self.launch.run.last_step() > 0 or self.launch.process.poll() is not None, "the first step",
                   BETWEEN_LOOKS_S)
        end = time.monotonic() + BLOWS_S
        while self.launch.process.poll() is None and time.monotonic() < end:
            self.dice.choice(things)()
            time.sleep(self.dice.uniform(0, LONGEST_BREAK_S))
            self.wake_those_whose_time_has_come()
        deadline = self.began + PATIENCE_S
        while self.launch.process.poll() is None and time.monotonic() < deadline:
            self.wake_those_whose_time_has_come()
            time.sleep(0.02)
        return self.verdict()

    def verdict(self):
        code = self.launch.process.poll()
        self.wake_those_whose_time_has_come(all_of_them=True)
        if code != 0:
            return f"exit code {code}"
        summary = self.launch.run.summary()
        if summary["weights_sha256"] != harness.expected_sha256(summary["steps"]) or not summary["complete"]:
            return "other weights"
        for process in self.crowd:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
        # A singleton's helper goes when it notices that its process has gone.
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not self.launch.pids(), "all to end", BETWEEN_LOOKS_S)
        left = [" ".join(words_of(pid)[:4]) for pid in self.launch.pids()]
        return f"left running: {left}" if left else ""

    def said(self):
        """The launcher's last lines, once nobody can add to them."""
        for pid in self.launch.pids():
            self.hit(pid, signal.SIGKILL)
        return self.launch.process.stderr.read().splitlines()[-25:]

    def close(self):
        self.mend_link()
        for process in self.crowd:
            process.kill()
            process.wait()
        self.launch.process.kill()
        self.launch.close()
        self.launch.run.clear()


def main():
    harness.raven_program = str(pathlib.Path(sys.argv[1]).resolve(strict=True))
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    if not harness.MPIRUN or not harness.OMPI_SERVER:
        print("skipped: there is no mpirun or no ompi-server here")
        return SKIPPED
    nodes, no_network = can_have_nodes(), link.why_not()
    if no_network or not nodes:
        print(f"LEFT OUT: {'' if nodes else 'nodes of their own names; '}{no_network}; to have all, be root where namespaces are allowed")
    network = None if no_network else link.Link()
    try:
        failed = play(range(first, first + runs), nodes, network)
    finally:
        if network:
            network.close()
    print(f"{runs - failed} of {runs} runs ended as a quiet one does")
    return 1 if failed else 0


def play(seeds, nodes, network):
    """@return how many runs failed"""
    failed = 0
    for seed in seeds:
        chaos = Chaos(seed, nodes, network)
        try:
            wrong = chaos.play()
            events = [event["event"] for event in chaos.launch.run.events()]
            counts = {kind: events.count(kind) for kind in ("joined", "lost", "left", "resumed", "gateway_wedged", "gateway_lost")}
            print(f"seed {seed}: {wrong or 'the same weights'} after {len(chaos.told)} blows, "
                  f"{time.monotonic() - chaos.began:.1f} s, {counts}", flush=True)
            if wrong:
                failed += 1
                print("  " + "\n  ".join(chaos.told))
                print("  " + "\n  ".join(chaos.said()))
        finally:
            chaos.close()
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        if harness.workshop.cache_info().currsize:
            harness.shutil.rmtree(harness.workshop(), ignore_errors=True)
