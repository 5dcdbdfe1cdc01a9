#include <map>
#include <memory>

#include "cli/console.hpp"
#include "cli/data_verbs.hpp"
#include "cli/figures.hpp"
#include "cli/progress.hpp"

namespace raven {

void declare_import_options(Command verb, ImportArguments& arguments) {
  verb.add_option("--folder", arguments.folder,
                  "where to put train.yaml, valid.yaml and their shards")
      .required();
  verb.add_option("--name", arguments.name, "name of the data set; the folder's when left out");
  verb.add_option("--valid", arguments.valid_fraction, "share to validate with; 0: none")
      .range(0.0, 0.99)
      .capture_default_str();
  verb.add_option("--seed", arguments.seed, "decides all that is random").capture_default_str();
  verb.add_option("--rows-per-shard", arguments.rows_per_shard,
                  "rows in a file; 0: as many as make about 64 MiB")
      .range(std::int64_t{0}, std::int64_t{1} << 40)
      .capture_default_str();
  verb.add_flag("--replace", arguments.replace, "write over a data set that is already there");
}

ImportOptions import_options(const ImportArguments& arguments) {
  const std::filesystem::path folder = arguments.folder;
  std::error_code code;
  if (!arguments.replace && std::filesystem::exists(folder / "train.yaml", code)) {
    throw InputError(Place{(folder / "train.yaml").string()}, "there is a data set already",
                     "name another folder, or add --replace");
  }
  std::string name = arguments.name;
  if (name.empty())
    name = std::filesystem::absolute(folder / "x")
               .lexically_normal()
               .parent_path()
               .filename()
               .string();
  return {.folder = folder,
          .name = name,
          .rows_per_shard = arguments.rows_per_shard,
          .valid_fraction = arguments.valid_fraction,
          .seed = arguments.seed,
          .progress = {}};
}

void print_report(const ImportReport& report) {
  print(report.train.string() + ": " + plural(report.train_rows, "row") + "\n");
  if (report.valid) print(report.valid->string() + ": " + plural(report.valid_rows, "row") + "\n");
}

namespace {

/// Shows progress while `import` runs with the options that the arguments make.
template <class Import>
int run_import(const ImportArguments& arguments, Import import) {
  ImportOptions options = import_options(arguments);
  Progress progress(stderr, "importing", "row");
  options.progress = [&](const ImportProgress& now) {
    // Rows to come are unknown; bytes read tell how far it is.
    progress.update({.done = now.rows,
                     .fraction = now.bytes_total > 0 ? static_cast<double>(now.bytes_read) /
                                                           static_cast<double>(now.bytes_total)
                                                     : -1});
  };
  const ImportReport report = import(options);
  progress.finish();
  print_report(report);
  return exit_done;
}

void declare_idx(Command parent, Action& chosen) {
  struct Arguments {
    std::string images;
    std::string labels;
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb = parent.add_subcommand("idx", "Import images and labels as MNIST has them");
  verb.add_option("images", arguments->images, "IDX file of images, perhaps gzipped").required();
  verb.add_option("labels", arguments->labels, "IDX file of labels").required();
  declare_import_options(verb, arguments->import);
  verb.footer(
      "Examples:\n  raven data import idx train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz "
      "--folder data/mnist");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_idx(arguments->images, arguments->labels, options);
      });
    };
  });
}

