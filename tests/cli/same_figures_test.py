"""One figure, whoever tells it: summary.json, the terminal, `raven evaluate`, and NumPy on what `raven predict` writes.

A row of the table for every loss, metric and kind of data. Each run ends in the middle of an epoch, so that a
validation of an epoch's end would be told for that of the final weights. The references below are written out in NumPy
from the definitions that jobs/README.md and PyTorch's documentation give.

usage: same_figures_test.py RAVEN
"""

import json
import math
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy

RAVEN = None
DONE, MISTAKE = 0, 2
NO_TARGET = -100

JOB = """\
name: NAME
seed: 3
data: {train: data/train.yaml, valid: data/valid.yaml}
model:
MODEL
loss: LOSS
optimizer: {adam: {rate: 3.0e-3}}
train: {epochs: 50, steps: STEPS, BATCH}
"""


def raven(*words):
    return subprocess.run([RAVEN, *map(str, words)], capture_output=True, text=True, timeout=600)


def done(*words):
    result = raven(*words)
    assert result.returncode == DONE, result.stderr
    return result.stdout


# Targets in the data set's order, from the shards.

def arrays(manifest, *names):
    parts = []
    for shard in sorted(manifest.parent.glob(f"{manifest.stem}-*.h5")):
        with h5py.File(shard) as file:
            parts.append([file[name][()] for name in names])
    return [numpy.concatenate(of_name) for of_name in zip(*parts)]


def stored_targets(manifest):
    return arrays(manifest, "targets")[0]


def next_tokens(context):
    """Windows of a text: the token after each one of the window, none where the sequence has ended."""
    def of(manifest):
        windows = []
        for shard in sorted(manifest.parent.glob(f"{manifest.stem}-*.h5")):
            with h5py.File(shard) as file:
                tokens, offsets = file["tokens"][()], file["offsets"][()]
            for begin, end in zip(offsets, offsets[1:]):
                for first in range(begin, end - 1, context):
                    row = tokens[first + 1:min(first + context + 1, end)]
                    windows.append(numpy.pad(row, (0, context - len(row)), constant_values=NO_TARGET))
        return numpy.array(windows)
    return of


# What is told of predictions and targets.

def log_softmax(logits):
    logits = logits.astype(numpy.float64)
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - numpy.log(numpy.exp(logits).sum(axis=-1, keepdims=True))


def cross_entropy(label_smoothing=0.0, ignore_index=NO_TARGET, class_weights=None, top_k=0, f1=False, f1_without=-1, text=False):
    def figures(logits, targets):
        classes = logits.shape[-1]
        logits, targets = logits.reshape(-1, classes), targets.reshape(-1)
        asked = targets != ignore_index
        logits, targets = logits[asked], targets[asked]
        weights = numpy.ones(classes) if class_weights is None else numpy.array(class_weights)
        logs = log_softmax(logits)
        own = -logs[numpy.arange(len(targets)), targets] * weights[targets]
        all_classes = (-logs * weights).sum(axis=1)
        loss = ((1 - label_smoothing) * own + label_smoothing / classes * all_classes).sum() / weights[targets].sum()
        said = logits.argmax(axis=1)
        told = {"loss": loss, "accuracy": (said == targets).mean()}
        if top_k:
            best = numpy.argsort(-logits, axis=1, kind="stable")[:, :top_k]
            told[f"top_{top_k}_accuracy"] = (best == targets[:, None]).any(axis=1).mean()
        if f1:
            hits = ((said == targets) & (targets != f1_without)).sum()
            told["f1"] = 2 * hits / ((said != f1_without).sum() + (targets != f1_without).sum())
        if text:
            told |= {"perplexity": math.exp(loss), "bits_per_token": loss / math.log(2)}
        return told
    return figures


def of_errors(loss):
    def figures(output, targets):
        errors = output.astype(numpy.float64) - targets.reshape(output.shape)
        return {"loss": loss(errors).mean(), "mean_absolute_error": numpy.abs(errors).mean()}
    return figures


