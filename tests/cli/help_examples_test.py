"""What --help shows works: each example of each verb runs as written, in a folder that holds the files it names.

Changed are only the amounts of work: 'bench' gets '--seconds', 'train' and 'launch' get '--set train.steps=2', 'make'
makes 600. Verbs that need a run under way (join, spawn, leave) have tests of their own in tests/end_to_end; their
examples are given a run that is over, and must say that and find no fault with their words.

usage: help_examples_test.py RAVEN SOURCE_FOLDER
"""

import gzip
import os
import pathlib
import re
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

RAVEN = None
SOURCE = None
SHORT = "--set train.steps=2 --set train.batch=32"
PATIENCE = 600  # seconds for one command, however busy the machine
SENTENCE = "1\tthe\tthe\tDET\tDT\t_\t2\tdet\t_\t_\n2\tcat\tcat\tNOUN\tNN\t_\t0\troot\t_\t_\n\n"
FILES = {
    "wine.csv": "acid,sugar,quality\n" + "".join(f"{i * 0.1:.1f},{i % 7},{3 + i % 5}\n" for i in range(40)),
    "measurements.csv": "acid,sugar,quality\n" + "".join(f"{i * 0.1:.1f},{i % 7},{3 + i % 2}\n" for i in range(40)),
    "runs.tsv": "id\tspeed\tstate\n" + "".join(f"r{i}\t{i * 0.5}\t{'ok' if i % 3 else 'bad'}\n" for i in range(40)),
    "iris.data": "".join(f"{5 + i % 3}.1,3.5,1.4,0.{i % 5},Iris-{'ab'[i % 2]}\n" for i in range(40)),
    "survey.csv": "age,height,vote\n" + "".join(f"{20 + i},{'NA' if i % 9 == 0 else 1.7},{'ab'[i % 2]}\n" for i in range(40)),
    "train.csv": "x,y\n" + "".join(f"{i}.5,{'ab'[i % 2]}\n" for i in range(40)),
    "test.csv": "x,y\n" + "".join(f"{i}.25,{'ba'[i % 2]}\n" for i in range(10)),
    "story.txt": "The old man went to the old sea. A dog came.\n" * 200,
    "other.txt": "The old dog went to the sea.\n" * 50,
    "eng.train": "-DOCSTART- O\n\n" + "EU B-ORG\nrejects O\n. O\n\n" * 20,
    "chunks.txt": "He PRP B-NP\nreckons VBZ B-VP\n. . O\n\n" * 20,
    "trees/train.txt": "(3 (2 The) (4 (3 good) (2 film)))\n(1 (2 A) (0 bore))\n" * 20,
    "trees/dev.txt": "(1 (2 The) (0 bore))\n" * 5,
    "wsj.mrg": "( (S (NP-SBJ (DT the) (NN cat)) (VP (VBD sat))) )\n( (NP (NN rain) (. .)) )\n" * 20,
}


def npy(kind, shape, data):
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


def make_arrays(folder):
    """x.npy and y.npy, mnist.npz, and MNIST's four files in both ways of writing their names."""
    x = npy("<f4", (40, 3), struct.pack("<120f", *[i % 11 for i in range(120)]))
    y = npy("<i8", (40,), struct.pack("<40q", *[i % 3 for i in range(40)]))
    (folder / "x.npy").write_bytes(x)
    (folder / "y.npy").write_bytes(y)
    with zipfile.ZipFile(folder / "mnist.npz", "w") as to:
        for name, data in (("x_train", x), ("y_train", y), ("x_test", x), ("y_test", y)):
            to.writestr(name + ".npy", data)
    images = struct.pack(">IIII", 0x803, 40, 4, 4) + bytes(i % 256 for i in range(640))
    labels = struct.pack(">II", 0x801, 40) + bytes(i % 3 for i in range(40))
    for part, data, kind in (("images", images, "3"), ("labels", labels, "1")):
        (folder / f"train-{part}-idx{kind}-ubyte.gz").write_bytes(gzip.compress(data))
        (folder / f"train-{part}").write_bytes(data)
        (folder / f"t10k-{part}").write_bytes(data)


