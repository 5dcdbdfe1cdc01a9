"""The fenced blocks of the documents: what they hold, and the commands in them."""

import pathlib
import re
import typing


class Fence(typing.NamedTuple):
    file: pathlib.Path
    line: int
    words: list      # of the info string: language first
    text: str


def documents(source):
    """Every page that a user reads."""
    return sorted([source / "README.md", source / "CONTRIBUTING.md", source / "data/README.md", source / "jobs/README.md",
                   source / "slurm/README.md", *source.glob("docs/**/*.md")])


def fences(file):
    found, begin, info, lines = [], 0, "", None
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if lines is None and line.startswith("```"):
            begin, info, lines = number, line[3:], []
        elif lines is not None and line == "```":
            found.append(Fence(file, begin, info.split(), "\n".join(lines)))
            lines = None
        elif lines is not None:
            lines.append(line)
    if lines is not None:
        raise AssertionError(f"{file}:{begin}: a block that never ends")
    return found


def commands(text):
    """The commands of a block: continued lines put together, comments and empty lines left out."""
    whole = re.sub(r"\\\n\s*", " ", text)
    kept = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in whole.splitlines())
    return [line for line in kept if line]


def inline(file):
    """Commands of this project between single backquotes, outside of blocks."""
    text = re.sub(r"^```.*?^```$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [span for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
            if re.match(r"(raven|scripts/\S+|build/release/programs/\S+|tests/bench/\S+)( |$)", span)]
