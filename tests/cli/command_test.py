"""Runs the raven program: exit codes, messages, help, data verbs, shipped jobs.

usage: command_test.py RAVEN SOURCE_FOLDER
"""

import json
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy

RAVEN = None
SOURCE = None
DONE, FAILURE, MISTAKE = 0, 1, 2


def raven(*words, **more):
    """Runs raven; stdout and stderr as text."""
    return subprocess.run([RAVEN, *map(str, words)], capture_output=True, text=True, timeout=600, **more)


def verbs(path=()):
    """Every verb below `path`, as told by --help."""
    text = raven(*path, "--help").stdout
    if "\nSubcommands:\n" not in text:
        return []
    listed = text.split("\nSubcommands:\n")[1].split("\n\n")[0]
    found = [(*path, line.split()[0]) for line in listed.splitlines() if re.match(r"^  [a-z]", line)]
    return found + [deeper for verb in found for deeper in verbs(verb)]


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="raven-cli-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def expect_mistake(self, result, *pieces):
        self.assertEqual(result.returncode, MISTAKE, result.stderr)
        self.assertEqual(result.stdout, "")
        for line in result.stderr.splitlines():
            self.assertTrue(line.startswith("raven: "), line)
        for piece in pieces:
            self.assertIn(piece, result.stderr)

    def expect_done(self, result):
        self.assertEqual(result.returncode, DONE, result.stderr)
        self.assertEqual(result.stderr, "")
        return result.stdout


class Help(Folder):
    def test_every_verb_explains_itself_with_examples(self):
        found = verbs()
        for expected in [("check",), ("data", "make", "digits"), ("data", "make", "table"), ("data", "import", "csv"),
                         ("data", "import", "idx"), ("data", "import", "npy"), ("data", "import", "npz"),
                         ("data", "import", "conll"), ("data", "import", "tree"), ("data", "make", "tags"),
                         ("data", "make", "trees"), ("data", "show"), ("data", "verify"), ("bench", "kernels"), ("explain",), ("version",)]:
            self.assertIn(expected, found)
        for verb in found:
            text = self.expect_done(raven(*verb, "--help"))
            self.assertIn("Example", text, verb)
            self.assertIn("raven " + " ".join(verb), text, "an example that uses the verb itself")

    def test_the_front_page_names_exit_codes_and_a_first_command(self):
        text = self.expect_done(raven("--help"))
        self.assertIn("Exit codes: 0 done", text)
        self.assertIn("raven data make digits", text)

    def test_no_verb_at_all_shows_the_help_and_is_a_mistake(self):
        result = raven()
        self.assertEqual(result.returncode, MISTAKE)
        self.assertIn("Subcommands:", result.stdout)

    def test_version(self):
        number = self.expect_done(raven("--version"))
        self.assertRegex(number, r"^\d+\.\d+\.\d+\n$")
        self.assertIn("raven " + number, self.expect_done(raven("version")))


    def test_several_values_follow_one_set_as_help_shows(self):
        """Wherever --set is taken; a job may stand before or after."""
        job = self.folder / "bad.yaml"
        job.write_text("name: bad\ndata: {train: t.yaml}\nmodel: [flatten]\nloss: mse\noptimizer: adam\n")
        for verb in ("check", "train", "launch", "simulate"):
            self.assertIn("--set KEY=VALUE ...", self.expect_done(raven(verb, "--help")))
            for words in ((job, "--set", "threads=many", "train.batch=0"), ("--set", "threads=many", "train.batch=0", job),
                          ("--set=threads=many", "train.batch=0", job), ("--set", "threads=many", "--set", "train.batch=0", job)):
                result = raven(verb, *words)
                self.expect_mistake(result, "raven: --set threads=many: threads is 'many'", "raven: --set train.batch=0: ")
                self.assertEqual(len(result.stderr.splitlines()), 2, result.stderr)

    def test_an_option_of_which_help_shows_one_word_takes_one(self):
        for verb, option in ((("launch",), "--mpirun WORD"), (("data", "import", "csv"), "--ignore TEXT")):
            text = self.expect_done(raven(*verb, "--help"))
            self.assertIn(option, text)
            self.assertNotIn(option + " ...", text)
        table = self.folder / "t.csv"
        table.write_text("a,b,c,y\n" + "".join("%d.5,%d.5,%d.5,%d.5\n" % (i, i * i, -i, i) for i in range(30)))
        folder = self.folder / "data"
        self.expect_done(raven("data", "import", "csv", table, "--target", "y", "--ignore", "a", "--ignore", "b", "--folder", folder))
        self.assertIn("[1]", self.expect_done(raven("data", "show", folder / "train.yaml")))


