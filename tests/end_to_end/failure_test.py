"""What can't work: one clear sentence, the documented exit code, no hang and nothing destroyed.

usage: failure_test.py RAVEN [TEST...]
"""

import os
import re
import resource
import signal
import subprocess
import unittest

import harness
from harness import DONE, ENVIRONMENT, MISTAKE, MPIRUN, MPIRUN_FLAGS, EndToEnd, Run


def files_of_at_most(limit_bytes):
    """A process whose files can't grow beyond a limit, which it meets as it meets a full disk: a write that fails."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    return limit


class Failures(EndToEnd):
    def assert_mistake(self, result, *pieces):
        """One line on stderr, nothing on stdout."""
        self.assertEqual((result.returncode, result.stdout), (MISTAKE, ""), result.stderr)
        self.assertRegex(result.stderr, r"\Araven: [^\n]*\n\Z")
        for piece in pieces:
            self.assertIn(piece, result.stderr)


class Alone(Failures):
    def test_a_run_of_another_job_is_refused_and_stays_as_it_was(self):
        run = Run("taken")
        self.assert_done(run.train())
        before = run.summary()
        for change in ("seed=8", "train.batch=32", "model.7.linear.bias=false", "optimizer.adam.rate=0.01"):
            self.assert_mistake(run.train("--set", change), "--fresh")
        self.assertEqual(run.summary(), before)
        self.assert_done(run.train())
        self.assert_same_bits(run)

    def test_a_refused_job_does_not_take_the_place_of_the_right_one(self):
        run = Run("two-jobs")
        self.assert_done(run.train())
        other = harness.workshop() / "other.yaml"
        other.write_text(harness.JOB.replace("seed: 7", "seed: 8"))
        self.assert_mistake(Run("two-jobs", "other.yaml").train(), "--fresh")
        self.assertEqual((run.folder / "job.yaml").read_text(), harness.JOB)

    def test_nothing_is_forgotten_for_a_job_that_cannot_begin(self):
        run = Run("precious")
        self.assert_done(run.train())
        self.assert_mistake(run.train("--fresh", "--set", "data.train=nowhere.yaml"), "nowhere.yaml")
        self.assert_done(run.train())
        self.assertEqual(run.summary()["resumed_from_step"], harness.STEPS)

    def test_a_torn_line_of_events_is_cut_off(self):
        run = Run("torn")
        self.assert_done(run.train())
        whole = (run.folder / "events.jsonl").read_text()
        (run.folder / "events.jsonl").write_text(whole + '{"event":"st')
        self.assert_done(run.train())
        text = (run.folder / "events.jsonl").read_text()
        self.assertTrue(text.startswith(whole + '{"event":"resumed"'), text[len(whole):])
        self.assertEqual(run.events()[-1]["event"], "finished")

    def test_a_master_killed_at_its_very_beginning_leaves_a_run_directory(self):
        run = Run("newborn")
        (run.folder / "checkpoints").mkdir(parents=True)
        (run.folder / ".lock").touch()
        self.assert_done(run.train())
        self.assert_same_bits(run)

    def test_a_folder_that_is_no_run_is_left_alone(self):
        run = Run("holiday-photos")
        run.folder.mkdir()
        (run.folder / "beach.jpg").write_text("sand")
        self.assert_mistake(run.train(), "not a run directory")
        self.assertEqual([file.name for file in run.folder.iterdir()], ["beach.jpg"])

    def test_two_masters_in_one_run_are_one_too_many(self):
        run = Run("busy")
        with run.training(*harness.ENDLESS) as process:
            run.await_step(1, process)
            self.assert_mistake(run.train(), "another master is at work")

    def test_a_run_directory_that_cannot_be_made_is_told(self):
        run = Run("file-in-the-way")
        run.folder.write_text("not a folder")
        self.assert_mistake(run.train(), str(run.folder))

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_run_directory_without_rights_is_told(self):
        run = Run("read-only")
        run.folder.mkdir(mode=0o500)
        self.assert_mistake(run.train(), str(run.folder))

    def test_a_full_disk_costs_no_run(self):
        run = Run("full-disk")
        # 100 kB hold the events but no checkpoint.
        result = run.train(preexec_fn=files_of_at_most(100_000))
        self.assertEqual(result.returncode, MISTAKE, result.stderr)
        self.assertIn("warning: a checkpoint could not be written", result.stderr)
        self.assertRegex(result.stderr.splitlines()[-1], r"^raven: .*make room or choose another disk")
        self.assertEqual(list((run.folder / "checkpoints").iterdir()), [])
        self.assert_done(run.train())
        self.assert_same_bits(run)

    def test_a_disk_that_is_full_from_the_start_is_told(self):
        run = Run("very-full-disk")
        self.assert_mistake(run.train(preexec_fn=files_of_at_most(10)), "job.yaml")


@unittest.skipUnless(MPIRUN, "needs mpirun")
class UnderMpirun(Failures):
    def codes(self, name, *words, ranks=3):
        """Runs the words on every rank. @return stderr of all, exit codes by rank: mpirun --enable-recovery hides them"""
        run = Run(name)
        folder = harness.workshop() / f"{name}-codes"
        folder.mkdir()
        script = f'"$@"; echo $? > {folder}/$OMPI_COMM_WORLD_RANK'
        result = subprocess.run([MPIRUN, "-n", str(ranks), *MPIRUN_FLAGS, "sh", "-c", script, "sh", *run.command(*words)],
                                capture_output=True, text=True, timeout=harness.PATIENCE_S, env=ENVIRONMENT,
                                cwd=harness.workshop())
        # Open MPI says "[node:pid] PMIX ERROR" and the like now and then when a rank ends with another code than 0.
        told = [line for line in result.stderr.splitlines() if not re.match(r"\[[^ ]+:\d+\] ", line)]
        return told, [int((folder / str(rank)).read_text()) for rank in range(ranks)]

    def test_a_mistake_in_the_job_is_told_once_and_everybody_goes_home(self):
        told, codes = self.codes("broken-job", "--set", "model.7.linear.feetures=10")
        self.assertEqual(len(told), 1, told)
        self.assertIn("did you mean 'features'?", told[0])
        self.assertEqual(codes, [MISTAKE, DONE, DONE])

    def test_missing_data_is_told_once_and_everybody_goes_home(self):
        told, codes = self.codes("no-data", "--set", "data.train=nowhere.yaml")
        self.assertEqual(len(told), 1, told)
        self.assertIn("nowhere.yaml", told[0])
        self.assertEqual(codes, [MISTAKE, DONE, DONE])

    def test_a_wrong_command_line_is_told_once(self):
        told, codes = self.codes("wrong-words", "--frehs")
        self.assertEqual(len(told), 1, told)
        self.assertIn("did you mean '--fresh'?", told[0])
        self.assertEqual(codes, [MISTAKE] * 3)

    def test_a_loss_that_is_no_number_ends_everybody(self):
        told, codes = self.codes("diverging", "--set", "optimizer.adam.rate=1e30", "--quiet")
        self.assertEqual([line for line in told if "not a finite number any more at step" in line and line.startswith("raven: ")], told[:1])
        self.assertEqual(codes[0], MISTAKE)

    def test_a_master_that_cannot_begin_says_so_once_and_everybody_goes_home(self):
        folder = Run("crowd-in-the-wrong-place").folder
        folder.mkdir()
        (folder / "job.yaml").touch()
        (folder / "checkpoints").symlink_to(harness.workshop())
        told, codes = self.codes("crowd-in-the-wrong-place", "--quiet")
        self.assertEqual(len(told), 1, told)
        self.assertRegex(told[0], "^raven: .*/checkpoints: is a symbolic link")
        self.assertEqual(codes, [MISTAKE, DONE, DONE])
        self.assertEqual(sorted(path.name for path in folder.iterdir()), [".lock", "checkpoints", "job.yaml"])


if __name__ == "__main__":
    harness.main()
