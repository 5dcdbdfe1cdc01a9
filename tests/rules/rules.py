"""The architecture as a test: prints one line for everything in the source tree that breaks a rule.

usage: rules.py RULE [ROOT]     RULE is one of the functions below whose name starts with check_
"""
import os
import re
import sys

MAX_LINES = {".hpp": 250, ".cpp": 500}
TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "cmake",
             "data", "docs", "include", "jobs", "scripts", "slurm", "src", "tests", "build", "runs"}
# Library by the beginning of its headers' names, and the rooms whose sources may include it. No public header may.
THIRD_PARTY = {
    "openssl/": {"core", "ledger"},
    "sodium": {"ledger"},
    "cblas": {"tensor"}, "openblas": {"tensor"}, "f77blas": {"tensor"},
    "tbb/": {"tensor"}, "oneapi/": {"tensor"}, "hwy/": {"tensor"},
    "hdf5": {"data", "cluster"}, "H5": {"data", "cluster"},
    "zlib": {"data"}, "zstd": {"data"},
    "mpi": {"transport"},
    "yaml-cpp/": {"job"},
    "nlohmann/": {"data", "cluster", "ledger", "job", "cli"},
    "CLI/": {"cli"}, "fmt/": {"cli"},
}
# The system's own headers with a '.' in their names; everything else with one is a library that is not listed above.
SYSTEM = re.compile(r"(sys|net|netinet|arpa|linux)/\w+\.h$|(unistd|fcntl|dlfcn|netdb|poll|pthread|sched|signal|spawn|termios|"
                    r"ifaddrs|cxxabi|immintrin|dirent|unwind)\.h$")
# Both rooms that speak HDF5 share one way to own its handles. Nothing else crosses rooms beside public headers.
SHARED_PRIVATE = {("cluster", "data/hdf5_output.hpp")}
# What data, jobs, peers and file names hold is made printable in these two places; see cli/console.hpp.
PRINTING = {"src/cli/console.cpp", "src/cli/progress.cpp"}
# These stop the process, or speak where nothing may throw, and say constant words alone.
CONSTANT_WORDS = {"include/raven/core/contract.hpp"}
PRINTS = re.compile(r"\b(?:cout|cerr|clog|perror|putchar|puts|printf|vprintf)\b|"
                    r"\b(?:fputs|fwrite|fputc|putc|fprintf|vfprintf|print)\s*\(((?:[^();]|\([^();]*\))*)\)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def files(root, folders, endings):
    for folder in folders:
        for where, inner, names in os.walk(os.path.join(root, folder)):
            inner.sort()
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(where, name), root)


