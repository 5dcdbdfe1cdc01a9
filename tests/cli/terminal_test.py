"""Nothing that data, jobs, peers or file names hold reaches a terminal raw, from any verb.

Each verb is given names with escape sequences, 8-bit control characters and marks that turn text around, in every place
where a name can stand; what it prints holds none of them.

usage: terminal_test.py RAVEN
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

RAVEN = None
DONE, MISTAKE = 0, 2
# ESC ]0; sets a window's title; 0x9b is CSI in one byte; U+009B the same in UTF-8; U+202E turns what follows around.
UGLY = "u\033]0;title\007\033[2J\x7f\u009b31m\u202eg\u2066ly"
RAW_BYTE = b"\x9b31m"
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069\ufffd]")
RUN_JOB = """\
name: small
seed: 1
data: {train: TRAIN}
model:
  - linear: {features: 2}
loss: cross_entropy
optimizer: {sgd: {rate: 0.1}}
train: {epochs: 1, batch: 4}
"""
SPEAKER_JOB = """\
name: speaker
seed: 1
data: {train: text/train.yaml}
model:
  - embedding: {width: 4}
  - linear: {features: 3}
loss: cross_entropy
optimizer: {sgd: {rate: 0.1}}
train: {epochs: 1, batch: 4}
"""


def raven(*words, folder=None):
    return subprocess.run([RAVEN, *[os.fspath(word) for word in words]], capture_output=True, timeout=600, cwd=folder)


def on_a_terminal(*words, folder):
    """What a terminal gets as stdout and stderr."""
    main, side = pty.openpty()
    variables = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    process = subprocess.Popen([RAVEN, *map(str, words)], stdout=side, stderr=side, cwd=folder,
                               env={**variables, "TERM": "xterm"})
    os.close(side)
    text = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(main)
    return process.wait(timeout=600), text


def verbs(path=()):
    """Every verb below `path`, as told by --help."""
    text = raven(*path, "--help").stdout.decode()
    if "\nSubcommands:\n" not in text:
        return [path] if path else []
    listed = text.split("\nSubcommands:\n")[1].split("\n\n")[0]
    found = [(*path, line.split()[0]) for line in listed.splitlines() if re.match(r"^  [a-z]", line)]
    return [deeper for verb in found for deeper in verbs(verb)]


class Terminal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="raven-terminal-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        (cls.folder / "table.csv").write_text(
            f"x,{UGLY},y\n" + f"0.5,2,{UGLY}\n1.5,2,b\n2.5,3,{UGLY}\n3.5,4,b\n" * 5)
        (cls.folder / "words.conll").write_text(f"{UGLY} {UGLY}\nb B\n\n" * 20)
        (cls.folder / "trees.txt").write_text(f"({UGLY} (a {UGLY}) (b c))\n" * 20)
        (cls.folder / "text.txt").write_text("\033a\n" * 200)
        (cls.folder / "job.yaml").write_text(RUN_JOB.replace("TRAIN", "table/train.yaml"))
        (cls.folder / "ugly.yaml").write_text(RUN_JOB.replace("name: small", "name: " + json.dumps(UGLY)))
        (cls.folder / "speaker.yaml").write_text(SPEAKER_JOB)
        for kind, file in (("csv", "table.csv"), ("conll", "words.conll"), ("tree", "trees.txt"), ("text", "text.txt")):
            cls.clean(cls, raven("data", "import", kind, file, "--folder", file.split(".")[0], "--valid", "0",
                                 "--name", UGLY, folder=cls.folder))
        for job in ("job", "speaker"):
            cls.clean(cls, raven("train", job + ".yaml", "--run", job, folder=cls.folder))

    def clean(self, result, code=DONE):
        for stream in (result.stdout, result.stderr):
            text = stream.decode()  # nor bytes that are not UTF-8
            found = FORBIDDEN.search(text)
            assert not found, (result.args, text)
        assert result.returncode == code, (result.args, result.returncode, result.stderr)
        return result.stdout.decode()

    def test_names_in_data_jobs_and_runs(self):
        for words in (("data", "show", "table/train.yaml"), ("data", "show", "table/train.yaml", "--json"),
                      ("data", "show", "words/train.yaml", "--sample", "0"), ("data", "verify", "trees/train.yaml"),
                      ("check", "job.yaml"), ("check", "job.yaml", "--json"), ("status", "job"), ("status", "job", "--json"),
                      ("evaluate", "job", "--data", "table/train.yaml"),
                      ("evaluate", "job", "--data", "table/train.yaml", "--json"),
                      ("predict", "job", "--data", "table/train.yaml", "--out", "p.npy"),
                      ("export", "job", "--out", "w.npz"),
                      ("train", "job.yaml", "--run", "again")):
            self.clean(raven(*words, folder=self.folder))

    def test_json_stays_json_and_says_the_same(self):
        said = json.loads(self.clean(raven("data", "show", "table/train.yaml", "--json", folder=self.folder)))
        self.assertEqual(said["name"], UGLY + "-train")

    def test_every_verb_refuses_ugly_words_in_clean_ones(self):
        found = verbs()
        self.assertGreater(len(found), 20)
        for verb in found:
            with self.subTest(verb=verb):
                for words in ([UGLY], [UGLY + "/a", UGLY + "/b"], ["--" + UGLY], [RAW_BYTE], ["--folder", UGLY, "--seed", UGLY]):
                    result = raven(*verb, *words, folder=self.folder)
                    self.clean(result, result.returncode)
        self.clean(raven(UGLY), MISTAKE)

    def test_mistakes_in_data_are_told_in_clean_words_of_one_line(self):
        (self.folder / "broken.conll").write_text(f"a {UGLY}\nb {UGLY} c\n")
        (self.folder / "broken.csv").write_text(f"{UGLY},y\n{UGLY},1\n{UGLY},2\n")
        (self.folder / "broken.txt").write_text(f"(1 (2 {UGLY} {UGLY}))")
        (self.folder / "broken.yaml").write_text(f"? {json.dumps(UGLY + chr(10) + 'raven: all is well')}\n: 1\n")
        for words in (("data", "import", "conll", "broken.conll", "--folder", "x"),
                      ("data", "import", "csv", "broken.csv", "--folder", "x"),
                      ("data", "import", "tree", "broken.txt", "--folder", "x"), ("check", "broken.yaml"),
                      ("check", "job.yaml", "--set", f"name={RAW_BYTE.decode('latin-1')}\n"),
                      ("explain", UGLY), ("check", "ugly.yaml"), ("train", "ugly.yaml"), ("launch", "ugly.yaml"), ("status", UGLY + "\nraven: all is well")):
            result = raven(*words, folder=self.folder)
            if result.returncode != DONE:
                self.clean(result, MISTAKE)
            for line in result.stderr.decode().splitlines():
                self.assertTrue(line.startswith("raven: ") and "raven: all is well" != line, line)

    def test_words_of_a_peer_in_a_status(self):
        status = json.loads((self.folder / "job/status.json").read_text())
        self.assertTrue(status["contributors"])
        for contributor in status["contributors"]:
            contributor.update(node=UGLY, state=UGLY)
        shutil.copytree(self.folder / "job", self.folder / "told")
        (self.folder / "told/status.json").write_text(json.dumps(status, ensure_ascii=False))
        self.assertIn("]0;title", self.clean(raven("status", "told", folder=self.folder)))
        self.clean(raven("status", "told", "--json", folder=self.folder))

    def test_a_sampled_text_is_raw_in_a_file_and_escaped_on_a_terminal(self):
        words = ("sample", "speaker", "--prompt", "\033a\n", "--tokens", "40", "--temperature", "5")
        result = raven(*words, folder=self.folder)
        self.assertEqual(result.returncode, DONE, result.stderr)
        self.assertGreater(result.stdout.count(b"\033"), 1)
        code, shown = on_a_terminal(*words, folder=self.folder)
        self.assertEqual(code, DONE)
        self.assertEqual(shown.replace(b"\r\n", b"\n").replace(b"\\u001b", b"\033"), result.stdout)
        self.assertNotIn(b"\033", shown)

    def test_what_raven_itself_says_to_a_terminal_remains(self):
        code, shown = on_a_terminal("status", UGLY, folder=self.folder)
        self.assertEqual(code, MISTAKE)
        self.assertTrue(shown.startswith(b"\033[1;31mraven:\033[0m u\\u001b]0;title"), shown)
        self.assertEqual(shown.count(b"\033"), 2)
        code, shown = on_a_terminal("train", "job.yaml", "--run", "drawn", folder=self.folder)
        self.assertEqual(code, DONE)
        plain = re.sub(rb"\033\[1m|\033\[0m|\033\[K|\r", b"", shown).decode()
        self.assertIsNone(FORBIDDEN.search(plain), plain)


if __name__ == "__main__":
    RAVEN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
