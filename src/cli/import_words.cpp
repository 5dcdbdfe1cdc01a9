#include <memory>

#include "cli/import_verbs.hpp"

namespace raven {
namespace {

/// What both importers of words are told about their vocabulary.
template <class Options>
void declare_words(Command verb, Options& options) {
  verb.add_option("--vocabulary", options.vocabulary, "most tokens: rarer words become <unk>")
      .range(2, 1 << 24)
      .capture_default_str();
  verb.add_option("--least", options.least,
                  "words that stand less often in what is trained on become <unk>")
      .range(std::int64_t{1}, std::int64_t{1} << 40)
      .capture_default_str();
}

}  // namespace

void declare_import_conll(Command parent, Action& chosen) {
  struct Arguments {
    std::string file;
    ConllOptions conll;
    bool comments = false;
    bool no_comments = false;
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb =
      parent.add_subcommand("conll", "Import sentences with a tag for each word, in columns");
  verb.add_option("file", arguments->file, "a word a line, a blank line after each sentence")
      .required();
  verb.add_option("--word", arguments->conll.word,
                  "column of words: its number, from 1, or name; FORM or the first when left out");
  verb.add_option("--tag", arguments->conll.tag,
                  "column of tags; UPOS or the last one when left out");
  verb.add_option("--columns", arguments->conll.columns,
                  "names of all columns in order; else a line '# global.columns = ...' names them")
      .delimiter(',');
  verb.add_option("--ignore", arguments->conll.ignore,
                  "a tag that says nothing, such as _: nothing is asked of its words");
  const Option comments = verb.add_flag("--comments", arguments->comments,
                                        "lines between sentences that begin with # are no words");
  verb.add_flag("--no-comments", arguments->no_comments, "they are words, too").excludes(comments);
  declare_words(verb, arguments->conll);
  declare_part_options(verb, arguments->import);
  verb.footer(R"(Examples:
  raven data import conll eng.train --folder data/names --least 2
  raven data import conll en-ud-train.conllu.gz --folder data/speech
  raven data import conll chunks.txt --columns word,pos,chunk --tag pos --folder data/pos

Columns are parted by tabs, or by blanks where the first word's line has no tab. CoNLL-U is recognised by a name
that ends with .conllu or .conllu.gz, or by ten columns of which the first numbers the words; words are then
FORM, and tags UPOS. Ranges (1-2) and empty words (1.1) in a column that numbers the words are left out.
A row of the data set is a sentence.)");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      using Hash = ConllOptions::Hash;
      if (arguments->comments) arguments->conll.hash = Hash::comments;
      if (arguments->no_comments) arguments->conll.hash = Hash::words;
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_conll(arguments->file, arguments->conll, options);
      });
    };
  });
}

void declare_import_tree(Command parent, Action& chosen) {
  struct Arguments {
    std::string file;
    TreeOptions trees;
    std::string targets = "nodes";
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb = parent.add_subcommand("tree", "Import trees in brackets: (3 (2 It) (4 works))");
  verb.add_option("file", arguments->file, "the trees, perhaps gzipped, over any number of lines")
      .required();
  declare_tree_targets(verb, arguments->targets);
  verb.add_flag("--traces", arguments->trees.traces,
                "keep elements without a word, (-NONE- *T*-1); they are left out otherwise");
  verb.add_flag("--categories", arguments->trees.categories,
                "cut functions and indices off labels: NP-SBJ-1 becomes NP");
  declare_words(verb, arguments->trees);
  declare_part_options(verb, arguments->import);
  verb.footer(R"(Examples:
  raven data import tree trees/train.txt --valid 0 --folder data/sst
  raven data import tree trees/dev.txt --valid 0 --like data/sst/train.yaml --folder data/sst_dev
  raven data import tree wsj.mrg --categories --least 2 --folder data/wsj

A node with one child becomes one with it and keeps the upper label, but ROOT, TOP, S1 and a bare bracket
around a whole tree are taken off. Nodes may have any number of children; one without a label is asked for
nothing. Words are taken as they are written, brackets of the text as -LRB- and -RRB-. A row of the data set
is a tree.)");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      arguments->trees.targets = tree_targets(arguments->targets);
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_tree(arguments->file, arguments->trees, options);
      });
    };
  });
}

void declare_tree_targets(Command verb, std::string& targets) {
  verb.add_option("--targets", targets,
                  "what is to be predicted: the class of each of its nodes, or that of its root")
      .one_of({"nodes", "root"})
      .capture_default_str();
}

TargetKind tree_targets(const std::string& targets) {
  return targets == "root" ? TargetKind::classes : TargetKind::tags;
}

}  // namespace raven
