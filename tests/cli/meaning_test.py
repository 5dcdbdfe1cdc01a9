"""Two data sets that only look alike: equal, mapped by name, or refused, wherever they meet.

usage: meaning_test.py RAVEN
"""

import csv
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import numpy

RAVEN = None
DONE, MISTAKE = 0, 2

TABLE = """\
name: table
seed: 1
data: {train: train/train.yaml, valid: VALID}
model:
  - linear: {features: 8, activation: tanh}
  - linear: {features: 2}
loss: cross_entropy
optimizer: {adam: {rate: 3.0e-2}}
train: {epochs: 20, batch: 20}
"""
TEXT = """\
name: text
seed: 1
data: {train: train/train.yaml}
model:
  - embedding: {width: 8}
  - lstm: {features: 8}
  - linear: {features: TOKENS}
loss: cross_entropy
optimizer: {adam: {rate: 1.0e-2}}
train: {epochs: 2, batch: 8}
"""
TAGS = """\
name: tags
seed: 1
data: {train: train/train.yaml}
model:
  - embedding: {width: 8}
  - linear: {features: 2}
loss: cross_entropy
optimizer: {adam: {rate: 3.0e-2}}
train: {epochs: 10, batch: 8}
"""


def raven(*words):
    return subprocess.run([RAVEN, *map(str, words)], capture_output=True, text=True, timeout=600)


def done(*words):
    result = raven(*words)
    assert result.returncode == DONE, result.stderr
    return result


def fruit(rows, names=("apple", "pear"), columns="x,y", seed=0):
    """A table whose class is told by x alone, and whose y is of another size: in another order all goes wrong."""
    random = numpy.random.default_rng(seed)
    lines = [f"{columns},kind"]
    for _ in range(rows):
        value = {"x": random.normal(), "y": 100 + 10 * random.normal()}
        cells = [f"{value[column]:.6f}" for column in columns.split(",")]
        lines.append(",".join([*cells, names[int(value["x"] > 0)]]))
    return "\n".join(lines) + "\n"