void declare_csv(Command parent, Action& chosen) {
  struct Arguments {
    std::string file;
    CsvOptions csv;
    std::string kind = "auto";
    std::string separator = ",";
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb =
      parent.add_subcommand("csv", "Import a table with a header line and numbers below it");
  verb.add_option("file", arguments->file, "the table, perhaps gzipped").required();
  verb.add_option("--target", arguments->csv.target,
                  "column to be predicted; the last one when left out");
  verb.add_option("--kind", arguments->kind,
                  "what the target is: classes, real or auto (found out from the values)")
      .one_of({"auto", "classes", "real"})
      .capture_default_str();
  verb.add_option("--separator", arguments->separator, "between columns: one character, or 'tab'")
      .capture_default_str();
  verb.add_option("--ignore", arguments->csv.ignore,
                  "column to leave out, such as row numbers; may be repeated")
      .allow_extra_args(false);
  declare_import_options(verb, arguments->import);
  verb.footer(R"(Examples:
  raven data import csv wine.csv --target quality --kind real --folder data/wine
  raven data import csv runs.tsv --separator tab --ignore id --folder data/runs)");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      if (arguments->separator == "tab") arguments->separator = "\t";
      if (arguments->separator.size() != 1) {
        throw InputError("--separator is '" + arguments->separator + "', not one character",
                         "write for instance ';' or tab");
      }
      arguments->csv.separator = arguments->separator[0];
      if (arguments->kind == "classes") arguments->csv.target_kind = TargetKind::classes;
      if (arguments->kind == "real") arguments->csv.target_kind = TargetKind::real;
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_csv(arguments->file, arguments->csv, options);
      });
    };
  });
}

void declare_npy(Command parent, Action& chosen) {
  struct Arguments {
    std::string features;
    std::string targets;
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb = parent.add_subcommand("npy", "Import two NumPy arrays, features and targets");
  verb.add_option("features", arguments->features, "array whose first dimension counts samples")
      .required();
  verb.add_option("targets", arguments->targets, "class numbers, or real numbers").required();
  declare_import_options(verb, arguments->import);
  verb.footer("Examples:\n  raven data import npy x.npy y.npy --folder data/mine");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_npy(arguments->features, arguments->targets, options);
      });
    };
  });
}

void declare_npz(Command parent, Action& chosen) {
  struct Arguments {
    std::string file;
    NpzOptions npz;
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb = parent.add_subcommand("npz", "Import two arrays of a NumPy archive");
  verb.add_option("file", arguments->file, "the archive").required();
  verb.add_option("--features", arguments->npz.features, "name of the array of features")
      .capture_default_str();
  verb.add_option("--targets", arguments->npz.targets, "name of the array of targets")
      .capture_default_str();
  declare_import_options(verb, arguments->import);
  verb.footer(
      "Examples:\n  raven data import npz mnist.npz --features x_train --targets y_train --folder "
      "data/mnist");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_npz(arguments->file, arguments->npz, options);
      });
    };
  });
}

void declare_text(Command parent, Action& chosen) {
  struct Arguments {
    std::string file;
    std::string unit = "char";
    TextOptions text;
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb = parent.add_subcommand("text", "Import a text to train a language model on");
  verb.add_option("file", arguments->file, "the text, perhaps gzipped").required();
  verb.add_option("--unit", arguments->unit, "what a token is: char, word or byte_pair")
      .one_of({"char", "word", "byte_pair"})
      .capture_default_str();
  verb.add_option("--vocabulary", arguments->text.vocabulary,
                  "most tokens: rarer words become <unk>, byte pairs are merged up to it")
      .range(2, 1 << 24)
      .capture_default_str();
  verb.add_option("--context", arguments->text.context, "tokens in a window, which is a sample")
      .range(1, 1 << 20)
      .capture_default_str();
  const std::map<std::string, TextOptions::Sequences> kinds{
      {"whole", TextOptions::Sequences::whole}, {"lines", TextOptions::Sequences::lines}};
  verb.add_choice("--sequences", arguments->text.sequences, kinds,
                  "whole: one stream, whose end is to validate (default); lines: each line is one")
      .type_name("whole|lines");
  declare_import_options(verb, arguments->import);
  verb.footer(R"(Examples:
  raven data import text story.txt --context 64 --folder data/story
  raven data import text story.txt --unit word --vocabulary 10000 --context 20 --folder data/words
  raven data import text story.txt --unit byte_pair --vocabulary 1024 --folder data/pairs

A row of the data set is a window; every token but a sequence's first is asked for once per epoch.)");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      for (const TokenUnit unit : {TokenUnit::character, TokenUnit::word, TokenUnit::byte_pair}) {
        if (arguments->unit == to_string(unit)) arguments->text.unit = unit;
      }
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_text(arguments->file, arguments->text, options);
      });
    };
  });
}

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
  verb.add_option("--like", options.like,
                  "a manifest whose words and classes to take: for another part of the same data");
}

