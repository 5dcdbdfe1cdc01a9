"""Each rule finds what it is there for: a small tree that keeps all rules is broken in one place at a time."""
import os
import tempfile
import unittest

import rules

SOUND = {
    "CMakeLists.txt": "",
    "CMakePresets.json": "{}",
    "cmake/layers.txt": "# rooms\ncore:\ndata: core\ncluster: core data\ncli: core\n",
    "include/raven/core/error.hpp": "#pragma once\n\n#include <string>\n",
    "src/core/error.cpp": '#include "raven/core/error.hpp"\n#include <openssl/evp.h>\n#include <unistd.h>\n',
    "src/data/shard.cpp": '#include "data/shard.hpp"\n#include "raven/core/error.hpp"\n#include <hdf5.h>\n',
    "src/data/shard.hpp": "#pragma once\n",
    "src/cli/console.cpp": "void say(const char* x) { std::fputs(x, stdout); }\n",
    "src/cli/say.cpp": '// To stdout: printf(x).\nvoid f() { print(x); std::fputs(\n"a "\n"b", stderr); std::fwrite(p, 1, n, f); }\n',
    "src/cluster/a.cpp": '#include "data/hdf5_output.hpp"\n',
}

BROKEN = [
    ("layers", {"src/core/up.cpp": '#include "raven/data/shard.hpp"\n'}, "src/core/up.cpp:1: core may not use data"),
    ("layers", {"include/raven/core/up.hpp": '#pragma once\n#include <raven/data/x.hpp>\n'}, "core may not use data"),
    ("layers", {"src/cluster/b.cpp": '#include "data/shard.hpp"\n'}, "private to data"),
    ("layers", {"include/raven/data/b.hpp": '#pragma once\n#include "data/shard.hpp"\n'}, "private to data"),
    ("layers", {"src/core/c.cpp": '#include "../data/shard.hpp"\n'}, "climbs"),
    ("layers", {"src/attic/a.cpp": ""}, "attic is no room"),
    ("layers", {"cmake/layers.txt": "core: data\ndata: core\ncluster: core data\ncli: core\n"}, "core may use data"),
    ("third_party", {"src/core/h.cpp": "#include <hdf5.h>\n"}, "is for cluster, data, not for core"),
    ("third_party", {"src/data/m.cpp": "#  include <mpi.h>\n"}, "is for transport"),
    ("third_party", {"src/data/m.cpp": "#include <boost/any.hpp>\n"}, "does not list"),
    ("third_party", {"include/raven/data/h.hpp": "#pragma once\n#include <hdf5.h>\n"}, "public header"),
    ("third_party", {"include/raven/data/h.hpp": "#pragma once\n#include <unistd.h>\n"}, "public header"),
    ("sizes", {"include/raven/core/long.hpp": "#pragma once\n" + "\n" * 250}, "251 lines"),
    ("sizes", {"tests/core/long_test.cpp": "\n" * 501}, "501 lines"),
    ("words", {"CMakeLists.txt": "add_compile_options(-march=" + "native)\n"}, "CMakeLists.txt:1: march="),
    ("words", {"src/core/later.cpp": "\n// TO" + "DO: later\n"}, "src/core/later.cpp:2: TO"),
    ("headers", {"src/core/x.hpp": "// first\n#pragma once\n"}, "begins with #pragma once"),
    ("headers", {"include/raven/core/x.hpp": "#pragma once\nusing namespace std;\n"}, "using namespace"),
    ("headers", {"include/raven/core/x.hpp": "#pragma once\n#define RAVEN_X 1\n"}, "macro RAVEN_X"),
    ("printing", {"src/data/p.cpp": "void f() {\n  std::fputs(name.c_str(), stderr);\n}\n"}, "src/data/p.cpp:2: writes to"),
    ("printing", {"src/cli/p.cpp": "void f() { std::cerr << name; }\n"}, "src/cli/p.cpp:1: writes to"),
    ("printing", {"src/cli/p.cpp": 'void f() { std::fprintf(stdout, "%s", name); }\n'}, "src/cli/p.cpp:1: writes to"),
    ("top_level", {"notes.txt": ""}, "notes.txt"),
]


def findings(rule, tree):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**SOUND, **tree}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return list(rules.RULES[rule](root))


class RulesTest(unittest.TestCase):
    def test_a_sound_tree_breaks_no_rule(self):
        for rule in rules.RULES:
            self.assertEqual(findings(rule, {}), [], rule)

    def test_every_rule_finds_what_breaks_it(self):
        for rule, tree, expected in BROKEN:
            found = findings(rule, tree)
            self.assertEqual(len(found), 1, (rule, tree, found))
            self.assertIn(expected, found[0])

    def test_every_rule_has_a_tree_that_breaks_it(self):
        self.assertEqual({rule for rule, _, _ in BROKEN}, set(rules.RULES))


if __name__ == "__main__":
    unittest.main()