def pages(verb=()):
    """Each verb's path of names and its --help, from `raven` on."""
    text = subprocess.run([RAVEN, *verb, "--help"], capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    yield verb, text
    if "\nSubcommands:\n" in text:
        listed = text.split("\nSubcommands:\n")[1].split("\n\n")[0]
        for name in re.findall(r"^  ([a-z0-9]+) ", listed, re.MULTILINE):
            yield from pages((*verb, name))


def examples(text):
    """The commands below 'Examples:' or 'Begin with:', each as one line."""
    found = []
    for block in re.findall(r"^(?:Examples|Begin with):\n((?:  .*\n?)+)", text, re.MULTILINE):
        found += [line[2:] for line in block.rstrip("\n").split("\n")]
    return found


def shortened(command):
    command = re.sub(r"--count \d+", "--count 600", command)
    command = re.sub(r"--bytes \d+", "--bytes 20000", command)
    command = command.replace("--seeds 1..100", "--seeds 1..3").replace("--set train.epochs=2", "--set train.epochs=1")
    if " bench " in command:
        command = re.sub(r" --seconds \S+", "", command) + (" --seconds 2" if " train " in command else " --seconds 0.05")
    if re.search(r"raven (train|launch) ", command):
        command += " " + SHORT
    return command


class Help(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="raven-help-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        programs = cls.folder / "bin"
        programs.mkdir()
        (programs / "raven").symlink_to(RAVEN)
        # On Debian python3 is the one that has Debian's NumPy, as this test's interpreter has.
        (programs / "python3").symlink_to(sys.executable)
        cls.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "OMPI_ALLOW_RUN_AS_ROOT": "1",
                           "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        for name, text in FILES.items():
            (cls.folder / name).parent.mkdir(exist_ok=True)
            (cls.folder / name).write_text(text)
        (cls.folder / "en-ud-train.conllu.gz").write_bytes(gzip.compress(SENTENCE.encode() * 20))
        (cls.folder / "hosts.txt").write_text(socket.gethostname() + "\n")
        make_arrays(cls.folder)
        shutil.copytree(SOURCE / "jobs", cls.folder / "jobs")
        shutil.copy(SOURCE / "jobs/tabular.yaml", cls.folder / "my.yaml")
        for command in ("raven data make digits --count 600 --folder data/digits",
                        "raven data make tags --count 600 --folder data/tags",
                        "raven data make table --count 600 --file data/machines.csv",
                        "raven data import csv data/machines.csv --target outcome --folder data/machines",
                        "raven data import csv wine.csv --target quality --kind real --folder data/wine",
                        "raven data make story --bytes 20000 --file data/story.txt",
                        "raven data import text data/story.txt --context 64 --folder data/story",
                        f"raven train jobs/digits_cnn.yaml {SHORT}", f"raven train jobs/char_gpt.yaml {SHORT}",
                        f"raven train jobs/tabular.yaml {SHORT}"):
            cls.run_one(command)
        table = [line.split(",")[:-1] for line in (cls.folder / "data/machines.csv").read_text().splitlines()[:20]]
        (cls.folder / "new.csv").write_text("".join(",".join(line) + "\n" for line in table))

    @classmethod
    def run_one(cls, command, code=0):
        print("$ " + command, flush=True)
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=cls.folder, env=cls.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=PATIENCE)
        assert done.returncode == code, f"$ {command}\nended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def make_room(self, commands):
        """Data sets that the examples of a page make are not there yet."""
        for command in commands:
            words = shlex.split(command, comments=True)
            for option, name in zip(words, words[1:]):
                if option not in ("--folder", "--file", "--out"):
                    continue
                path = self.folder / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def follow(self, verb, command):
        tool = shlex.split(command)[0]
        if not shutil.which(tool, path=self.environment["PATH"]) or any(
                not shutil.which(other, path=self.environment["PATH"]) for other in re.findall(r"\| (\w+)", command)):
            print(f"not run, for want of a program: {command}")
            return False
        if verb in (("join",), ("spawn",), ("leave",)):
            if tool != "raven":
                return False
            printed = self.run_one(command, 0 if verb == ("join",) else 2)
            self.assertRegex(printed, "the run is (complete|over)|it is over")
            return True
        if verb == ("doctor",):
            # Whether runs can begin on this machine is not asked here.
            self.run_one(command + " || [ $? = 1 ]")
            return True
        self.run_one(shortened(command))
        return True

    def test_every_example_runs(self):
        ran = 0
        for verb, text in pages():
            commands = examples(text)
            with self.subTest(verb=" ".join(verb)):
                self.assertTrue(commands, "no examples")
            self.make_room(commands)
            for command in commands:
                with self.subTest(command=command):
                    ran += self.follow(verb, command)
        self.assertGreater(ran, 50)


if __name__ == "__main__":
    RAVEN, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    unittest.main(argv=sys.argv[:1], verbosity=2)
