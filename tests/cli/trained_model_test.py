"""What evaluate, predict and export promise and refuse, on models of several kinds.

Plain models, batch_norm and dropout, yes-or-no and regression models, and every run, checkpoint, data set or place to
write that can't be used.

usage: trained_model_test.py RAVEN
"""

import functools
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy

RAVEN = None
DONE, MISTAKE = 0, 2

MLP = """\
name: mlp
seed: 3
data: {train: data/train.yaml, valid: data/valid.yaml}
model:
  - flatten
  - linear: {features: 24, activation: relu}
  - linear: {features: 10}
loss: cross_entropy
optimizer: {adam: {rate: 1.0e-3}}
train: {epochs: 2, batch: 64, snippets: 5}
"""
# What behaves otherwise in training than in use: random masks, and statistics of the batch.
MOODY = MLP.replace("name: mlp", "name: moody").replace("  - linear: {features: 10}", "  - batch_norm\n  - dropout: {rate: 0.5}\n"
                                                                                    "  - linear: {features: 10}")
REAL = """\
name: real
seed: 3
data: {train: TRAIN, valid: TRAIN}
model:
  - linear: {features: 8, activation: tanh}
  - linear: {features: 2}
loss: LOSS
optimizer: {sgd: {rate: 0.01}}
train: {epochs: 1, batch: 32}
"""
RAGGED = """\
name: ragged
seed: 3
data: {train: train.yaml, valid: valid.yaml}
model:
  - embedding: {width: 8}
  - LAYER
  - linear: {features: CLASSES}
loss: cross_entropy
optimizer: {adam: {rate: 1.0e-2}}
train: {epochs: 2, batch: 16, snippets: 2}
"""


def raven(*words, **more):
    return subprocess.run([RAVEN, *map(str, words)], capture_output=True, text=True, timeout=600, **more)


def done(*words):
    result = raven(*words)
    assert result.returncode == DONE, result.stderr
    return result.stdout


@functools.cache
def workshop():
    """Data and trained runs, for all tests of this process; no test changes them."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="raven-use-model-"))
    done("data", "make", "digits", "--count", "700", "--folder", folder / "data")
    for name, job in (("mlp", MLP), ("moody", MOODY)):
        (folder / f"{name}.yaml").write_text(job)
        done("train", folder / f"{name}.yaml", "--run", folder / name)
    random = numpy.random.default_rng(5)
    x = random.normal(size=(90, 4)).astype(numpy.float32)
    numpy.save(folder / "x.npy", x)
    numpy.save(folder / "y.npy", (x[:, :2] > 0).astype(numpy.float32))
    done("data", "import", "npy", folder / "x.npy", folder / "y.npy", "--folder", folder / "table", "--valid", "0")
    for name in ("mse", "bce_with_logits"):
        job = folder / f"{name}.yaml"
        job.write_text(REAL.replace("TRAIN", "table/train.yaml").replace("LOSS", name))
        done("train", job, "--run", folder / name)
    return folder


def newest(run):
    return max((run / "checkpoints").glob("step-*.h5"))


def weights_of(run):
    """The parameters as h5py reads them from the newest checkpoint, in the model's order."""
    with h5py.File(newest(run)) as file:
        return {name: value[()] for name, value in sorted(file["parameters"].items(), key=lambda item: item[1].attrs["index"])}


def samples_of(manifest):
    """Normalised features, flat, and targets in the data set's order: read and computed without raven's program."""
    with h5py.File(manifest.parent / f"{manifest.stem}-00000.h5") as shard:
        features, targets = shard["features"][()].astype(numpy.float64), shard["targets"][()]
    text = manifest.read_text()
    number = {key: float(re.search(rf"^  {key}: \[?([-+.e0-9]+)\]?$", text, re.M)[1]) for key in ("scale", "mean", "std")}
    return ((features * number["scale"] - number["mean"]) / number["std"]).reshape(len(features), -1), targets