class Meeting(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="raven-meaning-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def put(self, name, text):
        (self.folder / name).write_text(text)
        return self.folder / name

    def imported(self, kind, name, text, *more):
        done("data", "import", kind, self.put(name + ".txt", text), "--folder", self.folder / name, "--valid", "0", *more)
        return self.folder / name / "train.yaml"

    def trained(self, job, name="run"):
        done("train", self.put("job.yaml", job), "--run", self.folder / name)
        return self.folder / name

    def refused(self, *words, says):
        result = raven(*words)
        self.assertEqual(result.returncode, MISTAKE, result.stdout + result.stderr)
        for part in says:
            self.assertIn(part, result.stderr)

    def refused_everywhere(self, run, job, data, says):
        """By evaluate, by predict, and as validation data by check and train."""
        self.refused("evaluate", run, "--data", data, says=[str(data), *says])
        self.refused("predict", run, "--data", data, "--out", self.folder / "p.npy", says=[str(data), *says])
        self.assertFalse((self.folder / "p.npy").exists())
        other = self.put("other.yaml", re.sub("data: .*", f"data: {{train: train/train.yaml, valid: {data}}}", job))
        self.refused("check", other, says=[str(data), *says])
        self.refused("train", other, "--run", self.folder / "other", says=[str(data), *says])

    def figures(self, run, data):
        result = done("evaluate", run, "--data", data, "--json")
        return json.loads(result.stdout), result.stderr


class Tables(Meeting):
    def setUp(self):
        super().setUp()
        self.train = self.imported("csv", "train", fruit(400))
        self.test = self.imported("csv", "test", fruit(200, seed=1), "--like", self.train)
        self.job = TABLE
        self.run_folder = self.trained(self.job.replace("VALID", "test/train.yaml"))
        self.accuracy = self.figures(self.run_folder, self.test)[0]["accuracy"]
        self.assertGreater(self.accuracy, 0.95)

    def test_other_classes_are_refused(self):
        zebra = self.imported("csv", "zebra", fruit(200, names=("pear", "zebra"), seed=1))
        self.refused_everywhere(self.run_folder, self.job, zebra, ["its classes are pear, zebra", "apple, pear"])

    def test_another_column_is_refused(self):
        text = fruit(200, seed=1).replace("x,y,kind", "x,z,kind")
        self.refused_everywhere(self.run_folder, self.job, self.imported("csv", "z", text), ["its columns are x, z", "x, y"])

    def test_another_target_is_refused(self):
        text = fruit(200, seed=1).replace("x,y,kind", "x,y,colour")
        self.refused_everywhere(self.run_folder, self.job, self.imported("csv", "colour", text), ["its target is colour", "kind"])

    def test_swapped_columns_classes_and_another_scale_are_mapped(self):
        # Imported without --like: normalised by itself, and its classes numbered by what it has first.
        text = fruit(200, columns="y,x", seed=1)
        for name, content in (("swapped", text), ("short", fruit(200, seed=1))):
            data = self.imported("csv", name, content)
            told, said = self.figures(self.run_folder, data)
            self.assertEqual(told["accuracy"], self.accuracy)
            self.assertIn("it is normalised by", said)
        self.assertIn("its columns are in the order y, x, not x, y", self.figures(self.run_folder, self.folder / "swapped/train.yaml")[1])

    def test_classes_in_another_order_are_mapped(self):
        manifest = self.test.read_text()
        other = self.folder / "renamed"
        shutil.copytree(self.test.parent, other)
        # The same rows with the names changed over: where there were apples there are pears.
        (other / "train.yaml").write_text(manifest.replace('["apple", "pear"]', '["pear", "apple"]'))
        told, said = self.figures(self.run_folder, other / "train.yaml")
        self.assertAlmostEqual(told["accuracy"], 1 - self.accuracy, places=12)
        self.assertIn("its classes are in the order pear, apple, not apple, pear", said)

    def test_validation_data_in_another_order_give_the_same_figures(self):
        swapped = self.imported("csv", "swapped", fruit(200, columns="y,x", seed=1))
        job = self.put("swapped.yaml", self.job.replace("VALID", str(swapped)))
        self.assertIn("its columns are in the order y, x", done("check", job).stdout)
        result = done("train", job, "--run", self.folder / "swapped_run")
        self.assertIn("its columns are in the order y, x", result.stderr)
        told = [json.loads((run / "summary.json").read_text()) for run in (self.run_folder, self.folder / "swapped_run")]
        self.assertEqual(told[0]["valid"], told[1]["valid"])
        self.assertEqual(told[0]["weights_sha256"], told[1]["weights_sha256"])

    def test_a_run_does_not_go_on_with_data_that_mean_something_else(self):
        job = self.put("long.yaml", self.job.replace(", valid: VALID", "").replace("epochs: 20", "epochs: 40"))
        run = self.folder / "long"
        done("train", job, "--run", run, "--set", "train.steps=3")
        whole = self.train.read_text()
        for was, becomes, says in (('["apple", "pear"]', '["pear", "apple"]', ["its classes are in the order pear, apple"]),
                                   ('["x", "y"]', '["y", "x"]', ["its columns are in the order y, x"]),
                                   ('["x", "y"]', '["x", "z"]', ["its columns are x, z"]),
                                   ('"kind"', '"colour"', ["its target is colour"])):
            self.assertIn(was, whole)
            self.train.write_text(whole.replace(was, becomes))
            self.refused("train", job, "--run", run, "--set", "train.steps=3", says=[str(self.train.name), *says, "began with"])
        self.train.write_text(whole)

    def test_without_targets_there_are_predictions_and_nothing_else(self):
        bare = self.imported("csv", "bare", fruit(30, seed=1).replace(",apple", "").replace(",pear", "").replace(",kind", ""),
                             "--like", self.run_folder, "--no-target")
        named = self.imported("csv", "named", fruit(30, seed=1), "--like", self.run_folder)
        for data, out in ((bare, "bare.csv"), (named, "named.csv")):
            done("predict", self.run_folder, "--data", data, "--out", self.folder / out)
        self.assertEqual((self.folder / "bare.csv").read_text(), (self.folder / "named.csv").read_text())
        self.refused("evaluate", self.run_folder, "--data", bare, says=["its targets are none"])
        self.refused("train", self.put("bare.yaml", self.job.replace("train/train.yaml", str(bare)).replace("VALID", str(self.test))),
                     "--run", self.folder / "no", says=["has no targets"])
        self.refused("check", self.folder / "bare.yaml", says=["has no targets"])

    def test_predictions_as_a_table(self):
        out = self.folder / "predicted.csv"
        done("predict", self.run_folder, "--data", self.test, "--out", out)
        done("predict", self.run_folder, "--data", self.test, "--out", self.folder / "p.npy", "--kind", "probability")
        probabilities = numpy.load(self.folder / "p.npy")
        with open(out, newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual(rows[0], ["id", "class", "p_apple", "p_pear"])
        self.assertEqual([row[0] for row in rows[1:]], [str(i) for i in range(200)])
        self.assertEqual([row[1] for row in rows[1:]], [("apple", "pear")[i] for i in probabilities.argmax(axis=1)])
        numpy.testing.assert_array_equal(numpy.array([row[2:] for row in rows[1:]], dtype=numpy.float32), probabilities)
        for name in ("p.txt", "p"):
            self.refused("predict", self.run_folder, "--data", self.test, "--out", self.folder / name, says=[".csv", ".npy"])
            self.assertFalse((self.folder / name).exists())

    def test_named_files_follow_links_and_replace_no_device(self):
        (self.folder / "real.csv").write_text("old")
        (self.folder / "link.csv").symlink_to("real.csv")
        done("predict", self.run_folder, "--data", self.test, "--out", self.folder / "link.csv")
        self.assertTrue((self.folder / "link.csv").is_symlink())
        self.assertTrue((self.folder / "real.csv").read_text().startswith("id,class"))
        os.mkfifo(self.folder / "pipe.npy")
        (self.folder / "null.npy").symlink_to("/dev/null")
        for name, kind in (("pipe.npy", "a FIFO"), ("null.npy", "a device")):
            self.refused("predict", self.run_folder, "--data", self.test, "--out", self.folder / name, says=[name, kind])
            self.refused("export", self.run_folder, "--out", self.folder / name, says=[name, kind])
            self.refused("data", "make", "table", "--file", self.folder / name, "--replace", says=[name, kind])
        self.assertTrue((self.folder / "pipe.npy").is_fifo())

    def test_a_file_to_validate_with(self):
        done("data", "import", "csv", self.put("a.csv", fruit(50)), "--valid-file", self.put("b.csv", fruit(20, columns="y,x", seed=3)),
             "--folder", self.folder / "both")
        train, valid = (self.folder / "both" / name for name in ("train.yaml", "valid.yaml"))
        for line in ("features: ", "normalisation:"):
            self.assertIn(line, train.read_text())
        cut = lambda text: text[text.index("features:"):text.index("rows:")]
        self.assertEqual(cut(train.read_text()), cut(valid.read_text()))

    def test_an_import_that_is_stopped_leaves_the_old_data(self):
        before = {file.name: file.read_bytes() for file in self.train.parent.iterdir()}
        pipe = self.folder / "pipe.csv"
        os.mkfifo(pipe)
        importer = subprocess.Popen([RAVEN, "data", "import", "csv", str(pipe), "--folder", str(self.train.parent), "--replace"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(pipe, "w") as file:  # opens once the importer reads
            file.write(fruit(10))
            file.flush()
            importer.send_signal(signal.SIGINT)
            importer.wait(timeout=600)
        self.assertNotEqual(importer.returncode, 0)
        self.assertEqual({file.name: file.read_bytes() for file in self.train.parent.iterdir()}, before)
        result = raven("data", "import", "csv", self.put("bad.csv", fruit(300) + "nan,1,apple\n"), "--rows-per-shard", "20",
                       "--folder", self.train.parent, "--replace")
        self.assertEqual(result.returncode, MISTAKE, result.stderr)
        self.assertEqual({file.name: file.read_bytes() for file in self.train.parent.iterdir()}, before)

    def test_a_disk_that_is_full_leaves_the_old_data(self):
        before = {file.name: file.read_bytes() for file in self.train.parent.iterdir()}
        big = self.put("big.csv", fruit(20000))

        def small_files():  # a write beyond fails, as on a full disk
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))

        result = subprocess.run([RAVEN, "data", "import", "csv", str(big), "--folder", str(self.train.parent), "--replace"],
                                capture_output=True, text=True, timeout=600, preexec_fn=small_files)
        self.assertEqual(result.returncode, MISTAKE, result.stderr)
        self.assertIn("train-g2-00000.h5", result.stderr)
        self.assertEqual({file.name: file.read_bytes() for file in self.train.parent.iterdir()}, before)


class Texts(Meeting):
    def test_texts_of_other_letters_words_or_order_are_refused(self):
        self.imported("text", "train", "abcdefgh" * 60, "--context", "8")
        run = self.trained(TEXT.replace("TOKENS", "8"))
        other = self.imported("text", "other", "ijklmnop" * 60, "--context", "8")
        self.refused_everywhere(run, TEXT.replace("TOKENS", "8"), other, ["its vocabulary is 8 tokens", "with i as token 0", "with a as token 0"])
        self.refused("data", "import", "text", self.put("i.txt", "abi"), "--like", run, "--folder", self.folder / "i", says=["i.txt:1", "the character"])

    def test_words_of_two_texts_are_refused_and_taken_like_the_first(self):
        words = "the cat sat on a mat and the dog ran in the rain . " * 20
        train = self.imported("text", "train", words, "--unit", "word", "--vocabulary", "2000", "--context", "8")
        tokens = train.read_text().split("vocabulary: ")[1].split("}")[0]
        job = TEXT.replace("TOKENS", tokens)
        run = self.trained(job)
        other = self.imported("text", "other", words.replace("cat", "fox"), "--unit", "word", "--vocabulary", "2000", "--context", "8")
        self.refused_everywhere(run, job, other, ["its vocabulary is"])
        result = done("data", "import", "text", self.folder / "other.txt", "--like", run, "--valid", "0", "--folder", self.folder / "like")
        self.assertIn("20 of 280 words are not in the vocabulary", result.stdout)
        done("evaluate", run, "--data", self.folder / "like/train.yaml")
        done("sample", run, "--prompt", "the cat", "--tokens", "3")


class Sentences(Meeting):
    def test_other_tags_and_words_are_refused_and_another_order_mapped(self):
        text = "the D\ncat N\n\nthe D\ndog N\n\n" * 10
        self.imported("conll", "train", text)
        run = self.trained(TAGS)
        other = self.imported("conll", "other", text.replace(" D", " X").replace(" N", " Y"))
        self.refused_everywhere(run, TAGS, other, ["its classes are X, Y", "D, N"])
        words = self.imported("conll", "words", text.replace("cat", "fox"))
        self.refused_everywhere(run, TAGS, words, ["its vocabulary is"])
        same = self.imported("conll", "same", text, "--like", run)
        wanted = self.figures(run, same)[0]
        manifest = same.read_text()
        self.assertIn('["D", "N"]', manifest)
        same.write_text(manifest.replace('["D", "N"]', '["N", "D"]'))
        told, said = self.figures(run, same)
        self.assertIn("its classes are in the order N, D", said)
        self.assertAlmostEqual(told["accuracy"], 1 - wanted["accuracy"], places=12)

    def test_words_without_tags_get_tags(self):
        text = "the D\ncat N\n\nthe D\ndog N\n\n" * 10
        self.imported("conll", "train", text)
        run = self.trained(TAGS)
        bare = self.imported("conll", "bare", "the\ncat\n\ndog\n", "--like", run, "--no-target")
        out = self.folder / "tags.csv"
        done("predict", run, "--data", bare, "--out", out, "--kind", "class")
        self.assertEqual(out.read_text(), "id,position,class\n0,0,D\n0,1,N\n1,0,N\n")


if __name__ == "__main__":
    RAVEN = sys.argv.pop(1)
    unittest.main()