def bce(positive_weight):
    def figures(logits, targets):
        z, t = logits.astype(numpy.float64), targets.reshape(logits.shape).astype(numpy.float64)
        losses = numpy.array(positive_weight) * t * numpy.logaddexp(0, -z) + (1 - t) * numpy.logaddexp(0, z)
        return {"loss": losses.mean(), "accuracy": ((z > 0) == (t > 0.5)).mean()}
    return figures


# Data, made in the folder `data` of a place.

def digits(place):
    done("data", "make", "digits", "--count", "700", "--folder", place / "data")


def table(targets):
    def make(place):
        random = numpy.random.default_rng(5)
        x = random.normal(size=(300, 4)).astype(numpy.float32)
        numpy.save(place / "x.npy", x)
        numpy.save(place / "y.npy", targets(x, random).astype(numpy.float32))
        done("data", "import", "npy", place / "x.npy", place / "y.npy", "--folder", place / "data", "--valid", "0.3")
    return make


def some_values(x, random):
    return numpy.stack([x[:, 0] * 2 + random.normal(size=len(x)) * 0.2, x[:, 1] * x[:, 2]], axis=1)


def some_answers(x, random):
    return numpy.stack([x[:, 0] > 0, x[:, 1] + x[:, 2] > 1, x[:, 3] + random.normal(size=len(x)) > 0], axis=1)


def sentences(place):
    """Some words have a tag that asks for nothing."""
    random = numpy.random.default_rng(7)
    with open(place / "words.conll", "w", encoding="utf-8") as file:
        for _ in range(240):
            for _ in range(random.integers(2, 9)):
                number = random.integers(0, 12)
                file.write(f"w{number}\t{'none' if number % 5 == 4 else 'abc'[number % 3]}\n")
            file.write("\n")
    done("data", "import", "conll", place / "words.conll", "--ignore", "none", "--folder", place / "data", "--valid", "0.3")


def trees(place):
    done("data", "make", "trees", "--count", "240", "--folder", place / "data")


def text(sequences, context):
    def make(place):
        random = numpy.random.default_rng(9)
        names = ["ann", "bob", "carl", "dora"]
        verbs = ["sees", "likes", "knows"]
        with open(place / "text.txt", "w", encoding="utf-8") as file:
            for _ in range(260):
                ends = " " + " ".join(random.choice(names, size=random.integers(1, 4))) + "."
                file.write(f"{random.choice(names)} {random.choice(verbs)}{ends}\n")
        done("data", "import", "text", place / "text.txt", "--context", context, "--sequences", sequences,
             "--folder", place / "data", "--valid", "0.3")
    return make


MLP = "  - flatten\n  - linear: {features: 24, activation: relu}\n  - batch_norm\n  - dropout: {rate: 0.2}\n  - linear: {features: 10}"
SMALL = "  - linear: {features: 8, activation: tanh}\n  - linear: {features: %d}"
TAGS = "  - embedding: {width: 6}\n  - lstm: {features: 5, bidirectional: true}\n  - linear: {features: 3}"
TREES = "  - embedding: {width: 8}\n  - tree_lstm: {features: 8}\n  - linear: {features: 5}"
GPT = "  - tied_embedding:\n      width: 8\n      layers: [positions, {transformer_encoder: {count: 1, heads: 2, causal: true}}]"
CARRIES = "  - tied_embedding:\n      width: 8\n      layers: [{lstm: {features: 8, carry: true}}]"
WEIGHTS = [0.5, 2.0, 1.0, 0.25, 1.5, 1.0, 1.0, 3.0, 1.0, 1.0]
BATCH = "batch: 48, snippets: 5"