def forward(weights, x):
    """mlp and moody as they are used: nothing dropped, running statistics."""
    layers = [name.rpartition(".")[0] for name in weights if name.endswith(".linear.weight")]
    first, last = layers
    h = numpy.maximum(x @ weights[first + ".weight"].astype(numpy.float64).T + weights[first + ".bias"], 0)
    norm = next((name.rpartition(".")[0] for name in weights if "batch_norm" in name), None)
    if norm:
        part = {name.rpartition(".")[2]: value.astype(numpy.float64) for name, value in weights.items() if name.startswith(norm + ".")}
        h = (h - part["running_mean"]) / numpy.sqrt(part["running_var"] + 1e-5) * part["weight"] + part["bias"]
    return h @ weights[last + ".weight"].astype(numpy.float64).T + weights[last + ".bias"]


def softmax(logits):
    powers = numpy.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def safetensors(path):
    """All tensors of a safetensors file, read by the format's description."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    head, data = json.loads(content[8:8 + length]), content[8 + length:]
    found, end = {}, 0
    for name, entry in head.items():
        assert entry["dtype"] == "F32"
        begin, (first, last) = end, entry["data_offsets"]
        assert first == begin, "no holes"
        end = last
        found[name] = numpy.frombuffer(data[first:last], "<f4").reshape(entry["shape"])
    assert end == len(data)
    return found


def ragged(of):
    """Sentences with a tag for each word, or trees with a class for each node, and a model of them."""
    layer, classes = {"tags": ("lstm: {features: 8, bidirectional: true}", 14), "trees": ("tree_lstm: {features: 8}", 5)}[of]
    folder = workshop() / of
    if not folder.exists():
        done("data", "make", of, "--count", "200", "--folder", folder)
        (folder / "job.yaml").write_text(RAGGED.replace("LAYER", layer).replace("CLASSES", str(classes)))
        done("train", folder / "job.yaml", "--run", folder / "run")
    return folder


class Using(unittest.TestCase):
    def setUp(self):
        self.made = workshop()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="raven-use-model-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.valid = self.made / "data/valid.yaml"

    def expect_mistake(self, *words, says):
        result = raven(*words)
        self.assertEqual((result.returncode, result.stdout), (MISTAKE, ""), result.stderr)
        self.assertRegex(result.stderr, r"\Araven: [^\n]*; [^\n]*\n\Z", "one sentence with a remedy")
        for piece in says:
            self.assertIn(piece, result.stderr)

    def predicted(self, run, *more, data=None):
        out = self.folder / "out.npy"
        done("predict", self.made / run, "--data", data or self.valid, "--out", out, *more)
        self.assertEqual([file.name for file in self.folder.iterdir()], ["out.npy"])
        return numpy.load(out, allow_pickle=False)


class PredictRagged(Using):
    """One row for each token or node, the samples one after the other, and how many each has in a second file."""

    def check(self, of, ends):
        folder = ragged(of)
        valid, out = folder / "valid.yaml", self.folder / "p.npy"
        said = done("predict", folder / "run", "--data", valid, "--out", out)
        rows, output = numpy.load(self.folder / "p.rows.npy"), numpy.load(out)
        with h5py.File(folder / "valid-00000.h5") as shard:
            lengths, targets = numpy.diff(shard[ends][()]), shard["targets"][()]
        numpy.testing.assert_array_equal(rows, lengths)
        self.assertEqual(len(output), lengths.sum())
        self.assertIn(f"{len(output)} predictions, one for each", said)
        # In the order of the samples, whatever is computed at a time.
        done("predict", folder / "run", "--data", valid, "--out", out, "--batch", "1")
        numpy.testing.assert_allclose(numpy.load(out), output, rtol=0, atol=1e-5)
        told = json.loads(done("evaluate", folder / "run", "--data", valid, "--json"))
        self.assertAlmostEqual(told["accuracy"], (output.argmax(axis=1) == targets).mean(), delta=1e-9)
        done("predict", folder / "run", "--data", valid, "--out", out, "--kind", "class")
        numpy.testing.assert_array_equal(numpy.load(out), output.argmax(axis=1))

    def test_of_sentences(self):
        self.check("tags", "offsets")

    def test_of_trees(self):
        self.check("trees", "node_offsets")


class Evaluate(Using):
    def told(self, run, *more):
        return json.loads(done("evaluate", self.made / run, "--data", self.valid, "--json", *more))

    def test_the_jobs_own_validation_data_gives_the_runs_own_figures_to_the_last_bit(self):
        for run in ("mlp", "moody"):
            own = json.loads((self.made / run / "summary.json").read_text())["valid"]
            for threads in ("1", "3"):
                told = self.told(run, "--threads", threads)
                self.assertEqual((told["loss"], told["accuracy"], told["samples"]), (own["loss"], own["accuracy"], own["samples"]))

    def test_the_runs_batch_given_by_hand_is_the_default_and_another_gives_the_same_but_for_rounding(self):
        usual = self.told("mlp")
        self.assertEqual(self.told("mlp", "--batch", "32"), usual)  # at least 32: five snippets of 64 would be smaller
        for batch in ("1", "7", "1000"):
            other = self.told("mlp", "--batch", batch)
            self.assertEqual(other["accuracy"], usual["accuracy"])
            self.assertAlmostEqual(other["loss"], usual["loss"], delta=1e-6 * usual["loss"])

    def test_loss_and_accuracy_are_those_of_numpy(self):
        for run in ("mlp", "moody"):
            x, classes = samples_of(self.valid)
            logits = forward(weights_of(self.made / run), x)
            loss = -numpy.log(softmax(logits)[numpy.arange(len(classes)), classes]).mean()
            told = self.told(run)
            self.assertAlmostEqual(told["loss"], loss, delta=1e-5)
            self.assertEqual(told["accuracy"], (logits.argmax(axis=1) == classes).mean())
            self.assertEqual(told["step"], int(newest(self.made / run).stem.split("-")[1]))

    def test_words_name_the_same_figures(self):
        told = self.told("mlp")
        text = done("evaluate", self.made / "mlp", "--data", self.valid)
        self.assertEqual(text, f"{told['samples']} samples at step {told['step']}: loss {told['loss']:.6g}, accuracy {told['accuracy']:.4f}\n")

    def test_what_set_changed_when_training_is_remembered(self):
        run = self.folder / "run"
        done("train", self.made / "mlp.yaml", "--run", run, "--set", "model.1.linear.features=12", "--set", "train.epochs=1")
        own = json.loads((run / "summary.json").read_text())["valid"]
        told = json.loads(done("evaluate", run, "--data", self.valid, "--json"))
        self.assertEqual((told["loss"], told["accuracy"]), (own["loss"], own["accuracy"]))


class Predict(Using):
    def test_outputs_are_those_of_numpy_in_the_order_of_the_data(self):
        for run in ("mlp", "moody"):
            x, _ = samples_of(self.valid)
            output = self.predicted(run)
            self.assertEqual((output.dtype, output.shape), (numpy.dtype("<f4"), (len(x), 10)))
            numpy.testing.assert_allclose(output, forward(weights_of(self.made / run), x), rtol=0, atol=1e-5)

    def test_probabilities_and_classes_belong_to_the_outputs(self):
        output = self.predicted("mlp")
        probability = self.predicted("mlp", "--kind", "probability")
        self.assertEqual(probability.dtype, numpy.dtype("<f4"))
        numpy.testing.assert_allclose(probability, softmax(output.astype(numpy.float64)), rtol=0, atol=1e-6)
        classes = self.predicted("mlp", "--kind", "class")
        self.assertEqual((classes.dtype, classes.shape), (numpy.dtype("<i8"), (len(output),)))
        numpy.testing.assert_array_equal(classes, output.argmax(axis=1))

    def test_neither_threads_nor_pieces_change_a_row(self):
        usual = self.predicted("mlp")
        numpy.testing.assert_array_equal(self.predicted("mlp", "--threads", "1"), usual)
        numpy.testing.assert_array_equal(self.predicted("mlp", "--threads", "3"), usual)
        numpy.testing.assert_allclose(self.predicted("mlp", "--batch", "3"), usual, rtol=0, atol=1e-5)

    def test_a_sigmoid_makes_probabilities_of_a_model_of_yes_and_no(self):
        table = self.made / "table/train.yaml"
        output = self.predicted("bce_with_logits", data=table).astype(numpy.float64)
        probability = self.predicted("bce_with_logits", "--kind", "probability", data=table)
        numpy.testing.assert_allclose(probability, 1 / (1 + numpy.exp(-output)), rtol=0, atol=1e-6)

    def test_a_regression_has_outputs_only(self):
        table = self.made / "table/train.yaml"
        self.assertEqual(self.predicted("mse", data=table).shape, (90, 2))
        for kind, word in (("probability", "no probabilities"), ("class", "no classes")):
            self.expect_mistake("predict", self.made / "mse", "--data", table, "--out", self.folder / "p.npy", "--kind", kind,
                                says=["mse", word, "--kind"])
        self.assertFalse((self.folder / "p.npy").exists())

    def test_a_place_that_cant_be_written_is_told_and_nothing_is_left_behind(self):
        (self.folder / "file").write_text("")
        for out in (self.folder, self.folder / "file/out.npy"):
            self.expect_mistake("predict", self.made / "mlp", "--data", self.valid, "--out", out, says=[str(self.folder)])
        self.assertEqual([file.name for file in self.folder.iterdir()], ["file"])

    def test_damaged_data_leave_an_older_file_as_it_was(self):
        shutil.copytree(self.made / "data", self.folder / "data")
        shard = self.folder / "data/valid-00000.h5"
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
        out = self.folder / "out.npy"
        out.write_text("older")
        self.expect_mistake("predict", self.made / "mlp", "--data", self.folder / "data/valid.yaml", "--out", out, says=[shard.name])
        self.assertEqual(out.read_text(), "older")
        self.assertEqual(sorted(file.name for file in self.folder.iterdir()), ["data", "out.npy"])


class Export(Using):
    def check(self, found, run):
        weights = weights_of(self.made / run)
        self.assertEqual(list(found), list(weights), "in the model's order")
        for name, value in weights.items():
            self.assertEqual((found[name].dtype, found[name].shape), (value.dtype, value.shape), name)
            self.assertEqual(found[name].tobytes(), value.tobytes(), name)

    def test_numpy_reads_the_checkpoints_own_values(self):
        for run in ("mlp", "moody"):
            out = self.folder / "weights.npz"
            done("export", self.made / run, "--format", "npz", "--out", out)
            with numpy.load(out, allow_pickle=False) as file:
                self.check({name: file[name] for name in file.files}, run)

    def test_safetensors_holds_the_checkpoints_own_values(self):
        for run in ("mlp", "moody"):
            out = self.folder / "weights.safetensors"
            done("export", self.made / run, "--format", "safetensors", "--out", out)
            self.check(safetensors(out), run)

    def test_without_a_place_it_lies_in_the_run(self):
        shutil.copytree(self.made / "mlp", self.folder / "mlp")
        done("export", self.folder / "mlp", "--format", "npz")
        self.assertTrue((self.folder / "mlp/model.npz").is_file())

    def test_a_place_that_cant_be_written_is_told(self):
        self.expect_mistake("export", self.made / "mlp", "--format", "npz", "--out", self.folder, says=[str(self.folder)])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_an_unknown_format_is_told(self):
        self.expect_mistake("export", self.made / "mlp", "--format", "onnx", says=["--format", "onnx"])


class Mistakes(Using):
    def everything(self, run, says, data=None, more=()):
        """Each verb says the same about a run that can't be used."""
        data = data or self.valid
        self.expect_mistake("evaluate", run, "--data", data, *more, says=says)
        self.expect_mistake("predict", run, "--data", data, "--out", self.folder / "out.npy", *more, says=says)
        self.assertFalse((self.folder / "out.npy").exists())

    def test_a_run_that_is_none(self):
        for run in (self.folder / "nowhere", self.made / "data"):
            self.everything(run, says=[str(run), "is not a run directory"])
            self.everything(run, more=("--checkpoint", newest(self.made / "mlp")), says=[str(run), "is not a run directory"])
            self.expect_mistake("export", run, says=[str(run), "is not a run directory"])

    def copy(self, name="mlp"):
        return pathlib.Path(shutil.copytree(self.made / name, self.folder / "run"))

    def test_a_run_without_a_checkpoint_yet(self):
        run = self.copy()
        shutil.rmtree(run / "checkpoints")
        self.everything(run, says=[str(run), "has no checkpoint yet"])
        self.expect_mistake("export", run, says=["has no checkpoint yet"])

    def test_a_damaged_checkpoint_is_passed_over_and_with_no_other_refused(self):
        run = self.folder / "run"
        done("train", self.made / "mlp.yaml", "--run", run, "--set", "checkpoint.every=1 ms")
        files = sorted((run / "checkpoints").glob("step-*.h5"))
        self.assertGreater(len(files), 1)
        files[-1].write_bytes(files[-1].read_bytes()[:-1])
        result = raven("evaluate", run, "--data", self.valid, "--json")
        self.assertEqual(result.returncode, DONE, result.stderr)
        self.assertIn("passed over " + str(files[-1]), result.stderr)
        self.assertEqual(json.loads(result.stdout)["checkpoint"], str(files[-2]))
        for file in files[:-1]:
            file.write_bytes(file.read_bytes()[:-1])
        self.everything(run, says=[str(run), "can be read"])

    def test_a_checkpoint_that_is_not_there(self):
        self.everything(self.made / "mlp", more=("--checkpoint", self.folder / "no.h5"), says=["no.h5"])

    def test_a_checkpoint_of_another_run(self):
        other = newest(self.made / "moody")
        self.everything(self.made / "mlp", more=("--checkpoint", other), says=[str(other), "belongs to another run"])
        twin = self.folder / "twin"  # the same shapes, another seed
        done("train", self.made / "mlp.yaml", "--run", twin, "--set", "seed=4", "--set", "train.epochs=1")
        self.everything(self.made / "mlp", more=("--checkpoint", newest(twin)), says=[str(twin), "belongs to another run"])

    def test_a_manifest_that_is_not_there(self):
        self.everything(self.made / "mlp", data=self.folder / "no.yaml", says=["no.yaml"])

    def test_data_of_another_kind(self):
        table = self.made / "table/train.yaml"
        self.everything(self.made / "mlp", data=table, says=[str(table), "features are f32 [4]", "trained on u8 [28, 28, 1]"])
        random = numpy.random.default_rng(1)
        numpy.save(self.folder / "x.npy", random.normal(size=(20, 4)).astype(numpy.float32))
        numpy.save(self.folder / "y.npy", random.normal(size=(20, 3)).astype(numpy.float32))
        done("data", "import", "npy", self.folder / "x.npy", self.folder / "y.npy", "--folder", self.folder / "wide", "--valid", "0")
        self.everything(self.made / "mse", data=self.folder / "wide/train.yaml", says=["targets are 3 real numbers", "trained on 2 real numbers"])

    def test_the_runs_own_normalisation_counts(self):
        shutil.copytree(self.made / "data", self.folder / "data")
        manifest = self.folder / "data/valid.yaml"
        manifest.write_text(re.sub(r"std: \[.*\]", "std: [0.5]", manifest.read_text()))
        result = raven("evaluate", self.made / "mlp", "--data", manifest, "--json")
        self.assertEqual(result.returncode, DONE, result.stderr)
        self.assertIn("note: " + str(manifest) + ": it is normalised by mean", result.stderr)
        told, wanted = json.loads(result.stdout), json.loads(done("evaluate", self.made / "mlp", "--data", self.valid, "--json"))
        self.assertEqual((told["loss"], told["accuracy"]), (wanted["loss"], wanted["accuracy"]))
        self.assertEqual(len(told["notes"]), 1)

    def test_a_run_of_a_raven_that_did_not_keep_what_it_was_trained_on(self):
        run = self.copy()
        (run / "training_data.yaml").unlink()
        self.everything(run, says=["training_data.yaml", "repeat the 'raven train' command"])
        done("train", self.made / "mlp.yaml", "--run", run)
        done("evaluate", run, "--data", self.valid)


class Help(Using):
    def test_each_verb_shows_examples_of_itself(self):
        for verb in ("evaluate", "predict", "export"):
            text = done(verb, "--help")
            self.assertIn("Examples:", text)
            self.assertIn(f"raven {verb} runs/", text)


if __name__ == "__main__":
    RAVEN = sys.argv[1]
    program = unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=1, exit=False)
    if workshop.cache_info().currsize:
        shutil.rmtree(workshop())
    sys.exit(not program.result.wasSuccessful())
