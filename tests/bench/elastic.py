"""How well a run bears contributors that come, go and die, measured on real processes of one machine.

usage: elastic.py RAVEN [MEASUREMENT...]     default: all; they take about a quarter of an hour together

Prints a table in Markdown. A measurement is a function below; its words say what it does. Times are those from outside: from the
signal or the command to the line in events.jsonl, looked for every millisecond.
"""

import contextlib
import json
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "end_to_end"))
import harness  # noqa: E402
from harness import ENVIRONMENT, Launched, Run, wait_until, words_of  # noqa: E402

JOB = """\
name: elastic
seed: 7
data: {train: many/train.yaml, valid: many/valid.yaml}
model:
  - conv2d: {channels: 24, kernel: 3, padding: 1, activation: relu}
  - conv2d: {channels: 24, kernel: 3, padding: 1, activation: relu}
  - max_pool2d: {size: 2}
  - flatten
  - linear: {features: 10}
loss: cross_entropy
optimizer: {sgd: {rate: 0.05}}
train: {epochs: 100000, batch: 256, snippets: 32}
master_computes: false
"""
# 784-4640-4640-10: 25.2 million parameters.
LARGE = """\
name: large
seed: 7
data: {train: data/train.yaml}
model:
  - flatten
  - linear: {features: 4640, activation: relu}
  - linear: {features: 4640, activation: relu}
  - linear: {features: 10}
loss: cross_entropy
optimizer: {sgd: {rate: 0.001, momentum: 0.9}}
train: {epochs: 100000, batch: 256, snippets: 8}
checkpoint: {every: 30 s}
"""


class Cluster:
    """A launched run of the job above, its newcomers, and what it tells."""

    def __init__(self, name, *words, contributors=2, job="elastic.yaml"):
        self.run = Run(name, job)
        self.run.clear()
        self.launch = Launched(self.run, "-n", contributors, "--threads", 1, "--quiet", *words)
        self.crowd, self.read, self.seen = [], 0, []
        self.environment = {**ENVIRONMENT, "RAVEN_TEST_MARK": self.launch.mark}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.crowd:
            process.kill()
            process.wait()
        self.launch.process.kill()
        self.launch.close()
        self.run.clear()

    def events(self):
        """All so far; reads only what is new."""
        with contextlib.suppress(FileNotFoundError), open(self.run.folder / "events.jsonl", encoding="utf-8") as file:
            file.seek(self.read)
            text = file.read()
            whole = text[:text.rfind("\n") + 1]
            self.read += len(whole.encode())
            self.seen += map(json.loads, whole.splitlines())
        return self.seen

    def count(self, kind):
        return sum(event["event"] == kind for event in self.events())

    def await_more(self, kind, than):
        def come():
            if self.launch.process.poll() is not None:
                sys.exit(f"elastic: the run has ended by itself:\n{self.launch.process.stderr.read()}")
            return self.count(kind) > than
        wait_until(come, kind)

    def join(self, *words, prefix=()):
        self.crowd.append(subprocess.Popen([*prefix, harness.raven_program, "join", str(self.run.folder), "--threads", "1", *words],
                                           env=self.environment, cwd=harness.workshop(), stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL, start_new_session=True))
        return self.crowd[-1]

    def joined(self, *words, **more):
        """One more at work. @return the process, and how long that took"""
        before, since = self.count("working"), time.monotonic()
        process = self.join(*words, **more)
        self.await_more("working", before)
        return process, time.monotonic() - since

    def loses(self, pid, by=signal.SIGKILL):
        before, since = self.count("lost"), time.monotonic()
        os.kill(pid, by)
        self.await_more("lost", before)
        return time.monotonic() - since

    def rate(self, seconds):
        """Samples a second, over whole step lines."""
        self.await_more("step", 0)
        steps = [event for event in self.events() if event["event"] == "step"]
        first = steps[-1]
        time.sleep(seconds)
        self.await_more("step", len(steps))
        last = [event for event in self.events() if event["event"] == "step"][-1]
        return (last["step"] - first["step"]) * 256 / (last["t"] - first["t"])


def milliseconds(times):
    return f"{statistics.median(times) * 1e3:.0f} ms, at most {max(times) * 1e3:.0f} ms, of {len(times)}"