# name, data, model, loss, steps, batch, reference, targets
TABLE = [
    ("classes", digits, MLP, "{cross_entropy: {top_k: 3, f1: true, f1_without: 0}}", 17, BATCH,
     cross_entropy(top_k=3, f1=True, f1_without=0), stored_targets),
    ("classes_smoothed", digits, MLP, f"{{cross_entropy: {{label_smoothing: 0.1, class_weights: {WEIGHTS}}}}}", 17, BATCH,
     cross_entropy(label_smoothing=0.1, class_weights=WEIGHTS), stored_targets),
    ("classes_ignored", digits, MLP, "{cross_entropy: {ignore_index: 3, top_k: 2, f1: true, f1_without: 1}}", 17, BATCH,
     cross_entropy(ignore_index=3, top_k=2, f1=True, f1_without=1), stored_targets),
    ("values_mse", table(some_values), SMALL % 2, "mse", 7, BATCH, of_errors(numpy.square), stored_targets),
    ("values_huber", table(some_values), SMALL % 2, "{huber: {delta: 0.5}}", 7, BATCH,
     of_errors(lambda e: numpy.where(abs(e) < 0.5, e * e / 2, 0.5 * (abs(e) - 0.25))), stored_targets),
    ("answers", table(some_answers), SMALL % 3, "{bce_with_logits: {positive_weight: [1.0, 2.0, 0.5]}}", 7, BATCH,
     bce([1.0, 2.0, 0.5]), stored_targets),
    ("tags", sentences, TAGS, "{cross_entropy: {top_k: 2, f1: true, f1_without: 2}}", 8, "batch: 25, snippets: 3",
     cross_entropy(top_k=2, f1=True, f1_without=2), stored_targets),
    ("nodes", trees, TREES, "cross_entropy", 8, "batch: 25, snippets: 3", cross_entropy(), stored_targets),
    ("text", text("whole", 12), GPT, "{cross_entropy: {top_k: 3}}", 20, "batch: 24, snippets: 4",
     cross_entropy(top_k=3, text=True), next_tokens(12)),
    ("lines", text("lines", 32), GPT, "{cross_entropy: {top_k: 3, f1: true, f1_without: 1}}", 10, "batch: 24, snippets: 4",
     cross_entropy(top_k=3, f1=True, f1_without=1, text=True), next_tokens(32)),
    # One lane, so that validation goes along the text as predict does.
    ("carried", text("lines", 8), CARRIES, "cross_entropy", 40, "batch: 1, snippets: 1",
     cross_entropy(text=True), next_tokens(8)),
]