void declare_conll(Command parent, Action& chosen) {
  struct Arguments {
    std::string file;
    ConllOptions conll;
    bool no_comments = false;
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb =
      parent.add_subcommand("conll", "Import sentences with a tag for each word, in columns");
  verb.add_option("file", arguments->file, "a word a line, a blank line after each sentence")
      .required();
  verb.add_option("--word", arguments->conll.word, "column of words: its number, from 1, or name")
      .capture_default_str();
  verb.add_option("--tag", arguments->conll.tag, "column of tags; the last one when left out");
  verb.add_option("--columns", arguments->conll.columns,
                  "names of all columns in order; else a line '# global.columns = ...' names them")
      .delimiter(',');
  verb.add_option("--ignore", arguments->conll.ignore,
                  "a tag that says nothing, such as _: nothing is asked of its words");
  verb.add_flag("--no-comments", arguments->no_comments,
                "lines between sentences that begin with # are words, too");
  declare_words(verb, arguments->conll);
  declare_import_options(verb, arguments->import);
  verb.footer(R"(Examples:
  raven data import conll eng.train --folder data/names --least 2
  raven data import conll en-ud-train.conllu.gz --word 2 --tag 4 --folder data/speech
  raven data import conll chunks.txt --columns word,pos,chunk --tag pos --folder data/pos

Columns are parted by tabs, or by blanks where a line has no tab. A row of the data set is a sentence.)");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      arguments->conll.comments = !arguments->no_comments;
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_conll(arguments->file, arguments->conll, options);
      });
    };
  });
}

void declare_tree(Command parent, Action& chosen) {
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
  declare_words(verb, arguments->trees);
  declare_import_options(verb, arguments->import);
  verb.footer(R"(Examples:
  raven data import tree trees/train.txt --valid 0 --folder data/sst
  raven data import tree trees/dev.txt --valid 0 --like data/sst/train.yaml --folder data/sst_dev
  raven data import tree wsj.mrg --targets root --least 2 --folder data/wsj

A node with one child becomes one with it and keeps the upper label. Nodes may have any number of children;
one without a label is asked for nothing. A row of the data set is a tree.)");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      arguments->trees.targets = tree_targets(arguments->targets);
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_tree(arguments->file, arguments->trees, options);
      });
    };
  });
}

}  // namespace

void declare_tree_targets(Command verb, std::string& targets) {
  verb.add_option("--targets", targets,
                  "what is to be predicted: the class of each of its nodes, or that of its root")
      .one_of({"nodes", "root"})
      .capture_default_str();
}

TargetKind tree_targets(const std::string& targets) {
  return targets == "root" ? TargetKind::classes : TargetKind::tags;
}

void declare_data_import(Command parent, Action& chosen) {
  Command verb = parent.add_subcommand("import", "Turn data of other formats into a data set");
  verb.require_subcommand(1);
  verb.footer(
      "Examples:\n  raven data import csv wine.csv --target quality --folder data/wine\n"
      "  raven data import npz mnist.npz --features x_train --targets y_train --folder data/mnist");
  declare_idx(verb, chosen);
  declare_csv(verb, chosen);
  declare_npy(verb, chosen);
  declare_npz(verb, chosen);
  declare_text(verb, chosen);
  declare_conll(verb, chosen);
  declare_tree(verb, chosen);
}

}  // namespace raven
