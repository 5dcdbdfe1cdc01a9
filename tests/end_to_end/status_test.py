"""A run is looked at from another shell.

usage: status_test.py RAVEN [TEST...]
"""

import json
import signal
import unittest

import harness
from harness import ENDLESS, MISTAKE, STEPS, EndToEnd, Run, finish, started, wait_until

# Long enough for several statuses.
MANY_EPOCHS = 20000


def status(run, *words):
    with started(harness.raven_program, "status", run.folder, *words) as process:
        return finish(process)


class Status(EndToEnd):
    def test_a_run_under_way_is_shown(self):
        run = Run("watched")
        with run.training("--set", f"train.epochs={MANY_EPOCHS}") as process:
            run.await_step(1, process)
            wait_until(lambda: (run.folder / "status.json").exists() and
                       json.loads(status(run, "--json").stdout)["left_s"], "a status with a pace")
            seen = json.loads(status(run, "--json").stdout)
            self.assertEqual((seen["pid"], seen["steps"], seen["epochs"]), (process.pid, MANY_EPOCHS * harness.STEPS_PER_EPOCH, MANY_EPOCHS))
            self.assertIn(seen["state"], ("training", "evaluating"))
            self.assertGreater(seen["loss"], 0)
            self.assertGreater(seen["samples_per_s"], 0)
            self.assertEqual([(one["state"], one["pid"]) for one in seen["contributors"]], [("ready", process.pid)])
            self.assertGreater(seen["contributors"][0]["snippets"], 0)
            shown = status(run)
            self.assert_done(shown)
            self.assertRegex(shown.stdout, rf"small: (training|evaluating), master {process.pid} on ")
            self.assertRegex(shown.stdout, r"step [\d ]+ of 260 000, epoch \d+ of 20000, loss [\d.]+, .*samples/s, .* left")
            self.assertRegex(shown.stdout, r"ready .* s ago")
            process.send_signal(signal.SIGTERM)
            finish(process)
        self.assertIn("stopped; the same command goes on", status(run).stdout)

    def test_a_finished_run_is_shown_as_finished(self):
        run = Run("looked-at-later")
        self.assert_done(run.train())
        shown = status(run)
        self.assert_done(shown)
        self.assertIn(f"finished\n  step {STEPS} of {STEPS}, epoch 3 of 3", shown.stdout)
        self.assertEqual(status(run, "--watch").stdout, shown.stdout)

    def test_a_killed_master_is_told(self):
        run = Run("looked-at-dead")
        with run.training(*ENDLESS) as process:
            run.await_step(1, process)
            run.await_that((run.folder / "status.json").exists, "a status", process)
            process.kill()
            process.wait()
        self.assertIn("its master is gone, last seen", status(run).stdout)

    def test_names_from_contributors_do_nothing_to_a_terminal(self):
        run = Run("evil-names")
        self.assert_done(run.train())
        file = run.folder / "status.json"
        said = json.loads(file.read_text())
        said["contributors"][0]["node"] = "\x1b]0;owned\x07" + "n" * 500
        file.write_text(json.dumps(said))
        shown = status(run)
        self.assert_done(shown)
        self.assertNotIn("\x1b", shown.stdout)
        self.assertLess(max(map(len, shown.stdout.splitlines())), 200)

    def test_what_is_no_run_or_damaged_is_told(self):
        result = status(Run("nowhere"))
        self.assertEqual(result.returncode, MISTAKE)
        self.assertIn("not a run directory", result.stderr)
        run = Run("torn-status")
        self.assert_done(run.train())
        for text in ("{", "[]", "{}", '{"job": 7}', "\xff" * 100):
            (run.folder / "status.json").write_text(text)
            result = status(run)
            self.assertEqual((result.returncode, result.stdout), (MISTAKE, ""), text)
            self.assertRegex(result.stderr, r"\Araven: [^\n]*\n\Z")


if __name__ == "__main__":
    harness.main()