class Mistakes(Folder):
    def test_a_misspelt_verb_is_answered_with_the_right_one(self):
        self.expect_mistake(raven("chekc", "job.yaml"), "there is no verb 'chekc' in 'raven'; did you mean 'check'?")
        self.expect_mistake(raven("data", "mkae"), "there is no verb 'mkae' in 'raven data'; did you mean 'make'?")
        self.expect_mistake(raven("data", "make", "digit"), "did you mean 'digits'?")
        self.expect_mistake(raven("frobnicate"), "known here: train, launch, join, ")

    def test_a_misspelt_option_is_answered_with_the_right_one(self):
        self.expect_mistake(raven("check", "job.yaml", "--jsno"), "--jsno", "did you mean '--json'?")
        self.expect_mistake(raven("data", "make", "digits", "--folder", "x", "--cuont=3"), "did you mean '--count'?")

    def test_a_missing_word_is_told(self):
        self.expect_mistake(raven("check"), "job is required", "'raven check --help' shows what it takes")
        self.expect_mistake(raven("data"), "'raven data --help' shows what it takes")
        self.expect_mistake(raven("data", "make", "digits"), "--folder is required")

    def test_a_number_out_of_range_is_told(self):
        self.expect_mistake(raven("data", "make", "digits", "--folder", self.folder, "--count", "0"), "--count")
        self.expect_mistake(raven("data", "make", "digits", "--folder", self.folder, "--count", "many"), "--count")

    def test_a_word_that_no_option_knows_is_answered_with_those_it_does(self):
        for word in ("paragraphs", "1"):
            self.expect_mistake(raven("data", "import", "text", "no.txt", "--folder", self.folder, "--sequences", word),
                                f"--sequences: {word} not in {{lines,whole}}")

    def test_all_mistakes_of_a_job_come_at_once_with_their_places(self):
        job = self.folder / "bad.yaml"
        job.write_text("name: bad\ndata: {train: t.yaml}\nmodel:\n  - flaten\nloss: mse\noptimizer: adm\ntrain: {batch: 0}\n")
        result = raven("check", job, "--set", "threads=many")
        self.expect_mistake(result)
        self.assertEqual(result.stderr.splitlines(), [
            f"raven: {job}:4:5: there is no layer 'flaten'; did you mean 'flatten'?",
            f"raven: {job}:6:12: there is no optimizer 'adm'; did you mean 'adam'?",
            f"raven: {job}:7:16: train.batch is 0, out of range; write a whole number from 1 to 16777216",
            "raven: --set threads=many: threads is 'many', not a whole number; write a whole number from 0 to 4096",
        ])

    def test_a_missing_file_is_told_by_name(self):
        self.expect_mistake(raven("check", "/nowhere.yaml"), "raven: /nowhere.yaml: there is no such job file")
        self.expect_mistake(raven("data", "show", "/nowhere.yaml"), "/nowhere.yaml")
        self.expect_mistake(raven("data", "import", "csv", "/nowhere.csv", "--folder", self.folder / "x"), "/nowhere.csv")


