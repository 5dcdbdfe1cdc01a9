"""What stands in a run directory is not trusted: nothing is followed out of it, waited for, replaced or deleted that raven has not made.

usage: run_directory_test.py RAVEN [TEST...]
"""

import contextlib
import os
import socket
import subprocess
import unittest

import harness
from harness import ENVIRONMENT, MISTAKE, EndToEnd, Run

FILES = ("job.yaml", "overrides.json", "training_data.yaml", "events.jsonl", "summary.json", "status.json", "join.json", "join.token",
         ".lock")
# A verb that waits for a FIFO waits for ever.
HANG_S = 60


def raven(*words, **more):
    return subprocess.run([harness.raven_program, *map(str, words)], capture_output=True, text=True, timeout=HANG_S, env=ENVIRONMENT,
                          cwd=harness.workshop(), stdin=subprocess.DEVNULL, **more)


def link(path, target):
    path.symlink_to(target)


def fifo(path, _):
    os.mkfifo(path)


def unix_socket(path, _):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as one:
        # The path of a socket is short.
        here = os.getcwd()
        os.chdir(path.parent)
        try:
            one.bind(path.name)
        finally:
            os.chdir(here)


def folder(path, _):
    path.mkdir()


KINDS = {"a symbolic link": link, "a FIFO": fifo, "a socket": unix_socket, "a folder": folder}


