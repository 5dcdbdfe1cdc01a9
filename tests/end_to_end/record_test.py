"""What a run tells of itself: nothing is lost or counted twice, nothing grows without bound, and a disk that is full is waited for.

usage: record_test.py RAVEN [TEST...]
"""

import json
import os
import resource
import signal
import unittest

import harness
from harness import DONE, MISTAKE, MPIRUN, STEPS, STEPS_PER_EPOCH, EndToEnd, Run, attempts, finish, started, wait_until

NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def raven(*words):
    with started(harness.raven_program, *words) as process:
        return finish(process)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def lines_of(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


class Summary(EndToEnd):
    def test_repeating_the_command_of_a_finished_run_changes_nothing(self):
        run = Run("finished")
        self.assert_done(run.train())
        before = contents(run.folder)
        result = run.train()
        self.assert_done(result)
        self.assertEqual(contents(run.folder), before)
        self.assertIn(f"trained {STEPS} steps", result.stdout)
        self.assertNotIn("samples/s", result.stdout)

    def test_a_summary_that_is_missing_is_written_by_the_same_command(self):
        run = Run("killed-at-the-last-moment")
        self.assert_done(run.train())
        before = run.summary()
        (run.folder / "summary.json").unlink()
        self.assert_done(run.train())
        after = run.summary()
        for name in ("complete", "steps", "weights_sha256", "train", "valid", "epochs"):
            self.assertEqual(after[name], before[name])
        mine = [one for one in after["contributors"] if one["snippets"]]
        self.assertEqual([(one["pid"], one["snippets"], one["samples"]) for one in mine],
                         [(one["pid"], one["snippets"], one["samples"]) for one in before["contributors"]])

    def test_everybody_is_credited_over_all_restarts_and_nothing_is_counted_twice(self):
        run = Run("many-lives")
        pids = []
        for attempt in attempts(run):
            pids.clear()
            with attempt:
                for step in (2, STEPS_PER_EPOCH + 3, 2 * STEPS_PER_EPOCH + 1):
                    with run.training(*attempt.long()) as process:
                        pids.append(process.pid)
                        run.await_step(step, process)
                        process.send_signal(signal.SIGKILL if step > 2 else signal.SIGTERM)
                        process.wait()
                if (run.folder / "summary.json").exists() and run.summary()["complete"]:
                    raise harness.TooLate("the run was over before it was killed")
        self.assert_done(run.train(*attempt.long()))
        summary = run.summary()
        # Of the first life a checkpoint is certain: it was asked to stop.
        self.assertIn(pids[0], [one["pid"] for one in summary["contributors"]])
        trained = sum(epoch["train"]["samples"] for epoch in lines_of(run.folder / "history.jsonl"))
        evaluated = sum(epoch["valid"]["samples"] for epoch in lines_of(run.folder / "history.jsonl"))
        self.assertEqual(sum(one["samples"] for one in summary["contributors"]), trained + evaluated)
        self.assertEqual(trained, summary["steps"] // STEPS_PER_EPOCH * lines_of(run.folder / "history.jsonl")[0]["train"]["samples"])
        self.assertEqual([one["here_at_the_end"] for one in summary["contributors"] if one["pid"] in pids],
                         [False] * sum(one["pid"] in pids for one in summary["contributors"]))

    def test_time_never_goes_back(self):
        run, _ = self.interrupted_run("time", STEPS // 2, lambda process, _: process.kill())
        # As if the checkpoint were much older than the last event.
        with open(run.folder / "events.jsonl", "a") as events:
            events.write('{"event":"step","t":5000.5}\n{"event":"unknown"}\n')
        self.assert_done(run.train())
        times = [event["t"] for event in run.events() if "t" in event]
        self.assertEqual(times, sorted(times))
        self.assertGreaterEqual(times[-1], 5000.5)
        self.assertGreaterEqual(run.summary()["wall_s"], times[-1])

    def test_the_keys_in_which_another_job_differs_are_told(self):
        run = Run("other-keys")
        self.assert_done(run.train())
        for words, told in (
                (("--set", "seed=8"), "seed is 8 here and was 7"),
                (("--set", "train.batch=32"), "train.batch is 32 here and was 48"),
                (("--set", "model.7.linear.bias=false"), "model.7.linear.bias is false here and was not given"),
                (("--set", "optimizer.adam.rate=0.01"), "optimizer.adam.rate is 0.01 here and was 1.0e-3"),
                (("--set", "train.epochs=4", "--set", "seed=9"), "seed is 9 here and was 7; train.epochs is 4 here and was 3"),
                (("--set", "data.train=data/valid.yaml"), "the training data is another one ("),
        ):
            result = run.train(*words)
            self.assertEqual((result.returncode, result.stdout), (MISTAKE, ""), result.stderr)
            self.assertIn(told, result.stderr)
            self.assertEqual(result.stderr.count("here and was"), told.count("here and was"), result.stderr)

    def test_a_job_that_can_be_read_only_once_is_refused_at_once(self):
        run = Run("from-a-pipe")
        with started("sh", "-c", f"cat {run.job} | {harness.raven_program} train /dev/stdin --run {run.folder} "
                     f"--set data.train={harness.workshop()}/data/train.yaml --set data.valid={harness.workshop()}/data/valid.yaml") as process:
            result = finish(process)
        self.assertEqual(result.returncode, MISTAKE, result.stderr)
        self.assertIn("can be read only once", result.stderr)
        self.assertFalse(run.folder.exists())


class History(EndToEnd):
    def expect_whole(self, run, epochs):
        self.assertEqual([(line["epoch"], line["step"]) for line in lines_of(run.folder / "history.jsonl")],
                         [(epoch, epoch * STEPS_PER_EPOCH) for epoch in range(1, epochs + 1)])

    def test_each_epoch_is_there_once_after_kills_and_damage(self):
        run, _ = self.interrupted_run("history", 2 * STEPS_PER_EPOCH + 2, lambda process, _: process.kill(),
                                      *harness.LONG)
        history = run.folder / "history.jsonl"
        # A machine that went down: epochs that no checkpoint knows of, garbage, and a torn line.
        with open(history, "a") as file:
            file.write('{"epoch":19,"step":999999,"train":{"samples":600,"loss":0.5}}\nno epoch\n{"epoch":20,"st')
        self.assert_done(run.train(*harness.LONG))
        self.expect_whole(run, 20)
        undisturbed = Run("history-undisturbed")
        self.assert_done(undisturbed.train(*harness.LONG))
        self.assertEqual(history.read_bytes(), (undisturbed.folder / "history.jsonl").read_bytes())
        # In the summary each figure says its step.
        for line in (told := lines_of(history)):
            line["train"]["step"] = line["valid"]["step"] = line["step"]
        self.assertEqual(run.summary()["epochs"], told)

    def test_beginning_anew_begins_a_new_history(self):
        run = Run("new-history")
        self.assert_done(run.train())
        self.assert_done(run.train("--fresh", "--set", "train.epochs=2"))
        self.expect_whole(run, 2)

    def test_a_run_of_many_epochs_takes_little_room(self):
        folder = harness.workshop()
        (folder / "ten.csv").write_text("x,y\n" + "".join(f"{i}.5,{2 * i}.25\n" for i in range(10)))
        result = raven("data", "import", "csv", folder / "ten.csv", "--target", "y", "--folder", folder / "ten")
        self.assert_done(result)
        (folder / "ten.yaml").write_text("name: ten\ndata: {train: ten/train.yaml}\nmodel: [{linear: {features: 1}}]\nloss: mse\n"
                                         "optimizer: {sgd: {rate: 1.0e-3}}\ntrain: {epochs: 3000, batch: 10, snippets: 1}\n")
        run = Run("ten-rows", "ten.yaml")
        self.assert_done(run.train())
        self.assertEqual(len(lines_of(run.folder / "history.jsonl")), 3000)
        self.assertLess(max(path.stat().st_size for path in run.checkpoints()), 100_000)
        self.assertLess((run.folder / "summary.json").stat().st_size, 100_000)
        summary = run.summary()
        self.assertEqual((summary["epochs_done"], summary["every_epoch"]), (3000, 16))
        self.assertEqual([epoch["epoch"] for epoch in summary["epochs"]], [*range(1, 3001, 16), 3000])
        self.assertEqual(summary["best"]["train"]["loss"],
                         min(epoch["train"]["loss"] for epoch in lines_of(run.folder / "history.jsonl")))


class Status(EndToEnd):
    def status(self, run):
        """@return what raven status --json says; None before there is anything"""
        result = raven("status", run.folder, "--json")
        return json.loads(result.stdout) if result.returncode == DONE and result.stdout else None

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_those_who_are_gone_have_no_speed(self):
        run = Run("gone")
        with run.training(*harness.ENDLESS, "--set", "contributors.min=1", ranks=3) as process:
            victim = run.await_that(lambda: next((event for event in run.events("joined") if event["peer"] == 2), None), "peer 2", process)
            run.await_that(lambda: any(event["peer"] == 2 for event in run.events("working")), "work for it", process)
            os.kill(victim["pid"], signal.SIGKILL)
            run.await_events("lost", 1, process)

            def pace():
                seen = self.status(run)
                states = {one["peer"]: one for one in seen["contributors"]} if seen else {}
                return seen if states.get(2, {}).get("state") == "gone" and seen["samples_per_s"] else None
            seen = run.await_that(pace, "a status with a pace", process)
            self.assertEqual([one["samples_per_s"] for one in seen["contributors"] if one["peer"] == 2], [None])
            shown = raven("status", run.folder)
            self.assert_done(shown)
            self.assertRegex(shown.stdout, r"(?m)^ +2  gone +\S+ +\d+ +\d+ +\d+  $")

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_while_it_waits_there_is_no_pace_and_no_time_left(self):
        run = Run("waits")
        with run.training("--set", "contributors.min=7", ranks=2) as process:
            run.await_events("waiting", 1, process)
            seen = run.await_that(lambda: (said := self.status(run)) and said["state"] == "waiting" and said, "a status", process)
            self.assertEqual((seen["samples_per_s"], seen["left_s"]), (None, None))
            self.assertNotIn("left", raven("status", run.folder).stdout)


class FullDisk(EndToEnd):
    """Files that can't grow any further stand for a disk that is full: the same write fails. 100 kB hold all but checkpoints."""

    def run_on_a_full_disk(self, run, *words):
        return run.training(*words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, NO_LIMIT[1])))

    def test_training_waits_for_room_and_goes_on_by_itself(self):
        run = Run("full-disk")
        with self.run_on_a_full_disk(run, *harness.LONG) as process:
            held = run.await_events("held", 1, process)
            self.assertIn("File too large", held[0]["reason"])
            seen = run.await_that(lambda: (said := json.loads((run.folder / "status.json").read_text()))["state"] == "held" and said,
                                  "a status", process)
            self.assertEqual((seen["left_s"], seen["samples_per_s"]), (None, None))
            shown = raven("status", run.folder)
            self.assertIn("held, master", shown.stdout)
            self.assertIn("the disk refuses checkpoints: ", shown.stdout)
            self.assertEqual(run.checkpoints(), [])
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, NO_LIMIT)
            result = finish(process)
        self.assert_done(result)
        self.assert_same_bits(run)
        self.assertIn("a checkpoint could not be written", result.stderr)
        self.assertIn("training waits for the disk", result.stderr)
        self.assertIn("the disk takes checkpoints again", result.stderr)
        self.assertEqual([event["event"] for event in run.events() if event["event"] in ("disk_refuses", "held", "disk_takes_again")],
                         ["disk_refuses", "held", "disk_takes_again"])

    def test_the_last_checkpoint_is_waited_for(self):
        run = Run("full-at-the-end")
        with self.run_on_a_full_disk(run, "--set", "checkpoint.every=1h") as process:
            run.await_events("disk_refuses", 1, process)
            self.assertEqual(run.events()[-2]["event"], "finished")
            self.assertFalse((run.folder / "summary.json").exists())
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, NO_LIMIT)
            self.assert_done(finish(process))
        self.assert_same_bits(run)

    def test_who_waits_at_the_end_can_be_told_to_give_up(self):
        run = Run("given-up")
        with self.run_on_a_full_disk(run, "--set", "checkpoint.every=1h") as process:
            run.await_events("disk_refuses", 1, process)
            process.send_signal(signal.SIGTERM)
            result = finish(process)
        self.assertEqual(result.returncode, MISTAKE, result.stderr)
        self.assertRegex(result.stderr.splitlines()[-1], "^raven: .*make room or choose another disk")
        self.assertEqual(run.checkpoints(), [])
        self.assert_done(run.train())
        self.assert_same_bits(run)

    def test_lines_that_had_to_wait_come_in_order(self):
        run = Run("full-for-lines")
        with run.training(*harness.LONG) as process:
            run.await_step(2, process)
            # Not one more byte for any file that has some.
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, NO_LIMIT[1]))
            wait_until(lambda: "events.jsonl could not be written" in process.stderr.readline() or process.poll() is not None,
                       "a word of the lines")
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, NO_LIMIT)
            self.assert_done(finish(process))
        self.assert_same_bits(run)
        times = [event["t"] for event in run.events()]
        self.assertEqual(times, sorted(times))
        self.assertEqual([line["epoch"] for line in lines_of(run.folder / "history.jsonl")], list(range(1, 21)))
        self.assertEqual(run.events()[-1]["event"], "finished")


if __name__ == "__main__":
    harness.main()