class Output(Folder):
    def test_a_reader_that_goes_away_is_no_error(self):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write) as closed:
            result = subprocess.run([RAVEN, "explain"], stdout=closed, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual((result.returncode, result.stderr), (DONE, ""))

    @unittest.skipUnless(os.path.exists("/dev/full"), "needs /dev/full")
    def test_a_full_disk_is_a_failure(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([RAVEN, "explain"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(result.returncode, FAILURE)
        self.assertIn("could not be written", result.stderr)

    def on_a_terminal(self, *words, **environment):
        """What raven writes to stderr when that is a terminal."""
        main, side = pty.openpty()
        variables = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
        process = subprocess.Popen([RAVEN, *map(str, words)], stdout=subprocess.DEVNULL, stderr=side,
                                   env={**variables, "TERM": "xterm", **environment})
        os.close(side)
        text = b""
        while True:
            try:
                piece = os.read(main, 4096)
            except OSError:
                break
            if not piece:
                break
            text += piece
        os.close(main)
        process.wait(timeout=60)
        return text.decode()

    def test_colour_only_on_a_terminal_that_wants_it(self):
        self.assertIn("\033[1;31mraven:\033[0m", self.on_a_terminal("check", "/nowhere.yaml"))
        self.assertNotIn("\033", self.on_a_terminal("check", "/nowhere.yaml", NO_COLOR="1"))
        self.assertNotIn("\033", self.on_a_terminal("check", "/nowhere.yaml", TERM="dumb"))
        self.assertNotIn("\033", raven("check", "/nowhere.yaml").stderr)

    def test_progress_is_drawn_on_a_terminal_and_wiped(self):
        text = self.on_a_terminal("data", "make", "digits", "--count", "300", "--folder", self.folder / "d")
        self.assertRegex(text, r"\r.*drawing.* %")
        self.assertTrue(text.endswith("\r\033[K"), repr(text[-80:]))


class Explain(Folder):
    def test_one_name_all_names_and_a_wrong_name(self):
        self.assertIn("| `channels` |", self.expect_done(raven("explain", "conv2d")))
        self.assertIn("### Optimizers", self.expect_done(raven("explain")))
        self.expect_mistake(raven("explain", "con2d"), "did you mean 'conv2d'?")


class Bench(Folder):
    def test_kernels_are_measured(self):
        words = ("bench", "kernels", "--filter", "gemm", "--threads", "1", "--seconds", "0.002")
        report = json.loads(self.expect_done(raven(*words, "--json")))
        self.assertTrue(report["figures"])
        for figure in report["figures"]:
            self.assertGreater(figure["rate"], 0)
        self.assertIn("kernel", self.expect_done(raven(*words)))


class Data(Folder):
    def test_a_table_becomes_a_data_set(self):
        table, data = self.folder / "machines.csv", self.folder / "machines"
        self.expect_done(raven("data", "make", "table", "--count", "300", "--file", table))
        self.assertEqual(len(table.read_text().splitlines()), 301)
        self.expect_mistake(raven("data", "make", "table", "--file", table), "exists already", "--replace")
        self.expect_done(raven("data", "import", "csv", table, "--target", "outcome", "--folder", data))
        self.expect_mistake(raven("data", "import", "csv", table, "--folder", data), "there is a data set already")
        shown = json.loads(self.expect_done(raven("data", "show", data / "train.yaml", "--json")))
        self.assertEqual(shown["name"], "machines-train")
        self.assertEqual(sorted(shown["class_names"]), ["fails", "runs", "wears"])
        rest = json.loads(self.expect_done(raven("data", "show", data / "valid.yaml", "--json")))
        self.assertEqual(shown["rows"] + rest["rows"], 300)
        self.assertIn("wears", self.expect_done(raven("data", "show", data / "train.yaml")))

    def test_a_damaged_shard_is_found(self):
        data = self.folder / "digits"
        self.expect_done(raven("data", "make", "digits", "--count", "60", "--folder", data, "--rows-per-shard", "30"))
        self.assertIn("all sound", self.expect_done(raven("data", "verify", data / "train.yaml")))
        shard = sorted(data.glob("train*.h5"))[0]
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
        self.expect_mistake(raven("data", "verify", data / "train.yaml"), shard.name)

    def test_numpy_arrays_are_imported(self):
        x = numpy.arange(40 * 6, dtype=numpy.float32).reshape(40, 6)
        y = numpy.arange(40, dtype=numpy.int64) % 4
        numpy.save(self.folder / "x.npy", x)
        numpy.save(self.folder / "y.npy", y)
        numpy.savez(self.folder / "both.npz", images=x, labels=y)
        self.expect_done(raven("data", "import", "npy", self.folder / "x.npy", self.folder / "y.npy",
                               "--folder", self.folder / "a", "--valid", "0"))
        self.expect_done(raven("data", "import", "npz", self.folder / "both.npz", "--features", "images",
                               "--targets", "labels", "--folder", self.folder / "b", "--valid", "0"))
        for name in ("a", "b"):
            shown = json.loads(self.expect_done(raven("data", "show", self.folder / name / "train.yaml", "--json")))
            self.assertEqual((shown["rows"], shown["feature_shape"], shown["class_counts"]), (40, [6], [10] * 4))
            self.assertFalse((self.folder / name / "valid.yaml").exists())


    def test_sentences_with_tags_are_made_and_imported_and_shown_one_by_one(self):
        made = self.folder / "tags"
        self.expect_done(raven("data", "make", "tags", "--count", "30", "--vocabulary", "100", "--folder", made))
        self.assertIn("all sound", self.expect_done(raven("data", "verify", made / "train.yaml")))
        shown = json.loads(self.expect_done(raven("data", "show", made / "train.yaml", "--json")))
        self.assertEqual((shown["rows"], shown["form"], sum(shown["class_counts"])), (30, "sequence", shown["tokens"]))
        text = self.expect_done(raven("data", "show", made / "train.yaml"))
        self.assertIn("one for each token", text)
        self.assertIn(" STOP ", text)
        self.assertNotIn("<unk>", text)
        last = self.expect_done(raven("data", "show", made / "train.yaml", "--sample", "29")).splitlines()[-1]
        self.assertIn(last.split(), ([".", "STOP"], [".", "ASK"]))
        self.expect_mistake(raven("data", "show", made / "train.yaml", "--sample", "30"), "there is no sample 30")

        words = self.folder / "words.txt"
        words.write_text("1 It PRON\n2 works VERB\n\n1 It PRON\n2 _ X\n")
        read = self.folder / "read"
        self.expect_done(raven("data", "import", "conll", words, "--columns", "n,word,tag", "--word", "word", "--tag", "3",
                               "--ignore", "X", "--valid", "0", "--folder", read))
        self.assertEqual(self.expect_done(raven("data", "show", read / "train.yaml", "--sample", "0")),
                         "It     PRON\nworks  VERB\n")
        self.assertEqual(self.expect_done(raven("data", "show", read / "train.yaml", "--sample", "1")),
                         "It  PRON\n_   -\n")
        words.write_text("1 It PRON\n2 works\n")
        self.expect_mistake(raven("data", "import", "conll", words, "--replace", "--folder", read), "words.txt:2:", "has 2 columns")

    def test_trees_are_made_and_imported_and_shown_in_brackets(self):
        made = self.folder / "trees"
        self.expect_done(raven("data", "make", "trees", "--count", "30", "--folder", made))
        self.assertIn("all sound", self.expect_done(raven("data", "verify", made / "train.yaml")))
        self.assertIn("one for each node", self.expect_done(raven("data", "show", made / "train.yaml")))
        text = self.expect_done(raven("data", "show", made / "train.yaml", "--sample", "7"))
        written, again = self.folder / "again.txt", self.folder / "again"
        written.write_text(text)
        self.expect_done(raven("data", "import", "tree", written, "--valid", "0", "--folder", again))
        self.assertEqual(self.expect_done(raven("data", "show", again / "train.yaml", "--sample", "0")), text)
        written.write_text("(3 (2 It) (4 works))\n(1 (0 no))\n")
        self.expect_done(raven("data", "import", "tree", written, "--targets", "root", "--valid", "0", "--replace",
                               "--folder", again))
        self.assertEqual(self.expect_done(raven("data", "show", again / "train.yaml", "--sample", "0")), "(It works)\n3\n")
        written.write_text("(3 (2 It) (4 works))\n(1 (0 no)\n")
        self.expect_mistake(raven("data", "import", "tree", written, "--replace", "--folder", again), "again.txt:2:", "never closed")

    def test_pieces_of_text_are_shown_and_other_samples_are_not(self):
        story, data = self.folder / "story.txt", self.folder / "story"
        story.write_text("The raven slept. " * 20)
        self.expect_done(raven("data", "import", "text", story, "--context", "8", "--valid", "0", "--folder", data))
        self.assertEqual(self.expect_done(raven("data", "show", data / "train.yaml", "--sample", "0")), "The raven\n")
        self.expect_done(raven("data", "make", "digits", "--count", "10", "--folder", self.folder / "d"))
        self.expect_mistake(raven("data", "show", self.folder / "d" / "train.yaml", "--sample", "0"), "no sentences, trees or text")


class Jobs(Folder):
    def fresh_clone(self):
        """Jobs and sample sets as they come. @return each job with the program that runs it"""
        shutil.copytree(SOURCE / "jobs", self.folder / "jobs")
        shutil.copytree(SOURCE / "data/samples", self.folder / "data/samples")
        programs = pathlib.Path(RAVEN).resolve().parent / "programs"
        found = [(job, RAVEN) for job in sorted((self.folder / "jobs").glob("*.yaml"))]
        found += [(job, programs / job.stem) for job in sorted((self.folder / "jobs/programs").glob("*.yaml"))]
        self.assertGreaterEqual(len(found), 9)
        return found

    def run_program(self, program, *words):
        return subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=600, cwd=self.folder)

    def test_every_shipped_job_is_checked_and_trains_on_the_samples_of_a_fresh_clone(self):
        for job, program in self.fresh_clone():
            with self.subTest(job.name):
                self.expect_mistake(self.run_program(program, "check", job), "the data is not there")
                checked = self.run_program(program, "check", job, "--samples")
                self.assertEqual(checked.returncode, DONE, checked.stderr)
                self.assertIn("no mistakes", checked.stdout)
                trained = self.run_program(program, "train", job, "--samples", "--set", "train.steps=1", "--quiet")
                self.assertEqual(trained.returncode, DONE, trained.stderr)
                run = self.folder / "runs" / (job.stem + "_samples")
                summary = json.loads((run / "summary.json").read_text())
                self.assertEqual(summary["steps"], 1)
                self.assertIn("valid", summary)

    def test_missing_data_is_answered_with_the_commands_that_make_it(self):
        """From wherever one types; and these commands make it."""
        self.fresh_clone()
        for where, job, commands in (
                (".", "jobs/tagger.yaml", "raven data make tags --count 5000 --folder data/tags"),
                ("jobs", "tagger.yaml", "raven data make tags --count 5000 --folder ../data/tags"),
                (".", "jobs/tabular.yaml", "raven data make table --count 5000 --file data/machines.csv && "
                                           "raven data import csv data/machines.csv --target outcome --folder data/machines")):
            for verb in (("train",), ("simulate",)):
                result = raven(*verb, job, cwd=self.folder / where)
                self.expect_mistake(result, "the data is not there (no ", "/train.yaml)",
                                    f"; make it: {commands}; or try the job on its sample set: --samples")
                self.assertRegex(result.stderr, r"^raven: [a-z/]*(tagger|tabular)\.yaml:\d+:\d+: ", "with the place of `data`")
            less = commands.replace("5000", "300").replace("raven data", f"{RAVEN} data")
            made = subprocess.run(less, shell=True, cwd=self.folder / where, capture_output=True, text=True, timeout=600)
            self.assertEqual(made.returncode, DONE, made.stderr)
            self.assertNotIn("not there", self.expect_done(raven("check", job, cwd=self.folder / where)))
            shutil.rmtree(self.folder / "data/tags", ignore_errors=True)

    def test_missing_data_of_a_job_without_commands_is_told(self):
        job = self.folder / "mine.yaml"
        job.write_text("data: {train: t.yaml}\nmodel: [flatten]\nloss: mse\noptimizer: adam\n")
        self.expect_mistake(raven("check", job), "mine.yaml:1:7: the data is not there (no ", "t.yaml); make or import data")
        self.expect_mistake(raven("check", job, "--samples"), "the job names no sample set")

    def test_sample_sets_are_sound_and_are_what_their_raw_files_say(self):
        """Those of data/README.md, whose commands import them again."""
        text = (SOURCE / "data/README.md").read_text().split("```sh samples\n")[1].split("```")[0]
        shutil.copytree(SOURCE / "data", self.folder / "data", ignore=lambda at, names: [
            name for name in names if pathlib.Path(at) == SOURCE / "data" and name not in ("README.md", "samples")])
        sets = sorted(path.parent.name for path in (self.folder / "data/samples").glob("*/train.yaml"))
        self.assertEqual(sets, ["digits", "machines", "story", "story_words", "tags", "trees"])
        for name in sets:
            for part in ("train", "valid"):
                self.assertIn("all sound", self.expect_done(raven("data", "verify", self.folder / "data/samples" / name / f"{part}.yaml")))
        size = sum(path.stat().st_size for path in (self.folder / "data/samples").glob("*/*"))
        self.assertLess(size, 1 << 20, "small enough to come along")
        for line in text.splitlines():
            before = {path: path.read_bytes() for path in (self.folder / "data/samples").glob("*/*.csv")}
            made = raven(*line.split()[1:], cwd=self.folder)
            self.assertEqual(made.returncode, DONE, made.stderr)
            self.assertEqual(before, {path: path.read_bytes() for path in before}, "raw files stay")

    def test_every_shipped_job_passes_the_check_on_the_data_that_its_head_tells_to_make(self):
        jobs = self.folder / "jobs"
        shutil.copytree(SOURCE / "jobs", jobs)
        files = sorted(jobs.glob("*.yaml"))
        self.assertGreaterEqual(len(files), 3)
        made = set()
        for file in files:
            commands = re.findall(r"^#   raven (data .*)$", file.read_text(), re.MULTILINE)
            self.assertTrue(commands, f"{file.name} does not tell where its data comes from")
            for command in commands:
                if command in made:
                    continue
                made.add(command)
                # Less of it: a check looks at shapes.
                less = re.sub(r"--bytes \d+", "--bytes 60000", re.sub(r"--count \d+", "--count 300", command))
                self.expect_done(raven(*less.split(), cwd=self.folder))
            self.assertIn("no mistakes", self.expect_done(raven("check", file)))
            told = json.loads(self.expect_done(raven("check", file, "--json", "--set", "train.batch=16")))
            self.assertEqual(told["batch"], 16)
            self.assertGreater(told["parameters"], 0)
            self.assertGreater(told["flops_per_step"], 0)
            self.assertIn(f"`{file.name}`", (jobs / "README.md").read_text())

    def test_shapes_are_checked_unless_there_is_no_data(self):
        job = SOURCE / "jobs/digits_mlp.yaml"
        words = ("check", job, "--set", f"data.train={self.folder}/d/train.yaml", "--set", f"data.valid={self.folder}/d/valid.yaml",
                 "--set", "model.3.linear.features=7")
        # Training would end at the data that is not there; what else is wrong shows on the job's sample set.
        self.expect_mistake(raven(*words), "d/train.yaml",
                            "the last layer makes 7 numbers per sample, but the data has 10 classes")
        self.assertIn("data and shapes not looked at", self.expect_done(raven(*words, "--no-data")))
        self.expect_done(raven("data", "make", "digits", "--count", "50", "--folder", self.folder / "d"))
        self.expect_mistake(raven(*words), "the last layer makes 7 numbers per sample, but the data has 10 classes")


class Simulations(Folder):
    def setUp(self):
        super().setUp()
        self.job = self.folder / "tiny.yaml"
        shutil.copy(SOURCE / "tests/simulate/tiny.yaml", self.job)
        table = self.folder / "table.csv"
        self.expect_done(raven("data", "make", "table", "--count", "70", "--file", table))
        self.expect_done(raven("data", "import", "csv", table, "--target", "outcome", "--folder", self.folder / "data"))

    def test_made_up_worlds_end_with_the_same_bits(self):
        lines = self.expect_done(raven("simulate", self.job, "--seeds", "1..5")).splitlines()
        self.assertEqual(len(lines), 6)
        for seed, line in enumerate(lines[:5], 1):
            self.assertTrue(line.startswith(f"seed {seed}: the same bits; "), line)
        self.assertIn("5 runs", lines[5])
        self.assertIn("0 different", lines[5])

    def test_a_seed_replays_to_the_same_trace(self):
        words = ("simulate", self.job, "--seed", "7", "--trace")
        trace = self.expect_done(raven(*words))
        self.assertIn("master -> c1: welcome", trace)
        self.assertEqual(self.expect_done(raven(*words)), trace)

    def test_a_run_that_differs_is_told_with_the_command_that_replays_it(self):
        told = raven("simulate", self.job, "--seeds", "1..30", "--faults", "tamper", "--quiet")
        self.assertEqual(told.returncode, FAILURE, told.stdout)
        found = re.search(r"^seed (\d+): DIFFERENT: .*\n  raven (simulate .* --seed \1 .*--trace)$", told.stdout, re.MULTILINE)
        self.assertIsNotNone(found, told.stdout)
        again = raven(*found.group(2).split())
        self.assertEqual(again.returncode, FAILURE)
        self.assertIn("DIFFERENT", again.stdout)

    def test_mistakes_in_seeds_and_faults_are_told(self):
        self.expect_mistake(raven("simulate", self.job, "--seeds", "9..3"), "9..3", "1..100")
        self.expect_mistake(raven("simulate", self.job, "--faults", "earthquake"), "earthquake", "join-storm")


if __name__ == "__main__":
    RAVEN = sys.argv[1]
    SOURCE = pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1], verbosity=1)
