"""What the end-to-end tests share: a small job, runs of the real program alone and under mpirun, and eyes on a run.

A run is watched through its events.jsonl, as anybody would, and hit as the world hits it: by signals.
"""

import contextlib
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

DONE, FAILURE, MISTAKE, INTERRUPTED = 0, 1, 2, 130
# A hang is a failure; but a machine may have other work, and nothing here takes a tenth of this on one that has none.
PATIENCE_S = 240

MPIRUN = shutil.which("mpirun")
OMPI_SERVER = shutil.which("ompi-server")
MPIRUN_FLAGS = "--oversubscribe --enable-recovery --bind-to none -mca pml ob1 -mca btl self,vader,tcp".split()
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
               # MPI and HDF5 keep memory to the end on purpose.
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "detect_leaks=0")}

# Every kind of layer whose bits might depend on the crowd: sums over samples, statistics per snippet, random masks.
# An optimizer with two tensors of state; a last batch that is smaller; a checkpoint after every step, so that a kill
# can fall into the writing of one.
JOB = """\
name: small
seed: 7
data: {train: data/train.yaml, valid: data/valid.yaml}
model:
  - conv2d: {channels: 16, kernel: 3, padding: 1, activation: relu}
  - batch_norm
  - max_pool2d: {size: 2}
  - conv2d: {channels: 24, kernel: 3, padding: 1, activation: relu}
  - max_pool2d: {size: 2}
  - flatten
  - dropout: {rate: 0.25}
  - linear: {features: 10}
loss: cross_entropy
optimizer: {adam: {rate: 1.0e-3}}
train: {epochs: 3, batch: 48, snippets: 9}
contributors: {heartbeat: 100 ms, lost_after: 20 s}
checkpoint: {every: 1 ms, keep: 3}
"""
STEPS_PER_EPOCH = 13
STEPS = 3 * STEPS_PER_EPOCH
# mpirun takes its time to pass a signal on, so what is stopped that way has to last longer.
LONG = ("--set", "train.epochs=20")
# For runs that are watched and then ended by whoever watches them.
ENDLESS = ("--set", "train.epochs=100000")
# How soon somebody counts as lost who says nothing. The job itself has patience, for on a busy machine anybody may be silent for a
# while; this is for tests in which that is what happens.
SOON_LOST = ("--set", "contributors.lost_after=2s")

raven_program = None


@functools.cache
def workshop():
    """A folder with the data and the job, for all tests of this process."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="raven-end-to-end-"))
    (folder / "job.yaml").write_text(JOB)
    subprocess.run([raven_program, "data", "make", "digits", "--count", "600", "--seed", "3", "--folder", folder / "data"],
                   check=True, capture_output=True, timeout=PATIENCE_S)
    return folder


@functools.cache
def expected_sha256(steps=STEPS):
    """What the job trains to in so many steps, alone on one thread and undisturbed."""
    run = Run(f"reference-{steps}")
    result = run.train("--threads", "1", "--set", f"train.epochs={steps // STEPS_PER_EPOCH}")
    assert result.returncode == DONE, result.stderr
    return run.summary()["weights_sha256"]


def children_of(pid):
    with contextlib.suppress(OSError):
        return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def living_children_of(pid):
    """Without those that have ended and were not waited for."""
    def lives(child):
        with contextlib.suppress(OSError):
            return pathlib.Path(f"/proc/{child}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
        return False

    return [child for child in children_of(pid) if lives(child)]


def with_server(file):
    """What mpirun and singletons need to find each other by an ompi-server."""
    return {**ENVIRONMENT, "OMPI_MCA_pmix_server_uri": f"file:{file}"} if file else ENVIRONMENT


@contextlib.contextmanager
def ompi_server():
    """The file with the address of an ompi-server that lives as long as this."""
    file = pathlib.Path(tempfile.mkdtemp(dir=workshop())) / "server.uri"
    process = subprocess.Popen([OMPI_SERVER, "--no-daemonize", "-r", str(file)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=ENVIRONMENT, start_new_session=True)
    try:
        wait_until(lambda: file.exists() and file.read_text().endswith("\n"), "ompi-server")
        yield file
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def started(*command, environment=None):
    """A command under way; killed at the end with its children, if it is still there."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=environment or ENVIRONMENT, start_new_session=True, cwd=workshop())
    try:
        yield process
    finally:
        for pid in [process.pid, *children_of(process.pid)] if process.poll() is None else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.stdout.close()
        process.stderr.close()
        process.wait()


def wait_until(condition, what, between_s=0.001):
    """Asks again and again, for a condition has no file descriptor to sleep on. @return what the condition gave"""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE_S} s for {what}")
        time.sleep(between_s)
    return answer


class TooLate(AssertionError):
    """The run was over before it could be hit."""


class Attempt:
    """Lets TooLate pass, unless it is the last attempt."""

    def __init__(self, number, last):
        self.number, self.last, self.too_late = number, last, False

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.too_late = kind is TooLate
        return self.too_late and not self.last

    def long(self):
        """A run that lasts long enough, one hopes, and twice as long each time that it did not."""
        return ("--set", f"train.epochs={20 * 2**self.number}")


def attempts(run, count=5):
    """For what has to happen before a run is over, on a machine that may be busy or fast:
    `for attempt in attempts(run): with attempt, run.training(*attempt.long()): ...`"""
    for number in range(count):
        run.clear()
        attempt = Attempt(number, number + 1 == count)
        yield attempt
        if not attempt.too_late:
            return


