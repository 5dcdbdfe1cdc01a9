"""Runs the commands of the documents as they are written.

Each document is followed in a copy of the tree that holds what the README's two commands leave behind: build/release, and
data/digits. What a block is tells its info string (CONTRIBUTING.md):

  sh            run from its first line to its last
  sh shells     each line is typed in a shell of its own; what goes on by itself is stopped at the end
  sh slurm      batch scripts: options and jobs are checked; tests/slurm runs the scripts themselves
  sh norun      not run
  console       commands after '$ ', with what they print; figures may be others
  cpp FILE, yaml FILE, cmake FILE    written to FILE for the commands after it

So that it takes minutes, training is cut short in one way, shown in what this test prints: '--set train.steps=4' is added to
'train' and 'launch' (in 'sh shells' to those that come alone; those that others look at go on until they are stopped).

usage: commands_test.py RAVEN SOURCE_FOLDER [DOCUMENT...]
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from fences import commands, documents, fences, inline

RAVEN = None
SOURCE = None
LANGUAGES = {"sh", "console", "text", "yaml", "cpp", "cmake", "python", "mermaid", "json"}
SHORT = "--set train.steps=4"
LONG = "--set train.epochs=100000"
PATIENCE = 300  # seconds for one command, however busy the machine


def name_of(file):
    return str(file.relative_to(SOURCE))


def trains(command):
    """Whether a command trains: 'raven train', 'tree_lstm launch', perhaps under mpirun."""
    return re.search(r"(^|[\s/])(raven|tree_lstm|word_tagger|early_exit|bag_of_words)\s+(train|launch)\s", command)


class Tree:
    """A copy of the tree after the README's two commands."""

    def __init__(self, digits):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="raven-docs-"))
        for entry in SOURCE.iterdir():
            if entry.name in ("jobs", "scripts", "slurm", "tests"):
                shutil.copytree(entry, self.root / entry.name, symlinks=True)
            elif entry.name not in ("build", "data", "runs", ".git", ".cache"):
                (self.root / entry.name).symlink_to(entry)
        (self.root / "data").mkdir()
        shutil.copy(SOURCE / "data/README.md", self.root / "data")
        shutil.copytree(SOURCE / "data/samples", self.root / "data/samples")
        (self.root / "build").mkdir()
        (self.root / "build/release").symlink_to(pathlib.Path(RAVEN).resolve().parent)
        shutil.copytree(digits, self.root / "data/digits")
        release = self.root / "build/release"
        # On Debian python3 is the one that has Debian's NumPy, as this test's interpreter has.
        (self.root / "build/bin").mkdir()
        (self.root / "build/bin/python3").symlink_to(sys.executable)
        self.environment = {**os.environ, "PATH": f"{self.root}/build/bin:{release}:{release}/programs:{os.environ['PATH']}",
                            "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}

    def remove(self):
        shutil.rmtree(self.root)

    def run(self, command):
        """One shell command to its end; what it printed."""
        print("$ " + command, flush=True)
        done = subprocess.run(["bash", "-c", command], cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise AssertionError(f"$ {command}\nended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def script(self, lines):
        """Lines of one shell."""
        text = "\n".join(lines)
        print("$ " + text.replace("\n", "\n$ "), flush=True)
        done = subprocess.run(["bash", "-e", "-c", text], cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise AssertionError(f"{text}\nended with {done.returncode}:\n{done.stdout}")

    def status(self, run):
        """What 'raven status' knows of a run; None before it has begun."""
        done = subprocess.run(["raven", "status", run, "--json"], cwd=self.root, env=self.environment, capture_output=True,
                              text=True, timeout=PATIENCE)
        return json.loads(done.stdout) if done.returncode == 0 else None


def until(true, what, process):
    """Waits for a condition, as long as the process that is to bring it about lives."""
    end = time.monotonic() + PATIENCE
    while not true():
        if process.poll() is not None:
            raise AssertionError(f"{what}: it ended with {process.returncode}:\n{process.output()}")
        if time.monotonic() > end:
            raise AssertionError(f"{what}: nothing came of it\n{process.output()}")
        time.sleep(0.05)


class Background:
    """A command that goes on."""

    def __init__(self, tree, command):
        print("$ " + command + " &", flush=True)
        self.command = command
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(["bash", "-c", "exec " + command], cwd=tree.root, env=tree.environment,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)

    def poll(self):
        return self.process.poll()

    @property
    def returncode(self):
        return self.process.returncode

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        """As by Ctrl-C. It may have ended by itself."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"$ {self.command}\ndid not stop:\n{self.output()}") from None
        output = self.output()
        self.log.close()
        if self.process.returncode not in (0, 130, -signal.SIGINT):
            raise AssertionError(f"$ {self.command}\nended with {self.process.returncode}:\n{output}")


class Shells:
    """A block whose lines are typed in several shells."""

    def __init__(self, tree, lines):
        self.tree = tree
        self.lines = lines
        self.going_on = []

    def run_of(self, command):
        """The run directory that a command is about."""
        words = shlex.split(command)
        if "--run" in words:
            return words[words.index("--run") + 1]
        job = next((word for word in words if word.endswith(".yaml")), None)
        return "runs/" + pathlib.Path(job).stem if job else next(word for word in words if word.startswith("runs/"))

    def crowd(self, run):
        status = self.tree.status(run)
        if not status:
            return 0
        # Above 1 000 000 000 is the contributor inside the master's own process.
        return sum(one["state"] != "gone" and one["peer"] < 1_000_000_000 for one in status["contributors"])

    def type(self, command):
        if command.startswith("export "):
            return
        if " launch " in command:
            self.launch(command)
        elif re.search(r"(^| )\S+ join ", command):
            before = self.crowd(self.run_of(command))
            process = self.begin(command)
            until(lambda: self.crowd(self.run_of(command)) > before, command, process)
        elif "--watch" in command:
            process = self.begin(command)
            until(lambda: process.output() != "", command, process)
        elif trains(command):
            self.tree.run(f"{command} {SHORT}")
        else:
            self.tree.run(command)

    def launch(self, command):
        process = self.begin(f"{command} {LONG}")
        count = re.search(r" -n (\d+)", command)
        wanted = int(count.group(1)) if count else 1
        until(lambda: self.crowd(self.run_of(command)) >= wanted, command, process)

    def begin(self, command):
        process = Background(self.tree, command)
        self.going_on.append(process)
        return process

    def __call__(self):
        try:
            for command in self.lines:
                self.type(command)
        finally:
            # What was begun last looks at what was begun first.
            for process in reversed(self.going_on):
                process.stop()


class Documents(unittest.TestCase):
    def test_every_block_says_what_it_holds(self):
        for file in documents(SOURCE):
            for fence in fences(file):
                self.assertTrue(fence.words and fence.words[0] in LANGUAGES,
                                f"{name_of(file)}:{fence.line}: a block of {fence.words or 'nothing'}; there are {sorted(LANGUAGES)}")
                if fence.words[0] == "sh":
                    self.assertIn(fence.words[1:], ([], ["norun"], ["slurm"], ["shells"], ["samples"]), f"{name_of(file)}:{fence.line}")

    def test_the_demo_builds_what_documents_run(self):
        demo = (SOURCE / "scripts/demo").read_text()
        built = set(re.search(r"^build release (.*)$", demo, re.MULTILINE).group(1).split())
        for file in documents(SOURCE):
            for program in re.findall(r"build/release/(?:programs/)?(\w+) ", file.read_text()):
                self.assertIn(program, built, name_of(file))
        self.assertIn("data make digits --count 20000", demo)


class Words(unittest.TestCase):
    """Options and files of commands that are not run: those within sentences and tables, and examples of --help."""

    @classmethod
    def setUpClass(cls):
        cls.help = {}

    def help_of(self, words):
        """The innermost verb of a command, and its --help."""
        verb = []
        for word in words:
            if not re.fullmatch(r"[a-z]+", word):
                break
            if tuple([*verb, word]) not in self.help:
                done = subprocess.run([RAVEN, *verb, word, "--help"], capture_output=True, text=True, timeout=PATIENCE)
                self.help[tuple([*verb, word])] = done.stdout if done.returncode == 0 else None
            if self.help[tuple([*verb, word])] is None:
                break
            verb.append(word)
            if "Subcommands:" not in self.help[tuple(verb)]:
                break
        return verb

    def check(self, command, where):
        try:
            words = shlex.split(command)
        except ValueError:
            self.fail(f"{where}: '{command}' is no command")
        if words[0].startswith(("scripts/", "tests/")):
            self.assertTrue((SOURCE / words[0]).exists(), f"{where}: {words[0]}")
            return
        verb = self.help_of(words[1:])
        if len(words) > 1 and not words[1].startswith("-") and not words[1].isupper():
            self.assertTrue(verb, f"{where}: '{command}' has no verb")
        if not verb:
            return
        help_text = self.help[tuple(verb)]
        if "..." in words and "Subcommands:" in help_text:
            # 'raven data import ... --like RUN': whichever of them.
            below = help_text.split("Subcommands:")[1].split("\n\n")[0]
            for name in re.findall(r"^  ([a-z0-9]+) ", below, re.MULTILINE):
                self.help_of([*verb, name])
                help_text += self.help[(*verb, name)] or ""
        for word in words[1 + len(verb):]:
            if re.match(r"--?[a-zA-Z]", word):
                option = word.split("=")[0]
                self.assertRegex(help_text, rf"(?m)[\s,]{re.escape(option)}[\s,]", f"{where}: '{command}'")
            if re.fullmatch(r"jobs/\S+\.yaml", word):
                self.assertTrue((SOURCE / word).exists(), f"{where}: {word}")

    def test_commands_within_sentences(self):
        found = 0
        for file in documents(SOURCE):
            for command in inline(file):
                found += 1
                self.check(command, name_of(file))
        self.assertGreater(found, 50)

    def test_examples_of_help(self):
        text = subprocess.run([RAVEN, "--help"], capture_output=True, text=True, timeout=PATIENCE).stdout
        queue = [(word,) for word in re.findall(r"^  ([a-z]+) ", text.split("Subcommands:")[1], re.MULTILINE)]
        found = 0
        while queue:
            verb = queue.pop()
            done = subprocess.run([RAVEN, *verb, "--help"], capture_output=True, text=True, timeout=PATIENCE)
            if "Subcommands:" in done.stdout:
                below = done.stdout.split("Subcommands:")[1].split("\n\n")[0]
                queue += [(*verb, word) for word in re.findall(r"^  ([a-z0-9]+) ", below, re.MULTILINE)]
            for example in re.findall(r"^  (raven .*)$", done.stdout, re.MULTILINE):
                found += 1
                # A remark may follow in brackets, or other commands.
                self.check(re.split(r"\s+\(|\s+[|>&;#]", example)[0], "raven " + " ".join(verb) + " --help")
        self.assertGreater(found, 30)


class Runs(unittest.TestCase):
    """One test for each document with commands, added below."""

    @classmethod
    def setUpClass(cls):
        cls.base = pathlib.Path(tempfile.mkdtemp(prefix="raven-docs-base-"))
        subprocess.run([RAVEN, "data", "make", "digits", "--count", "20000", "--seed", "1", "--folder", cls.base / "digits"],
                       check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.base)

    def follow(self, file):
        tree = Tree(self.base / "digits")
        self.addCleanup(tree.remove)
        for fence in fences(file):
            print(f"-- {name_of(file)}:{fence.line}", flush=True)
            language, *more = fence.words
            if language in ("cpp", "yaml", "cmake") and more:
                (tree.root / more[0]).parent.mkdir(exist_ok=True)
                (tree.root / more[0]).write_text(fence.text + "\n")
            elif language == "console":
                self.converse(tree, fence)
            elif fence.words == ["sh", "slurm"]:
                self.check_batch(tree, commands(fence.text))
            elif fence.words == ["sh", "shells"]:
                Shells(tree, commands(fence.text))()
            elif language == "sh" and more != ["norun"]:
                tree.script([f"{line} {SHORT}" if trains(line) else line for line in commands(fence.text)])

    def converse(self, tree, fence):
        """Commands after '$ ', and what each prints, but for its figures."""
        parts = re.split(r"^\$ ", fence.text, flags=re.MULTILINE)
        self.assertEqual(parts[0], "")
        for part in parts[1:]:
            command, _, expected = part.partition("\n")
            printed = tree.run(command)
            masked = [re.sub(r"\d+( \d{3})*(\.\d+)?", "#", re.sub(r"\s+", " ", text.strip())) for text in (printed, expected)]
            self.assertEqual(masked[0], masked[1], f"{name_of(fence.file)}:{fence.line}: {command}")

    def check_batch(self, tree, lines):
        """sbatch [OPTIONS] SCRIPT WORDS: the script's syntax, and its words as what it hands them to takes them."""
        for line in lines:
            words = shlex.split(line)
            self.assertEqual(words[0], "sbatch")
            at = next(i for i, word in enumerate(words) if word.startswith("slurm/"))
            self.assertTrue(all(word.startswith("-") for word in words[1:at]), line)
            if shutil.which("sbatch"):
                known = tree.run("sbatch --help")
                for word in words[1:at]:
                    self.assertIn(word.split("=")[0], known, line)
            text = (tree.root / words[at]).read_text()
            tree.run("bash -n " + words[at])
            handed = words[at + 1:]
            if " launch " in text:
                handed = [word for i, word in enumerate(handed) if word != "--run" and (i == 0 or handed[i - 1] != "--run")]
                tree.run("raven check " + shlex.join(handed))
            else:
                self.assertIn(" join ", text)
                self.assertEqual(len(handed), 1, line)


def add_document(file):
    def follow(self):
        self.follow(file)
    name = "test_" + re.sub(r"\W+", "_", name_of(file).removesuffix(".md"))
    setattr(Runs, name, follow)


if __name__ == "__main__":
    RAVEN, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    wanted = sys.argv[3:]
    for page in documents(SOURCE):
        runnable = any(f.words and f.words[0] in ("sh", "console") for f in fences(page))
        if runnable and (not wanted or name_of(page) in wanted):
            add_document(page)
    unittest.main(argv=sys.argv[:1], verbosity=2)