def death():
    """kill -9 of a contributor, to the master's knowing"""
    with Cluster("death") as cluster:
        cluster.await_more("working", 1)
        times = []
        for _ in range(10):
            process, _ = cluster.joined()
            times.append(cluster.loses(process.pid))
        return milliseconds(times)


def hang():
    """SIGSTOP of a contributor, to the master's giving it up (contributors.lost_after: 4 s)"""
    with Cluster("hang") as cluster:
        cluster.await_more("working", 1)
        times = []
        for _ in range(3):
            process, _ = cluster.joined()
            times.append(cluster.loses(process.pid, signal.SIGSTOP))
        return milliseconds(times)


def join():
    """'raven join' in a shell, to its first lease, on a machine with a core to spare; it goes again when told to, since one that dies
    has to rest from the third time on"""
    with Cluster("join", contributors=1) as cluster:
        cluster.await_more("working", 0)
        times = []
        for _ in range(20):
            process, taken = cluster.joined()
            times.append(taken)
            process.terminate()
            process.wait()
        return milliseconds(times)


def idle():
    """the longest that a contributor had nothing to do in a step: while two work undisturbed, while one works and a second is coming
    in, and in the step in which that second one dies"""
    def waits(events):
        return [event["longest_idle"] for event in events if event["event"] == "step"]

    with Cluster("idle", contributors=1) as cluster:
        cluster.await_more("working", 0)
        quiet, coming, dying = [], [], []
        for _ in range(8):
            at = len(cluster.events())
            process, _ = cluster.joined()
            coming += waits(cluster.events()[at:])[1:]
            time.sleep(0.5)
            at = len(cluster.events())
            time.sleep(1)
            quiet += waits(cluster.events()[at:])
            cluster.loses(process.pid)
            at, steps = len(cluster.events()), cluster.count("step")
            cluster.await_more("step", steps)
            dying.append(waits(cluster.events()[at:])[0])
        # 256 samples in 32 snippets.
        snippet = 8 / cluster.rate(3)
        return (f"{milliseconds(quiet)} undisturbed; {milliseconds(coming)} coming; {milliseconds(dying)} dying; "
                f"one snippet takes {snippet * 1e3:.0f} ms")


def nine():
    """wall time of a fixed number of steps with nine contributors, one of them killed in the middle, over the undisturbed time; the
    machine's cores are all used either way"""
    def run(name, victim):
        with Cluster(name, "--set", "train.steps=150", contributors=9) as cluster:
            cluster.await_more("working", 8)
            wait_until(lambda: any(event["event"] == "step" and event["step"] >= 60 for event in cluster.events()), "the middle")
            if victim:
                cluster.loses(cluster.launch.rank(5))
            wait_until(lambda: cluster.launch.process.poll() is not None, "the end")
            return cluster.run.summary()["wall_s"]
    pairs = [(run("nine", False), run("nine-hit", True)) for _ in range(3)]
    return ", ".join(f"{hit:.1f} s over {calm:.1f} s = {hit / calm:.3f}" for calm, hit in pairs)