class Run:
    """A run directory, and the commands that work in it."""

    def __init__(self, name, job="job.yaml", program=None):
        self.folder = workshop() / name
        self.job = workshop() / job
        self.program = str(program or raven_program)

    def command(self, *words, ranks=0):
        under = [MPIRUN, "-n", str(ranks), *MPIRUN_FLAGS] if ranks else []
        return [*under, self.program, "train", str(self.job), "--run", str(self.folder), *words]

    def train(self, *words, ranks=0, **more):
        """Trains to the end of the command."""
        with self.training(*words, ranks=ranks, **more) as process:
            return finish(process)

    @contextlib.contextmanager
    def training(self, *words, ranks=0, server=None, **more):
        """A command under way; whatever is left of it at the end is killed. `server` is an ompi-server's file."""
        process = subprocess.Popen(self.command(*words, ranks=ranks), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=with_server(server), start_new_session=True, cwd=workshop(), **more)
        try:
            yield process
        finally:
            for pid in [process.pid, *children_of(process.pid)] if process.poll() is None else []:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.stdout.close()
            process.stderr.close()
            process.wait()

    def events(self, kind=None):
        """All whole lines of events.jsonl; a line under way is not there yet."""
        try:
            lines = (self.folder / "events.jsonl").read_text().split("\n")[:-1]
        except FileNotFoundError:
            return []
        return [event for event in map(json.loads, lines) if kind in (None, event["event"])]

    def last_step(self):
        """The last step that events.jsonl tells of."""
        return max((event["step"] for event in self.events("checkpoint")), default=0)

    def wait_for_step(self, step, process):
        """@return False when the run ended before anybody could look"""
        wait_until(lambda: self.last_step() >= step or process.poll() is not None, f"step {step}")
        return process.poll() is None

    def await_step(self, step, process):
        self.await_that(lambda: self.last_step() >= step, f"step {step}", process)

    def await_events(self, kind, count, process):
        """@return those events"""
        return self.await_that(lambda: len(self.events(kind)) >= count and self.events(kind), f"{count} events {kind}", process)

    def await_that(self, condition, what, process):
        """Waits until it is so while the run goes on. @return what the condition gave  @throws TooLate when the run was sooner done"""
        answer = wait_until(lambda: condition() or process.poll() is not None, what)
        if process.poll() is None:
            return answer
        if process.returncode == DONE:
            raise TooLate(f"the run was over before {what}")
        raise AssertionError(f"the run ended with code {process.returncode} before {what}: {process.stderr.read()}")

    def summary(self):
        return json.loads((self.folder / "summary.json").read_text())

    def checkpoints(self):
        """Oldest first."""
        return sorted((self.folder / "checkpoints").glob("step-*.h5"))

    def clear(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def finish(process):
    """Waits for a process. @return its code and what it said"""
    out, err = process.communicate(timeout=PATIENCE_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def environment_of(pid):
    with contextlib.suppress(OSError):
        return dict(entry.split("=", 1) for entry in
                    pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0") if "=" in entry)
    return {}


def words_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    return []


class Launched:
    """A launcher under way, and all that descends from it, known by a mark in the environment."""

    def __init__(self, run, *words):
        self.run, self.mark = run, uuid.uuid4().hex
        self.process = subprocess.Popen(
            [run.program, "launch", str(run.job), "--run", str(run.folder), *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=workshop(),
            env={**ENVIRONMENT, "RAVEN_TEST_MARK": self.mark})

    def pids(self):
        """Of all that runs, the launcher too."""
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [pid for pid in numbers if environment_of(pid).get("RAVEN_TEST_MARK") == self.mark]

    def rank(self, rank):
        """Of the newest mpirun of the master. @return its pid, or None"""
        found = [pid for pid in self.pids() if environment_of(pid).get("OMPI_COMM_WORLD_RANK") == str(rank)
                 and words_of(pid)[1:2] == ["train"]]
        return max(found, default=None)

    def mpirun(self):
        return min((pid for pid in self.pids() if words_of(pid)[:1] == ["mpirun"]), default=None)

    def kill(self, pid):
        """@param pid None when there is none any more  @throws TooLate when that is because the run is over"""
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return
        self.await_that(lambda: False, "a blow could fall")

    def await_step(self, step):
        self.run.await_step(step, self.process)

    def await_events(self, kind, count=1):
        return self.run.await_events(kind, count, self.process)

    def await_that(self, condition, what):
        return self.run.await_that(condition, what, self.process)

    def close(self):
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.stdout.close()
        self.process.stderr.close()
        self.process.wait()


class EndToEnd(unittest.TestCase):
    maxDiff = None

    def assert_same_bits(self, run):
        summary = run.summary()
        self.assertTrue(summary["complete"])
        self.assertEqual(summary["steps"], summary["steps_planned"])
        self.assertEqual(summary["weights_sha256"], expected_sha256(summary["steps"]))

    def assert_done(self, result):
        self.assertEqual(result.returncode, DONE, result.stderr)

    def interrupted_run(self, name, step, hit, *words, ranks=0):
        """Starts a run and calls hit(process, run) once it has done `step`. On a machine so busy that the run ended
        before the blow fell, tries again. @return the run, and the result of the command"""
        run = Run(name)
        for attempt in attempts(run):
            with attempt, run.training(*words, ranks=ranks) as process:
                run.await_step(step, process)
                hit(process, run)
                result = finish(process)
                if (run.folder / "summary.json").exists() and run.summary()["complete"]:
                    raise TooLate("the run was over before the blow")
        return run, result


def main():
    """@pre sys.argv is [test, RAVEN]"""
    global raven_program
    raven_program = str(pathlib.Path(sys.argv[1]).resolve(strict=True))
    try:
        unittest.main(module="__main__", argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
    finally:
        if workshop.cache_info().currsize:
            shutil.rmtree(workshop(), ignore_errors=True)