class Figures(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="raven-figures-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def trained(self, name, data, model, loss, steps, batch):
        place = self.folder / name
        place.mkdir()
        data(place)
        job = JOB.replace("NAME", name).replace("MODEL", model).replace("LOSS", loss)
        (place / "job.yaml").write_text(job.replace("STEPS", str(steps)).replace("BATCH", batch))
        return place, done("train", place / "job.yaml", "--run", place / "run")

    def words(self, text):
        """"loss 0.5, accuracy 0.25" as a dictionary of texts."""
        return dict(re.findall(r"(\w+) (-?[0-9.]+(?:e-?[0-9]+)?)(?:,|\n| \(|$)", text))

    def check(self, name, data, model, loss, steps, batch, reference, targets):
        place, told = self.trained(name, data, model, loss, steps, batch)
        run, valid = place / "run", place / "data/valid.yaml"
        summary = json.loads((run / "summary.json").read_text())
        own = summary["valid"]
        per_epoch = math.ceil(self.rows(place / "data/train.yaml", targets, name) / int(re.search(r"batch: (\d+)", batch)[1]))
        self.assertNotEqual(steps % per_epoch, 0, "the run is to end within an epoch")
        self.assertEqual((own["step"], summary["steps"]), (steps, steps))

        # The program itself, in all its ways to tell.
        evaluated = json.loads(done("evaluate", run, "--data", valid, "--json"))
        names = [key for key in own if key not in ("step", "samples")]
        self.assertEqual({key: evaluated[key] for key in names}, {key: own[key] for key in names})
        self.assertEqual((evaluated["step"], evaluated["samples"]), (steps, own["samples"]))
        line = re.search(r"^valid: (.*) \(after step (\d+)\)$", told, re.M)
        self.assertEqual(int(line[2]), steps)
        self.assertEqual(self.words(line[1]), {key: f"{own[key]:.4f}" for key in names})
        said = done("evaluate", run, "--data", valid).split(": ", 1)
        self.assertIn(f"at step {steps}", said[0])
        self.assertEqual(self.words(said[1]), {key: f"{own[key]:.6g}" if key == "loss" else f"{own[key]:.4f}" for key in names})
        events = [json.loads(text) for text in (run / "events.jsonl").read_text().splitlines()]
        last = [event for event in events if event["event"] == "epoch"][-1]
        self.assertEqual(last["step"], steps)
        self.assertEqual({key: last[f"valid_{key}"] for key in names if f"valid_{key}" in last},
                         {key: own[key] for key in names if f"valid_{key}" in last})
        self.assertEqual(last["valid_loss"], own["loss"])

        # NumPy, of the same predictions.
        done("predict", run, "--data", valid, "--out", place / "output.npy")
        expected = reference(numpy.load(place / "output.npy", allow_pickle=False), targets(valid))
        self.assertEqual(sorted(expected), sorted(names))
        for key, value in expected.items():
            self.assertAlmostEqual(own[key], value, delta=2e-6 * max(1, abs(value)), msg=f"{name}: {key}")

        # The same command again tells the same.
        again = done("train", place / "job.yaml", "--run", run)
        self.assertEqual(re.search(r"^valid: .*$", again, re.M)[0], line[0])
        self.assertEqual(json.loads((run / "summary.json").read_text())["valid"], own)

    def rows(self, manifest, targets, name):
        if name in ("tags", "nodes"):
            (offsets,) = arrays(manifest, "offsets")
            return len(offsets) - len(list(manifest.parent.glob(f"{manifest.stem}-*.h5")))
        return len(targets(manifest))


def add_rows():
    for row in TABLE:
        def test(self, row=row):
            self.check(*row)
        setattr(Figures, f"test_{row[0]}", test)


class Refusing(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="raven-figures-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def expect_mistake(self, *words, says):
        result = raven(*words)
        self.assertEqual(result.returncode, MISTAKE, result.stdout + result.stderr)
        for piece in says:
            self.assertIn(piece, result.stderr)

    def real(self, loss="mse", y=lambda x: x[:, :1] * 50 + 1000):
        random = numpy.random.default_rng(5)
        x = random.normal(size=(64, 3)).astype(numpy.float32)
        numpy.save(self.folder / "x.npy", x)
        numpy.save(self.folder / "y.npy", y(x).astype(numpy.float32))
        done("data", "import", "npy", self.folder / "x.npy", self.folder / "y.npy", "--folder", self.folder / "data",
             "--valid", "0")
        job = self.folder / "job.yaml"
        job.write_text("name: real\nseed: 1\ndata: {train: data/train.yaml}\nmodel: [{linear: {features: 1}}]\n"
                       f"loss: {loss}\noptimizer: {{sgd: {{rate: 0.01}}}}\ntrain: {{steps: 1, batch: 64, snippets: 2}}\n")
        return job


class NotFinite(Refusing):
    """Numbers that are none end the run and reach no file."""

    def test_weights_beyond_all_numbers_are_told_with_step_and_tensor_and_not_kept(self):
        job, run = self.real(), self.folder / "run"
        self.expect_mistake("train", job, "--run", run, "--set", "optimizer.sgd.rate=1e38",
                            says=["0.linear.weight", "not a finite number any more at step 1", "optimizer.rate"])
        self.assertEqual(list((run / "checkpoints").glob("*")), [])
        self.assertFalse((run / "summary.json").exists())
        self.expect_mistake("export", run, says=["has no checkpoint yet"])

    def test_a_model_that_overflows_on_some_data_neither_predicts_nor_is_evaluated(self):
        job, run = self.real(), self.folder / "run"
        done("train", job, "--run", run, "--set", "train.steps=50", "--set", "train.epochs=50")
        x = numpy.zeros((10, 3), numpy.float32)
        x[6] = 3e38
        numpy.save(self.folder / "x.npy", x)
        numpy.save(self.folder / "y.npy", numpy.zeros((10, 1), numpy.float32))
        done("data", "import", "npy", self.folder / "x.npy", self.folder / "y.npy", "--folder", self.folder / "far", "--valid", "0")
        manifest = self.folder / "far/train.yaml"
        block = re.compile(r"^normalisation:\n(?:  .*\n)+", re.M)
        manifest.write_text(block.sub(block.search((self.folder / "data/train.yaml").read_text())[0], manifest.read_text()))
        out = self.folder / "out.npy"
        self.expect_mistake("predict", run, "--data", manifest, "--out", out, says=["not finite", "sample 6"])
        self.assertFalse(out.exists())
        self.expect_mistake("evaluate", run, "--data", manifest, says=["loss", "not a finite number"])


class Values(Refusing):
    """Losses on values are given values; what else they refuse `check` and `train` say in the same words."""

    def both(self, job, *says):
        told = []
        for verb in (("check",), ("train", "--run", self.folder / "run")):
            result = raven(verb[0], job, *verb[1:])
            self.assertEqual(result.returncode, MISTAKE, result.stdout + result.stderr)
            told.append(re.sub(r"^raven: ", "", result.stderr.strip()))
            for piece in says:
                self.assertIn(piece, result.stderr)
        self.assertEqual(told[0].splitlines()[0], told[1].splitlines()[0])

    def test_class_numbers_are_no_values(self):
        (self.folder / "t.csv").write_text("x,y\n" + "1,10\n2,20\n3,30\n4,40\n" * 5)
        done("data", "import", "csv", self.folder / "t.csv", "--kind", "classes", "--folder", self.folder / "classes", "--valid", "0")
        done("data", "import", "csv", self.folder / "t.csv", "--kind", "real", "--folder", self.folder / "real", "--valid", "0")
        for loss in ("mse", "huber", "bce_with_logits"):
            job = self.folder / f"{loss}.yaml"
            job.write_text("data: {train: classes/train.yaml}\nmodel: [{linear: {features: 1}}]\n"
                           f"loss: {loss}\noptimizer: {{sgd: {{rate: 0.1}}}}\ntrain: {{epochs: 400, batch: 20, snippets: 1}}\n")
            self.both(job, "the targets are class numbers", "--kind real")
        # As values the four are learnt: a line through all of them.
        job = self.folder / "mse.yaml"
        job.write_text(job.read_text().replace("classes/", "real/"))
        done("train", job, "--run", self.folder / "line")
        done("predict", self.folder / "line", "--data", self.folder / "real/train.yaml", "--out", self.folder / "p.npy")
        output = numpy.load(self.folder / "p.npy").reshape(-1)
        numpy.testing.assert_allclose(output, stored_targets(self.folder / "real/train.yaml").reshape(-1), atol=1e-2)

    def test_targets_of_bce_lie_between_0_and_1(self):
        job = self.real("bce_with_logits", lambda x: numpy.arange(len(x))[:, None] % 2)
        done("check", job)
        y = numpy.zeros((64, 1), numpy.float32)
        y[41] = 2
        numpy.save(self.folder / "y.npy", y)
        shutil.rmtree(self.folder / "data")
        done("data", "import", "npy", self.folder / "x.npy", self.folder / "y.npy", "--folder", self.folder / "data", "--valid", "0")
        place = int(numpy.flatnonzero(stored_targets(self.folder / "data/train.yaml").reshape(-1) == 2)[0])
        self.both(job, f"sample {place} (from 0) has the target 2", "from 0 to 1")

    def test_batch_norm_over_a_single_row_is_refused_with_advice_that_helps(self):
        job = self.real()
        job.write_text(job.read_text().replace("[{linear: {features: 1}}]", "[{linear: {features: 4}}, batch_norm, {linear: {features: 1}}]"))
        done("check", job)
        for batch, snippets, advice in ((8, 8, "train.snippets: 4"), (21, 2, "train.batch"), (9, 1, "train.batch")):
            train = f"train: {{epochs: 1, batch: {batch}, snippets: {snippets}}}"
            job.write_text(re.sub(r"^train: .*", train, job.read_text(), flags=re.M))
            self.both(job, "batch_norm would take its statistics over a single row", advice)
            number = re.search(r"for instance (\d+)", raven("check", job).stderr)[1]
            done("check", job, "--set", f"train.batch={number}")
        # 64 = 3 * 21 + 1: the last batch does not come where the run ends before it.
        job.write_text(re.sub(r"^train: .*", "train: {epochs: 1, steps: 3, batch: 21, snippets: 2}", job.read_text(), flags=re.M))
        done("check", job)


if __name__ == "__main__":
    RAVEN = sys.argv[1]
    add_rows()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=1)
