"""Places that behave in their own way: file systems without locks, other launchers' environments, little processor time.

usage: places_test.py RAVEN [TEST...]      RAVEN_UNSUPPORTED_CALLS: the library made of unsupported_calls.cpp
"""

import contextlib
import errno
import os
import pathlib
import signal
import socket
import subprocess
import time
import unittest
import uuid

import harness
from harness import DONE, ENDLESS, ENVIRONMENT, MISTAKE, MPIRUN, MPIRUN_FLAGS, OMPI_SERVER, EndToEnd, Launched, Run
from harness import finish, ompi_server, started, wait_until

UNSUPPORTED_CALLS = os.environ.get("RAVEN_UNSUPPORTED_CALLS")
# What a step of Slurm's sets, and two ways of PMI.
STEP = {"SLURM_JOB_ID": "77", "SLURM_JOBID": "77", "SLURM_STEP_ID": "0", "SLURM_STEPID": "0", "SLURM_NTASKS": "1",
        "SLURM_STEP_NUM_TASKS": "1", "SLURM_NPROCS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0",
        "SLURM_NODELIST": socket.gethostname(), "SLURM_STEP_NODELIST": socket.gethostname(), "SLURM_NNODES": "1",
        "SLURM_TASKS_PER_NODE": "1", "SLURMD_NODENAME": socket.gethostname(),
        "PMI_RANK": "0", "PMI_SIZE": "1", "PMI_FD": "17", "PMI_JOBID": "77.0",
        "PMIX_RANK": "0", "PMIX_NAMESPACE": "slurm.pmix.77.0", "PMIX_SERVER_URI2": "pmix-server:9;tcp4://127.0.0.1:9",
        "PMIX_SERVER_TMPDIR": "/nowhere"}
EMPTY = ("--gateways", "1", "--set", "master_computes=false", "--set", "contributors.min=1")


@unittest.skipUnless(UNSUPPORTED_CALLS, "needs RAVEN_UNSUPPORTED_CALLS")
class FileSystems(EndToEnd):
    def environment(self, **errors):
        return {**ENVIRONMENT, "LD_PRELOAD": UNSUPPORTED_CALLS, "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0",
                **{name: str(number) for name, number in errors.items()}}

    def train(self, run, environment, *words):
        with started(*run.command(*words), environment=environment) as process:
            return finish(process)

    def test_without_flock_a_run_is_trained_and_the_cause_is_told(self):
        for number in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):
            with self.subTest(error=errno.errorcode[number]):
                run = Run(f"no-flock-{number}")
                result = self.train(run, self.environment(UNSUPPORTED_FLOCK=number))
                self.assert_done(result)
                self.assertIn(f"flock: {os.strerror(number)}", result.stderr)
                self.assert_same_bits(run)
                self.assertFalse((run.folder / ".lock.holder").exists())

    def test_without_flock_there_is_one_master_and_a_killed_one_s_run_goes_on(self):
        run = Run("no-flock-killed")
        environment = self.environment(UNSUPPORTED_FLOCK=errno.ENOLCK)
        with started(*run.command(*ENDLESS), environment=environment) as first:
            run.await_step(3, first)
            second = self.train(run, environment)
            self.assertEqual(second.returncode, MISTAKE, second.stderr)
            self.assertIn(f"another master is at work in this run directory (process {first.pid} on ", second.stderr)
            run.await_that((run.folder / "status.json").exists, "status.json", first)
            with started(harness.raven_program, "status", run.folder, environment=environment) as looking:
                self.assertIn(f"master {first.pid} on", finish(looking).stdout)
            first.send_signal(signal.SIGKILL)
            first.wait()
        self.assertTrue((run.folder / ".lock.holder").exists())
        with started(*run.command(*ENDLESS), environment=environment) as third:
            run.await_events("resumed", 1, third)
            third.send_signal(signal.SIGTERM)
            self.assert_done(finish(third))

    def test_without_fsync_of_folders_a_run_is_trained(self):
        run = Run("no-folder-fsync")
        self.assert_done(self.train(run, self.environment(UNSUPPORTED_FOLDER_FSYNC=errno.EINVAL)))
        self.assert_same_bits(run)
        self.assertTrue(run.checkpoints())

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_the_doctor_finds_both(self):
        run = Run("no-flock-doctor")
        environment = self.environment(UNSUPPORTED_FLOCK=errno.ENOSYS, UNSUPPORTED_FOLDER_FSYNC=errno.EINVAL)
        with started(harness.raven_program, "doctor", "--run", run.folder, environment=environment) as process:
            result = finish(process)
        line = next(line for line in result.stdout.splitlines() if line[10:].startswith("locks"))
        self.assertTrue(line.startswith("doubtful"), result.stdout)
        self.assertIn(os.strerror(errno.ENOSYS), line)
        self.assertIn(os.strerror(errno.EINVAL), line)
        self.assertTrue(any(line.startswith("good") and line[10:].startswith("hdf5") for line in result.stdout.splitlines()),
                        result.stdout)