class Hostile(EndToEnd):
    def trained(self, name):
        run = Run(name)
        run.clear()
        self.assert_done(run.train("--set", "train.epochs=1"))
        return run

    def precious(self, name):
        """A folder outside of any run, that nobody may touch."""
        place = harness.workshop() / name
        (place / "deep").mkdir(parents=True)
        (place / "thesis.txt").write_text("years of work")
        (place / "deep" / "data.h5").write_text("more of it")
        return place

    def assert_untouched(self, place):
        self.assertEqual({path.relative_to(place).as_posix(): path.read_text() for path in place.rglob("*") if path.is_file()},
                         {"thesis.txt": "years of work", "deep/data.h5": "more of it"})

    def assert_refused(self, result, *pieces):
        self.assertEqual((result.returncode, result.stdout), (MISTAKE, ""), result.stderr)
        self.assertRegex(result.stderr, r"\Araven: [^\n]*\n\Z")
        for piece in pieces:
            self.assertIn(piece, result.stderr)

    def test_beginning_anew_deletes_nothing_behind_a_link(self):
        place = self.precious("precious")
        run = self.trained("linked-checkpoints")
        (run.folder / "checkpoints").rename(run.folder / "put-away")
        (run.folder / "checkpoints").symlink_to(place)
        for words in (("--fresh",), ()):
            self.assert_refused(run.train("--set", "train.epochs=1", *words), "checkpoints: is a symbolic link")
            self.assert_untouched(place)
        for verb in (("evaluate", run.folder, "--data", "data/valid.yaml"), ("export", run.folder, "--out", "x.npz")):
            self.assert_refused(raven(*verb), "checkpoints: is a symbolic link")

    def test_beginning_anew_deletes_only_what_raven_wrote(self):
        run = self.trained("lived-in")
        kept = ("notes.txt", "checkpoints/notes.txt", "checkpoints/step-0000000001.h5.bak", "checkpoints/best/step-0000000001.h5",
                "step-0000000001.h5")
        (run.folder / "checkpoints" / "best").mkdir()
        for name in kept:
            (run.folder / name).write_text("mine")
        leftover = run.folder / "summary.json.part-1"
        leftover.write_text("half")
        before = run.summary()
        self.assert_done(run.train("--set", "train.epochs=1", "--fresh"))
        self.assertEqual([(run.folder / name).read_text() for name in kept], ["mine"] * len(kept))
        self.assertFalse(leftover.exists())
        self.assertEqual(run.summary()["weights_sha256"], before["weights_sha256"])
        self.assertEqual(run.summary()["resumed_from_step"], 0)

    def test_no_file_is_written_or_cut_through_a_link(self):
        place = self.precious("targets")
        for name in FILES:
            for words in ((), ("--fresh",)):
                with self.subTest(name=name, words=words):
                    run = self.trained("links")
                    (run.folder / name).unlink(missing_ok=True)
                    link(run.folder / name, place / "thesis.txt")
                    self.assert_refused(run.train("--set", "train.epochs=1", *words), f"{name}: is a symbolic link")
                    self.assert_untouched(place)
                    self.assertTrue((run.folder / name).is_symlink())

    def test_the_temporary_files_of_before_are_no_way_out_either(self):
        place = self.precious("part-targets")
        run = self.trained("part-links")
        link(run.folder / "status.json.part", place / "thesis.txt")
        self.assert_done(run.train("--set", "train.epochs=1", "--fresh"))
        self.assert_untouched(place)
        link(run.folder / "status.json.part-1", place / "thesis.txt")
        self.assert_refused(run.train("--set", "train.epochs=1"), "status.json.part-1: is a symbolic link")
        self.assert_untouched(place)

    def test_events_with_another_name_are_not_appended_to(self):
        run = self.trained("hard-link")
        os.link(run.folder / "events.jsonl", harness.workshop() / "backup.jsonl")
        before = (run.folder / "events.jsonl").read_bytes()
        self.assert_refused(run.train("--set", "train.epochs=1"), "events.jsonl", "hard link")
        self.assertEqual((harness.workshop() / "backup.jsonl").read_bytes(), before)

    def test_no_verb_waits_for_what_is_no_file(self):
        run = self.trained("no-files")
        readers = {
            "job.yaml": [("evaluate", run.folder, "--data", "data/valid.yaml"),
                         ("predict", run.folder, "--data", "data/valid.yaml", "--out", "out.npy"), ("export", run.folder)],
            "overrides.json": [("evaluate", run.folder, "--data", "data/valid.yaml")],
            "training_data.yaml": [("evaluate", run.folder, "--data", "data/valid.yaml")],
            "status.json": [("status", run.folder), ("status", run.folder, "--json"), ("status", run.folder, "--watch"),
                            ("leave", run.folder, "3")],
            ".lock": [("status", run.folder)],
            "join.json": [("spawn", run.folder), ("leave", run.folder, "3"), ("join", run.folder)],
            "join.token": [("spawn", run.folder)],
            "summary.json": [("join", run.folder)],
            "model.safetensors": [("export", run.folder)],
        }
        for name, verbs in readers.items():
            keep = (run.folder / name).read_bytes() if (run.folder / name).exists() else None
            for kind, make in KINDS.items():
                for verb in verbs:
                    with self.subTest(name=name, kind=kind, verb=verb[0]):
                        (run.folder / name).unlink(missing_ok=True)
                        # A run that is over needs nobody, whatever its doors are.
                        summary = run.folder / "summary.json"
                        hidden = summary.rename(run.folder / "hidden") if verb[0] == "join" and name != "summary.json" else None
                        make(run.folder / name, harness.workshop() / "job.yaml")
                        try:
                            self.assert_refused(raven(*verb), f"{name}: is {kind}")
                        finally:
                            (run.folder / name).rmdir() if kind == "a folder" else (run.folder / name).unlink()
                            if hidden:
                                hidden.rename(summary)
            if keep is not None:
                (run.folder / name).write_bytes(keep)

    def test_training_does_not_wait_for_what_is_no_file(self):
        for kind, make in KINDS.items():
            for name in FILES:
                with self.subTest(name=name, kind=kind):
                    run = Run("in-the-way")
                    run.clear()
                    run.folder.mkdir()
                    (run.folder / "job.yaml").touch()
                    (run.folder / name).unlink(missing_ok=True)
                    make(run.folder / name, harness.workshop() / "job.yaml")
                    self.assert_refused(run.train(), f"{name}: is {kind}")

    def test_files_too_large_to_be_ravens_are_refused(self):
        run = self.trained("huge")
        for name, verb in (("summary.json", ("join", run.folder)), ("status.json", ("status", run.folder)),
                           ("overrides.json", ("evaluate", run.folder, "--data", "data/valid.yaml")),
                           ("join.json", ("spawn", run.folder))):
            with self.subTest(name=name), contextlib.ExitStack() as stack:
                keep = (run.folder / name).read_bytes() if (run.folder / name).exists() else None
                with open(run.folder / name, "wb") as file:
                    file.truncate(200 << 20)
                stack.callback(lambda: (run.folder / name).write_bytes(keep) if keep else (run.folder / name).unlink())
                self.assert_refused(raven(*verb), name, "which raven never writes there")

    def test_the_run_directory_itself_may_be_a_link(self):
        real = harness.workshop() / "scratch"
        real.mkdir()
        run = Run("link-to-scratch")
        run.folder.symlink_to(real)
        self.assert_done(run.train("--set", "train.epochs=1"))
        self.assertTrue((real / "summary.json").exists())
        self.assert_done(run.train("--set", "train.epochs=1", "--fresh"))


if __name__ == "__main__":
    harness.main()
