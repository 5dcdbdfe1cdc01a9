#!/usr/bin/env python3
"""raven evaluate, predict and export on a small trained network, against NumPy's own arithmetic and the run's summary."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy
except ImportError:
    # Debian's python3-numpy serves Debian's own interpreter, which need not be the first on PATH.
    if os.path.realpath(sys.executable) == os.path.realpath("/usr/bin/python3"):
        sys.exit("use_model_test: NumPy is missing; try: apt-get install python3-numpy python3-h5py")
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
import h5py

RAVEN = os.path.abspath(sys.argv.pop(1))
JOB = """
name: used
data: {train: digits/train.yaml, valid: digits/valid.yaml}
model:
  - flatten
  - linear: {features: 24, activation: relu}
  - dropout: {rate: 0.2}
  - linear: {features: 10}
loss: cross_entropy
optimizer: {adam: {rate: 1.0e-3}}
train: {epochs: 1, batch: 90, snippets: 3}
"""


def raven(*arguments, fails=False):
    done = subprocess.run([RAVEN, *arguments], cwd=FOLDER.name, capture_output=True, text=True, timeout=100)
    if fails:
        assert done.returncode == 2, (done.returncode, done.stderr)
        return done.stderr
    assert done.returncode == 0, done.stderr
    return done.stdout


def path(*parts):
    return os.path.join(FOLDER.name, *parts)


def setUpModule():
    global FOLDER
    FOLDER = tempfile.TemporaryDirectory(prefix="raven-use-model-")
    raven("data", "make", "digits", "--count", "900", "--seed", "4", "--folder", "digits")
    with open(path("job.yaml"), "w", encoding="utf-8") as file:
        file.write(JOB)
    raven("train", "job.yaml", "--run", "run", "--quiet", "--set", "train.batch=60")


def tearDownModule():
    FOLDER.cleanup()


def validation_rows():
    shards = [name for name in sorted(os.listdir(path("digits"))) if name.startswith("valid") and name.endswith(".h5")]
    with h5py.File(path("digits", shards[0])) as shard:
        return numpy.array(shard["features"]), numpy.array(shard["targets"])


def logits_by_numpy():
    """The network in NumPy, from the exported weights; the manifest tells how pixels are normalised."""
    raven("export", "run", "--format", "npz", "--out", "weights.npz")
    weights = numpy.load(path("weights.npz"))
    layers = sorted({name.rsplit(".", 1)[0] for name in weights.files})
    features, _ = validation_rows()
    with open(path("digits", "valid.yaml"), encoding="utf-8") as file:
        text = file.read()
    numbers = {key: float(text.split(key + ":")[1].split()[0].strip("[],{}")) for key in ("scale", "mean", "std")}
    x = (features.reshape(len(features), -1) * numbers["scale"] - numbers["mean"]) / numbers["std"]
    for index, layer in enumerate(layers):
        x = x @ weights[layer + ".weight"].astype("f8").T + weights[layer + ".bias"]
        if index + 1 < len(layers):
            x = numpy.maximum(x, 0)
    return x


class Evaluate(unittest.TestCase):
    def test_gives_the_figures_of_the_run_to_the_last_bit(self):
        figures = json.loads(raven("evaluate", "run", "--data", "digits/valid.yaml", "--json"))
        with open(path("run", "summary.json"), encoding="utf-8") as file:
            summary = json.load(file)
        self.assertEqual({name: figures[name] for name in summary["valid"]}, summary["valid"])
        self.assertEqual(figures["step"], summary["steps"])

    def test_gives_the_same_on_any_number_of_threads(self):
        answers = {raven("evaluate", "run", "--data", "digits/train.yaml", "--json", "--threads", n) for n in "123"}
        self.assertEqual(len(answers), 1)

    def test_says_what_is_missing(self):
        self.assertIn("not a run directory", raven("evaluate", "digits", "--data", "digits/valid.yaml", fails=True))
        self.assertIn("no.yaml", raven("evaluate", "run", "--data", "no.yaml", fails=True))


class Predict(unittest.TestCase):
    def test_gives_what_numpy_computes_from_the_exported_weights(self):
        raven("predict", "run", "--data", "digits/valid.yaml", "--out", "out.npy")
        expected = logits_by_numpy()
        actual = numpy.load(path("out.npy"))
        self.assertEqual(actual.shape, expected.shape)
        self.assertLess(numpy.abs(actual - expected).max(), 1e-5 * numpy.abs(expected).max())

    def test_probabilities_and_classes_follow_from_the_output(self):
        raven("predict", "run", "--data", "digits/valid.yaml", "--out", "p.npy", "--kind", "probability")
        raven("predict", "run", "--data", "digits/valid.yaml", "--out", "c.npy", "--kind", "class")
        logits = logits_by_numpy()
        exponentials = numpy.exp(logits - logits.max(1, keepdims=True))
        expected = exponentials / exponentials.sum(1, keepdims=True)
        self.assertLess(numpy.abs(numpy.load(path("p.npy")) - expected).max(), 1e-5)
        self.assertTrue((numpy.load(path("c.npy")) == logits.argmax(1)).all())
        figures = json.loads(raven("evaluate", "run", "--data", "digits/valid.yaml", "--json"))
        _, targets = validation_rows()
        self.assertAlmostEqual(float((numpy.load(path("c.npy")) == targets).mean()), figures["accuracy"])

    def test_leaves_nothing_behind_when_it_fails(self):
        error = raven("predict", "run", "--data", "digits/valid.yaml", "--out", "digits", fails=True)
        self.assertIn("digits", error)
        self.assertEqual([name for name in os.listdir(FOLDER.name) if ".part-" in name], [])


class Export(unittest.TestCase):
    def test_both_formats_hold_what_the_checkpoint_holds(self):
        raven("export", "run", "--format", "npz", "--out", "w.npz")
        raven("export", "run", "--format", "safetensors", "--out", "w.safetensors")
        arrays = numpy.load(path("w.npz"))
        with open(path("w.safetensors"), "rb") as file:
            data = file.read()
        length = int.from_bytes(data[:8], "little")
        head = json.loads(data[8:8 + length])
        head.pop("__metadata__", None)
        self.assertEqual(set(head), set(arrays.files))
        self.assertTrue(arrays.files)
        for name, entry in head.items():
            begin, end = entry["data_offsets"]
            values = numpy.frombuffer(data[8 + length + begin:8 + length + end], "<f4").reshape(entry["shape"])
            self.assertTrue((values == arrays[name]).all(), name)

    def test_an_unknown_format_is_refused(self):
        self.assertIn("npz", raven("export", "run", "--format", "onnx", fails=True))


if __name__ == "__main__":
    unittest.main()