@unittest.skipUnless(MPIRUN and OMPI_SERVER, "needs mpirun and ompi-server")
class OtherLaunchers(EndToEnd):
    def inside_mpirun(self, *words):
        return started(MPIRUN, "-n", 1, "--bind-to", "none", harness.raven_program, *words)

    def test_launch_works_inside_another_mpirun(self):
        run = Run("launch-inside")
        with self.inside_mpirun("launch", run.job, "--run", run.folder, "-n", 1) as process:
            self.assert_done(finish(process))
        self.assert_same_bits(run)
        self.assertGreaterEqual(len(run.events("joined")), 1)

    def test_the_doctor_works_inside_another_mpirun_and_in_a_step(self):
        for name, command, environment in (("mpirun", [MPIRUN, "-n", 1], ENVIRONMENT), ("step", [], {**ENVIRONMENT, **STEP})):
            with self.subTest(inside=name), started(*command, harness.raven_program, "doctor", "--run", Run("doctor-" + name).folder,
                                                    environment=environment) as process:
                result = finish(process)
                self.assertIn("2 others lived on", result.stdout, result.stderr)
                self.assert_done(result)

    def test_a_train_alone_works_in_a_step(self):
        run = Run("train-in-a-step")
        with started(*run.command(), environment={**ENVIRONMENT, **STEP}) as process:
            result = finish(process)
        self.assert_done(result)
        self.assert_same_bits(run)

    def joined(self, name, environment, *command):
        """A run that only a newcomer computes. @return what the newcomer said"""
        run = Run(name)
        with ompi_server() as server, run.training(*EMPTY, ranks=2, server=server) as process:
            run.await_events("gateway_open", 1, process)
            with started(*command, harness.raven_program, "join", run.folder, environment=environment) as contributor:
                self.assert_done(finish(process))
                result = finish(contributor)
                self.assert_done(result)
        self.assert_same_bits(run)
        self.assertEqual(len(run.events("joined")), 1)
        self.assertEqual(run.events("not_let_in"), [])
        return result

    def test_who_joins_from_a_step_comes_in(self):
        self.joined("join-in-a-step", {**ENVIRONMENT, **STEP})

    def test_who_joins_from_an_mpirun_that_knows_nothing_of_the_run_comes_in(self):
        self.joined("join-in-an-mpirun", ENVIRONMENT, MPIRUN, "-n", 1)

    def test_parameters_that_a_site_sets_keep_nobody_out(self):
        for name, value in (("pml", "ucx"), ("btl", "self,vader")):
            with self.subTest(parameter=name):
                result = self.joined(f"join-{name}", {**ENVIRONMENT, f"OMPI_MCA_{name}": value})
                self.assertIn(f"OMPI_MCA_{name}={value}", result.stderr)

    def test_libraries_say_nothing_that_nobody_can_use(self):
        result = self.joined("join-quiet", ENVIRONMENT)
        self.assertNotIn("PMIX ERROR", result.stderr + result.stdout)

    def test_who_is_not_let_in_comes_back_with_growing_patience(self):
        run = Run("join-in-vain")
        # A gateway that speaks to its own machine only.
        with ompi_server() as server, started(
                MPIRUN, "-n", 2, *[word if word != "self,vader,tcp" else "self,vader" for word in MPIRUN_FLAGS],
                harness.raven_program, "train", run.job, "--run", run.folder, *EMPTY,
                environment=harness.with_server(server)) as process:
            run.await_events("gateway_open", 1, process)
            with started(harness.raven_program, "join", run.folder) as contributor:
                times = []
                while len(times) < 5:
                    line = contributor.stderr.readline()
                    self.assertTrue(line, "the contributor gave up")
                    if "could not connect" in line or "lost its way" in line:
                        times.append(time.monotonic())
            # After 0.25, 0.5, 1 and 2 s at least; it was ten times in each second.
            self.assertGreater(times[-1] - times[0], 3)
            os.killpg(process.pid, signal.SIGKILL)

    def test_more_contributors_than_snippets_are_told_once(self):
        run = Run("idle-contributors")
        result = run.train("--set", "train.snippets=1", "--set", "train.batch=48", "--set", "contributors.min=2", ranks=3)
        self.assert_done(result)
        self.assertEqual(result.stderr.count("share the 1 snippets of a step"), 1, result.stderr)


@contextlib.contextmanager
def tenth_of_a_core():
    """The file of a control group that grants a tenth of a core; skips where none can be made."""
    for version, where in ((1, pathlib.Path("/sys/fs/cgroup/cpu")), (2, pathlib.Path("/sys/fs/cgroup"))):
        group = where / f"raven-{uuid.uuid4().hex[:8]}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if version == 1:
                (group / "cpu.cfs_quota_us").write_text("10000")
            else:
                (group / "cpu.max").write_text("10000 100000")
            yield group / "cgroup.procs"
            return
        except OSError:
            continue
        finally:
            wait_until(lambda: not (group / "cgroup.procs").read_text(), "the group to be empty")
            group.rmdir()
    raise unittest.SkipTest("needs a control group for processor time that may be made here")


class LittleTime(EndToEnd):
    def test_a_quota_bounds_the_threads_and_more_are_told(self):
        run = Run("quota")
        with tenth_of_a_core() as group, subprocess.Popen(
                run.command("--threads", "2", "--set", "train.epochs=1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env=ENVIRONMENT, preexec_fn=lambda: group.write_text(str(os.getpid()))) as process:
            result = finish(process)
        self.assert_done(result)
        self.assertIn("0.10 cores of processor time", result.stderr)

    @unittest.skipUnless(MPIRUN and OMPI_SERVER, "needs mpirun and ompi-server")
    def test_a_launch_with_a_tenth_of_a_core_begins(self):
        run = Run("launch-slow")
        with tenth_of_a_core() as group:
            process = subprocess.Popen(
                [harness.raven_program, "launch", str(run.job), "--run", str(run.folder), "-n", "2", "--set", "train.steps=1"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=harness.workshop(),
                preexec_fn=lambda: group.write_text(str(os.getpid())))
            try:
                result = finish(process)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        self.assert_done(result)
        self.assertNotIn("again", result.stderr)
        self.assertEqual(run.summary()["steps"], 1)


if __name__ == "__main__":
    harness.main()