class Throttle:
    """A control group that may use a part of one core."""

    def __init__(self, share):
        root, quota, period = pathlib.Path("/sys/fs/cgroup"), int(share * 10000), 10000
        first_version = (root / "cpu" / "cgroup.procs").exists()
        self.folder = root / ("cpu" if first_version else "") / f"raven-bench-{os.getpid()}-{int(share * 100)}"
        self.folder.mkdir()
        if first_version:
            (self.folder / "cpu.cfs_period_us").write_text(str(period))
            (self.folder / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (self.folder / "cpu.max").write_text(f"{quota} {period}")

    def prefix(self):
        return ["sh", "-c", f'echo $$ > {self.folder}/cgroup.procs; exec "$@"', "sh"]

    def close(self):
        with contextlib.suppress(OSError):
            self.folder.rmdir()


def unequal():
    """a contributor half and one a quarter as fast (by control groups) beside a full one: samples a second together, over the sum of
    each alone"""
    # Master, gateway and launcher need a core beside them.
    full = min(1.0, (len(os.sched_getaffinity(0)) - 1) / 1.75)
    throttles = [Throttle(full * share) for share in (1.0, 0.5, 0.25)]
    try:
        def rate(group):
            with Cluster("unequal", contributors=0) as cluster:
                cluster.await_more("gateway_open", 0)
                for throttle in group:
                    cluster.joined(prefix=throttle.prefix())
                time.sleep(6)
                return cluster.rate(12)
        rounds = []
        for _ in range(2):
            alone = [rate([throttle]) for throttle in throttles]
            together = rate(throttles)
            rounds.append(f"{together:.0f} of {' + '.join(f'{one:.0f}' for one in alone)}: {together / sum(alone):.2f}")
        return "; ".join(rounds)
    finally:
        for throttle in throttles:
            throttle.close()


def masters():
    """50 kills of the master at random moments of one run: resumed each time; most seconds of training done again
    (checkpoint.every: 500 ms)"""
    dice = random.Random(1)
    with Cluster("masters", "--restarts", 100, "--set", "checkpoint.every=500ms", contributors=1) as cluster:
        cluster.await_more("checkpoint_written", 0)
        for kills in range(50):
            master = wait_until(lambda: cluster.launch.rank(0), "a master")
            cluster.await_more("working", cluster.count("working") - 1)
            before = cluster.count("resumed")
            time.sleep(dice.uniform(0, 1))
            os.kill(master, signal.SIGKILL)
            cluster.await_more("resumed", before)
        again = []
        last = 0
        for event in cluster.events():
            if event["event"] == "resumed":
                again.append(max(0.0, last - event["t"]))
            else:
                last = event["t"]
        return f"{cluster.count('resumed')} resumed, at most {max(again):.2f} s done again, {statistics.median(again):.2f} s in the middle"


def memory_of(pid):
    words = pathlib.Path(f"/proc/{pid}/statm").read_text().split()
    return int(words[1]) * 4, len(os.listdir(f"/proc/{pid}/fd"))


def crowd():
    """500 contributors that join and are killed: the master's and the gateway's memory and open files, after each 100"""
    with Cluster("crowd", "--set", "contributors.bar_after=1000000", contributors=1) as cluster:
        cluster.await_more("working", 0)
        told = []
        for number in range(501):
            if number % 100 == 0:
                master, gateway = memory_of(cluster.launch.rank(0)), memory_of(cluster.launch.rank(1))
                told.append(f"{number}: {master[0]} KiB {master[1]} files, {gateway[0]} KiB {gateway[1]} files")
            if number % 25 == 0:
                print(f"crowd: {number} of 500, master {memory_of(cluster.launch.rank(0))}", file=sys.stderr, flush=True)
            # Each from a node of its own: a node that keeps losing contributors has to rest.
            process, _ = cluster.joined(prefix=["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', f"node{number}"])
            cluster.loses(process.pid)
            process.wait()
            cluster.crowd.clear()
        return "; ".join(told)


def checkpoint():
    """seconds of processor that a checkpoint of 25.2 million parameters with momentum costs, over the 30 s between two on all cores"""
    (harness.workshop() / "large.yaml").write_text(LARGE)
    with Cluster("checkpoint", contributors=0, job="large.yaml") as cluster:
        deadline = time.monotonic() + 130
        while cluster.count("checkpoint_written") < 3 and time.monotonic() < deadline:
            time.sleep(0.5)
        costs = [event["cpu_seconds"] for event in cluster.events() if event["event"] == "checkpoint_written"]
        cores = len(os.sched_getaffinity(0))
        return f"{statistics.median(costs):.2f} s of {cores} x 30 s: {100 * statistics.median(costs) / cores / 30:.2f} %, of {len(costs)}"


MEASUREMENTS = (death, hang, join, idle, nine, unequal, masters, crowd, checkpoint)


def main():
    harness.raven_program = str(pathlib.Path(sys.argv[1]).resolve(strict=True))
    harness.PATIENCE_S = 120
    (harness.workshop() / "elastic.yaml").write_text(JOB)
    # A run's memory grows with its epochs, which it tells of one by one: few steps in each would hide all else.
    subprocess.run([harness.raven_program, "data", "make", "digits", "--count", "20000", "--seed", "3", "--folder",
                    harness.workshop() / "many"], check=True, capture_output=True)
    print("| what | measured |\n|---|---|")
    for measure in MEASUREMENTS:
        if sys.argv[2:] and measure.__name__ not in sys.argv[2:]:
            continue
        said = measure()
        print(f"| {measure.__name__}: {' '.join(measure.__doc__.split())} | {said} |", flush=True)


if __name__ == "__main__":
    try:
        main()
    finally:
        if harness.workshop.cache_info().currsize:
            harness.shutil.rmtree(harness.workshop(), ignore_errors=True)
