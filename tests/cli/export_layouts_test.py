"""Runs docs/formats/export.md: each model in it is trained for some steps and exported, and its PyTorch must say what
'raven predict' says. Skipped (77) where there is no PyTorch: scripts/setup torch.

usage: export_layouts_test.py RAVEN SOURCE_FOLDER
"""

import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy

try:
    import torch
    import yaml
except ImportError as missing:
    print(f"{missing}: the layouts of exported weights are compared with PyTorch; 'scripts/setup torch' installs it")
    sys.exit(77)

RAVEN = None
SOURCE = None
SAMPLES = 24
STEPS = 4


def raven(*words):
    done = subprocess.run([RAVEN, *map(str, words)], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise AssertionError(f"raven {' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def sections():
    """The code that all begin with, and heading, model and PyTorch of each."""
    text = (SOURCE / "docs/formats/export.md").read_text().split("\n## Layouts, layer by layer\n")[1]
    first, *rest = re.split(r"^### ", text, flags=re.MULTILINE)
    return blocks(first, "python")[0], [(part.split("\n")[0], blocks(part, "yaml")[0], blocks(part, "python")[0]) for part in rest]


class Arrays:
    """Samples of a shape, that belong to one of three classes."""

    def __init__(self, folder, shape):
        draw = numpy.random.default_rng(len(shape) * 1000 + shape[0])
        self.x = draw.normal(1.5, 2.0, (SAMPLES, *shape)).astype("f4")
        if len(shape) == 1:
            # Numbers that float32 can't tell apart, which are stored from an origin.
            self.x = self.x.astype("f8")
            self.x[:, 0] += 1.7e9
        numpy.save(folder / "x.npy", self.x)
        numpy.save(folder / "y.npy", numpy.arange(SAMPLES, dtype="i8") % 3)
        raven("data", "import", "npy", folder / "x.npy", folder / "y.npy", "--valid", "0", "--folder", folder / "data")

    def outputs(self, names, run):
        return names["network"](names["normalised"](self.x, str(run)))


class Windows:
    """Windows of a text of characters, so many that none is filled up."""

    def __init__(self, folder, length):
        draw = random.Random(5)
        self.length = length
        self.text = "".join(draw.choice("abc de\n") for _ in range(SAMPLES * length + 1))
        (folder / "text.txt").write_text(self.text)
        raven("data", "import", "text", folder / "text.txt", "--context", length, "--valid", "0", "--folder", folder / "data")

    def outputs(self, names, run):
        token = {letter: i for i, letter in enumerate(sorted(set(self.text)))}
        tokens = torch.tensor([token[letter] for letter in self.text[:-1]]).reshape(SAMPLES, self.length)
        return names["network"](tokens)


def vocabulary(run):
    with open(run / "training_data.yaml", encoding="utf-8") as file:
        texts = yaml.safe_load(file)["vocabulary"]["texts"]
    return {text: i for i, text in enumerate(texts)}


class Sentences:
    """Sentences of unlike lengths in columns."""

    def __init__(self, folder):
        draw = random.Random(6)
        words = ["w%d" % i for i in range(9)]
        self.sentences = [[draw.choice(words) for _ in range(draw.randint(1, 11))] for _ in range(SAMPLES)]
        # Every tag stands somewhere.
        lines = ["\n".join(f"{word}\tT{(i + len(word) * k) % 4}" for k, word in enumerate(words, i))
                 for i, words in enumerate(self.sentences)]
        (folder / "s.conll").write_text("\n\n".join(lines) + "\n")
        raven("data", "import", "conll", folder / "s.conll", "--valid", "0", "--folder", folder / "data")

    def outputs(self, names, run):
        token = vocabulary(run)
        return torch.cat([names["network"](torch.tensor([token[word] for word in words])) for words in self.sentences])


class Trees:
    """Trees whose nodes have two or three children."""

    def __init__(self, folder):
        self.draw = random.Random(7)
        self.trees = []
        lines = []
        for number in range(SAMPLES):
            words, parents = [], []
            text, root = self.grow(self.draw.randint(0, 3), words, parents, number)
            parents[root] = -1
            self.trees.append((words, parents))
            lines.append(text)
        (folder / "t.txt").write_text("\n".join(lines) + "\n")
        raven("data", "import", "tree", folder / "t.txt", "--targets", "root", "--valid", "0", "--folder", folder / "data")

    def grow(self, depth, words, parents, number):
        """A subtree in brackets and the number of its root, in postorder."""
        if depth == 0:
            words.append("w%d" % self.draw.randint(0, 6))
            parents.append(None)
            return f"({number % 3} {words[-1]})", len(parents) - 1
        children = [self.grow(self.draw.randint(0, depth - 1), words, parents, number) for _ in range(self.draw.randint(2, 3))]
        parents.append(None)
        for _, child in children:
            parents[child] = len(parents) - 1
        return f"({number % 3} {' '.join(text for text, _ in children)})", len(parents) - 1

    def outputs(self, names, run):
        token = vocabulary(run)
        return torch.cat([names["network"](torch.tensor([token[word] for word in words]), parents)
                          for words, parents in self.trees])


def data_of(model, folder):
    """Samples as the model's first line says."""
    what = model.split("\n")[0].removeprefix("# samples: ")
    if what.startswith("["):
        return Arrays(folder, [int(size) for size in what.strip("[]").split(",")])
    if what.startswith("windows of "):
        return Windows(folder, int(what.split()[2]))
    return {"sentences": Sentences, "trees": Trees}[what](folder)


class Layouts(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="raven-layouts-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def compare(self, number, begin, model, code):
        folder = self.folder / str(number)
        folder.mkdir()
        data = data_of(model, folder)
        # A rate at which a few steps move every weight, those that begin at zero too.
        (folder / "job.yaml").write_text("data: {train: data/train.yaml}\n" + model + "loss: cross_entropy\n"
                                         f"optimizer: {{adam: {{rate: 0.05}}}}\ntrain: {{steps: {STEPS}, batch: 12, snippets: 2}}\n")
        run = folder / "run"
        raven("train", folder / "job.yaml", "--run", run, "--quiet")
        raven("export", run, "--format", "npz", "--out", folder / "weights.npz")
        raven("export", run, "--format", "safetensors", "--out", folder / "weights.safetensors")
        raven("predict", run, "--data", folder / "data" / "train.yaml", "--out", folder / "y.npy")
        expected = numpy.load(folder / "y.npy")
        names = {}
        exec(compile(begin, "export.md", "exec"), names)
        exec(compile(code, "export.md", "exec"), names)
        with torch.no_grad():
            for weights in (names["weights_of"](folder / "weights.npz"),
                            names["weights_of_safetensors"](folder / "weights.safetensors")):
                self.assertTrue(all(bool((value != value.flatten()[0]).any()) or value.numel() == 1
                                    for value in weights.values()), "weights that are all alike would not show their layout")
                used = {}

                class Noting(dict):
                    def __getitem__(self, name):
                        used[name] = True
                        return dict.__getitem__(self, name)

                    def get(self, name, fallback=None):
                        return self[name] if name in self else fallback
                names["w"] = Noting(weights)
                output = data.outputs(names, run).numpy()
                numpy.testing.assert_allclose(output.reshape(expected.shape), expected, rtol=2e-4, atol=2e-5)
                self.assertEqual(sorted(used), sorted(weights), "every exported tensor is explained")

    def test_pytorch_says_of_every_layer_what_predict_says(self):
        begin, found = sections()
        self.assertGreater(len(found), 10)
        for number, (heading, model, code) in enumerate(found):
            with self.subTest(heading):
                self.compare(number, begin, model, code)

    def test_every_layer_that_a_job_can_name_is_there(self):
        reference = (SOURCE / "jobs/README.md").read_text().split("\n### Layers\n")[1].split("\n### Losses\n")[0]
        layers = re.findall(r"^#### `(\w+)`", reference, re.MULTILINE)
        self.assertIn("tree_lstm", layers)
        models = "\n".join(model for _, model, _ in sections()[1])
        for layer in layers:
            self.assertRegex(models, rf"- {layer}\b", layer)


if __name__ == "__main__":
    RAVEN, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1])