def text_of(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def includes(root, path):
    text = text_of(root, path)
    for found in INCLUDE.finditer(text):
        yield text.count("\n", 0, found.start(2)) + 1, found.group(1), found.group(2)


def room_of(path):
    parts = path.split("/")
    if path == "include/raven/raven.hpp":
        return "cli"  # the one header for programs of others: all rooms are below it
    return parts[2] if parts[0] == "include" else parts[1]


def layers(root):
    """{room: rooms it may use}, from cmake/layers.txt."""
    table = {}
    for line in text_of(root, "cmake/layers.txt").splitlines():
        if re.match(r"[a-z]+:", line):
            room, below = line.split(":")
            table[room] = set(below.split())
    return table


def check_layers(root):
    table = layers(root)
    seen = set()
    for room, below in table.items():
        for stranger in below - seen:
            yield f"cmake/layers.txt: {room} may use {stranger}, which is no room above it in the list"
        seen.add(room)
    for path in files(root, ["include/raven", "src"], (".hpp", ".cpp")):
        room = room_of(path)
        if room not in table:
            yield f"{path}: {room} is no room of cmake/layers.txt"
            continue
        for line, kind, header in includes(root, path):
            if header.startswith(".") or "/../" in header:
                yield f"{path}:{line}: {header} climbs through folders; begin with the room's name"
                continue
            if kind == '"' and os.path.exists(os.path.join(root, os.path.dirname(path), header)):
                continue  # beside it, so of the same room
            public = header.startswith("raven/")
            other = header.split("/")[1 if public else 0]
            if other == room and (public or path.startswith("src/")):
                continue
            if other not in table:
                continue
            if not public and (room, header) not in SHARED_PRIVATE:
                yield f"{path}:{line}: {header} is private to {other}; include a header of include/raven"
            elif other not in table[room]:
                yield f"{path}:{line}: {room} may not use {other} (cmake/layers.txt)"


def check_third_party(root):
    rooms = layers(root)
    for path in files(root, ["include/raven", "src"], (".hpp", ".cpp")):
        for line, kind, header in includes(root, path):
            if kind == '"' or header.split("/")[0] in {"raven", *rooms}:
                continue
            allowed = next((rooms for begin, rooms in THIRD_PARTY.items() if header.startswith(begin)), None)
            if path.startswith("include/") and (allowed is not None or "." in header):
                yield f"{path}:{line}: <{header}> in a public header; only the standard library may be there"
            elif allowed is None and "." in header and not SYSTEM.match(header):
                yield f"{path}:{line}: <{header}> belongs to a library that tests/rules/rules.py does not list"
            elif allowed is not None and room_of(path) not in allowed:
                yield f"{path}:{line}: <{header}> is for {', '.join(sorted(allowed))}, not for {room_of(path)}"


def check_sizes(root):
    for path in files(root, ["include", "src", "tests"], tuple(MAX_LINES)):
        lines = text_of(root, path).count("\n")
        limit = MAX_LINES[os.path.splitext(path)[1]]
        if lines > limit:
            yield f"{path}: {lines} lines, of {limit} that still read well; split it by subject"


def check_words(root):
    # Put together here, so that this file does not find itself.
    words = {"march=" + "native": "a build for this one CPU; nodes differ", "mtune=" + "native": "as above",
             "TO" + "DO": "do it or drop it", "FIX" + "ME": "do it or drop it", "XX" + "X": "do it or drop it"}
    paths = [*files(root, ["include", "src", "tests", "cmake", "scripts", "slurm", "jobs"], ""),
             "CMakeLists.txt", "CMakePresets.json"]
    for path in paths:
        if path.endswith((".pyc", ".json.gz", ".h5", ".bin", ".golden", ".idx", ".png")):
            continue
        try:
            text = text_of(root, path)
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        for word, reason in words.items():
            for found in re.finditer(r"(?<![A-Za-z])" + re.escape(word) + r"(?![A-Za-z])", text):
                yield f"{path}:{text.count(chr(10), 0, found.start()) + 1}: {word} ({reason})"


def check_headers(root):
    for path in files(root, ["include", "src"], (".hpp",)):
        text = text_of(root, path)
        public = path.startswith("include/")
        # Highway's per-target headers are included several times by design.
        if not text.startswith("#pragma once\n") and not path.endswith("-inl.hpp"):
            yield f"{path}:1: a header begins with #pragma once"
        if re.search(r"^\s*using\s+namespace\b", text, re.MULTILINE):
            yield f"{path}: using namespace in a header reaches everybody who includes it"
        macro = re.search(r"^\s*#\s*define\s+(\w+)", text, re.MULTILINE) if public else None
        if macro:
            yield f"{path}: the macro {macro.group(1)} in a public header"


def check_printing(root):
    for path in files(root, ["include", "src"], (".hpp", ".cpp")):
        if path in PRINTING | CONSTANT_WORDS:
            continue
        # Comments, and the examples that --help shows, print nothing.
        text = re.sub(r'R"\((.*?)\)"|//[^\n]*', lambda at: re.sub(r"[^\n]", " ", at.group()), text_of(root, path), flags=re.S)
        for found in PRINTS.finditer(re.sub(r'"(?:[^"\\\n]|\\.)*"', lambda at: '"' + " " * (len(at.group()) - 2) + '"', text)):
            words = found.group(1)
            if words is not None and (not re.search(r"\bstd(?:out|err)\b", words) or
                                      re.fullmatch(r'(?:\s*"\s*"\s*)+,\s*(?:std::)?stderr\s*', words)):
                continue
            yield (f"{path}:{text.count(chr(10), 0, found.start()) + 1}: writes to the terminal by itself; "
                   "cli/console.hpp has functions that escape what a terminal obeys")


def check_top_level(root):
    for name in sorted(os.listdir(root)):
        if not name.startswith(".") and not name.startswith("build") and name not in TOP_LEVEL:
            yield f"{name}: not a name that belongs at the top (tests/rules/rules.py lists them)"


RULES = {name[len("check_"):]: rule for name, rule in list(globals().items()) if name.startswith("check_")}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in RULES:
        sys.exit(f"usage: rules.py RULE [ROOT], where RULE is one of {', '.join(RULES)}")
    root = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(__file__), "..", "..")
    broken = list(RULES[sys.argv[1]](root))
    print("\n".join(broken) if broken else f"{sys.argv[1]}: all is well")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
