"""A language model from a text to what it says, by any crowd the same.

usage: language_test.py RAVEN [TEST...]
"""

import collections
import functools
import json
import math
import os
import signal
import struct
import subprocess
import unittest

import harness
from harness import (DONE, MISTAKE, MPIRUN, EndToEnd, Run, TooLate, attempts, children_of, environment_of, finish,
                     workshop)

JOB = """\
name: language
seed: 5
data: {train: text/train.yaml, valid: text/valid.yaml}
model:
  - tied_embedding:
      width: 24
      layers:
        - positions
        - transformer_encoder: {count: 2, heads: 2, causal: true, positions: rotary, dropout: 0.1}
        - layer_norm
loss: cross_entropy
optimizer: {adamw: {rate: 1.0e-2}}
schedule: {cosine: {warmup: 10}}
train: {epochs: 2, batch: 24, snippets: 5}
contributors: {heartbeat: 100 ms, lost_after: 20 s}
checkpoint: {every: 1 ms, keep: 3}
"""

CELLS = JOB.replace(JOB[JOB.index("model:"):JOB.index("loss:")], """\
model:
  - tied_embedding:
      width: 24
      layers:
        - lstm: {features: 24, carry: true}
        - dropout: {rate: 0.05}
""").replace("name: language", "name: cells").replace("1.0e-2", "2.0e-2")


def raven(*words):
    return subprocess.run([harness.raven_program, *map(str, words)], capture_output=True, text=True, cwd=workshop(),
                          timeout=harness.PATIENCE_S, env=harness.ENVIRONMENT)


def bits_of_characters_alone(text):
    """What a model loses that knows but how often each character stands."""
    shares = [count / len(text) for count in collections.Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


@functools.cache
def reference():
    """The run alone on one thread and undisturbed."""
    folder = workshop()
    (folder / "language.yaml").write_text(JOB)
    for words in (["data", "make", "story", "--bytes", 60000, "--file", folder / "story.txt"],
                  ["data", "import", "text", folder / "story.txt", "--context", 24, "--folder", folder / "text"]):
        result = raven(*words)
        assert result.returncode == DONE, result.stderr
    run = Run("language-reference", "language.yaml")
    result = run.train("--threads", "1")
    assert result.returncode == DONE, result.stderr
    return run


class Language(EndToEnd):
    def assert_as_reference(self, run):
        self.assertTrue(run.summary()["complete"])
        self.assertEqual(run.summary()["weights_sha256"], reference().summary()["weights_sha256"])

    def test_it_learns_more_than_how_often_each_character_stands(self):
        text = (reference().folder.parent / "story.txt").read_text()
        alone = bits_of_characters_alone(text)
        valid = reference().summary()["valid"]
        self.assertLess(valid["bits_per_token"], 0.8 * alone)
        self.assertAlmostEqual(valid["bits_per_token"], valid["loss"] / math.log(2), places=9)
        self.assertAlmostEqual(valid["perplexity"], math.exp(valid["loss"]), places=6)

    def test_any_number_of_threads_gives_the_same_bits(self):
        reference()
        run = Run("language-threads", "language.yaml")
        self.assert_done(run.train("--threads", "3"))
        self.assert_as_reference(run)

    @unittest.skipUnless(MPIRUN, "needs mpirun")
    def test_three_contributors_one_that_joins_and_one_that_is_killed_give_the_same_bits(self):
        reference()
        for _ in range(5):
            run = Run("language-crowd", "language.yaml")
            run.clear()
            with run.training("--gateways", "1", "--set", "contributors.spawn=[{at_step: 3}]", ranks=5) as process:
                if not run.wait_for_step(10, process):
                    continue
                victims = [pid for pid in children_of(process.pid)
                           if environment_of(pid).get("OMPI_COMM_WORLD_RANK") == "3"]
                for pid in victims:
                    os.kill(pid, signal.SIGKILL)
                self.assert_done(finish(process))
            if victims:
                break
        else:
            self.fail("the run was over before anybody could be killed, five times")
        self.assertEqual(len(run.events("spawning")), 1)
        self.assert_as_reference(run)

    def test_cells_that_carry_their_state_learn_as_well_and_any_crowd_gives_their_bits(self):
        text = (reference().folder.parent / "story.txt").read_text()
        (workshop() / "cells.yaml").write_text(CELLS)
        alone = Run("cells-alone", "cells.yaml")
        self.assert_done(alone.train("--threads", "1"))
        self.assertLess(alone.summary()["valid"]["bits_per_token"], 0.85 * bits_of_characters_alone(text))
        runs = [("cells-threads", ["--threads", "3"], {})]
        if MPIRUN:
            runs.append(("cells-crowd", [], {"ranks": 4}))
        for name, words, how in runs:
            run = Run(name, "cells.yaml")
            self.assert_done(run.train(*words, **how))
            self.assertEqual(run.summary()["weights_sha256"], alone.summary()["weights_sha256"], name)
        self.check_killed_master_of_cells(alone)
        # Along the same lanes, window by window, to the same figures.
        result = raven("evaluate", alone.folder, "--data", "text/valid.yaml", "--json")
        self.assertEqual(result.returncode, DONE, result.stderr)
        for name, value in alone.summary()["valid"].items():
            self.assertEqual(json.loads(result.stdout)[name], value, name)
        self.check_sample_of_cells(alone, text)

    def check_sample_of_cells(self, alone, text):
        """What comes next after several windows is what the model predicts there, going along the data in one lane."""
        result = raven("predict", alone.folder, "--data", "text/valid.yaml", "--out", "cells.npy", "--kind", "class")
        self.assertEqual(result.returncode, DONE, result.stderr)
        file = (workshop() / "cells.npy").read_bytes()
        classes = struct.unpack_from("<%dq" % 240, file, 10 + struct.unpack_from("<H", file, 8)[0])
        characters, valid = sorted(set(text)), text[int(len(text) * 0.9):]
        for window in (1, 2, 5, 9):
            prompt = valid[:24 * window + 1]
            said = raven("sample", alone.folder, "--prompt", prompt, "--tokens", 1, "--temperature", 0).stdout
            self.assertEqual(said, prompt + characters[classes[24 * window]] + "\n")

    def check_killed_master_of_cells(self, alone):
        run = Run("cells-killed", "cells.yaml")
        for attempt in attempts(run):
            with attempt, run.training("--threads", "1") as process:
                run.await_that(lambda: any(event["step"] >= 5 for event in run.events("checkpoint_written")), "a checkpoint", process)
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                if (run.folder / "summary.json").exists() and run.summary()["complete"]:
                    raise TooLate("the run was over before the blow")
        # In the middle of an epoch, so that the state comes from a checkpoint.
        steps = alone.summary()["steps"] // 2
        self.assertTrue(any(int(path.stem.split("-")[1]) % steps != 0 for path in run.checkpoints()))
        self.assert_done(run.train())
        self.assertEqual(run.summary()["weights_sha256"], alone.summary()["weights_sha256"])
        self.assertEqual(run.summary()["valid"], alone.summary()["valid"])

    def test_evaluation_gives_the_figures_of_the_run(self):
        run = reference()
        result = raven("evaluate", run.folder, "--data", "text/valid.yaml", "--json")
        self.assertEqual(result.returncode, DONE, result.stderr)
        for name, value in run.summary()["valid"].items():
            self.assertEqual(json.loads(result.stdout)[name], value, name)

    def test_it_goes_on_with_a_text(self):
        run = reference()
        said = [raven("sample", run.folder, "--prompt", "The old ", "--tokens", 40, *more).stdout
                for more in ((), (), ("--seed", 2), ("--temperature", 0), ("--temperature", 0, "--seed", 9))]
        self.assertTrue(all(text.startswith("The old ") for text in said))
        self.assertTrue(all(len(text) == 8 + 40 + 1 for text in said))
        self.assertEqual(said[0], said[1])
        self.assertNotEqual(said[0], said[2])
        self.assertEqual(said[3], said[4])
        # Longer than what it sees at a time.
        self.assertEqual(raven("sample", run.folder, "--prompt", "The old " * 10, "--tokens", 5).returncode, DONE)

    def test_what_it_can_not_say_is_a_mistake(self):
        for prompt, words in (("\u00e4", "not in the vocabulary"), ("", "no token")):
            result = raven("sample", reference().folder, "--prompt", prompt)
            self.assertEqual(result.returncode, MISTAKE)
            self.assertIn(words, result.stderr)
        other = Run("no-language")
        self.assert_done(other.train("--set", "train.epochs=1"))
        result = raven("sample", other.folder)
        self.assertEqual(result.returncode, MISTAKE)
        self.assertIn("not trained on a text", result.stderr)


if __name__ == "__main__":
    harness.main()
