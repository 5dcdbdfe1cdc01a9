
#include "cli/console.hpp"
#include "cli/data_verbs.hpp"
#include "cli/figures.hpp"
#include "cli/progress.hpp"
#include "raven/core/new_file.hpp"
#include "raven/data/digits.hpp"
#include "raven/data/language.hpp"
#include "raven/data/story.hpp"
#include "raven/data/table.hpp"

namespace raven {
namespace {

constexpr std::int64_t most_rows = 1'000'000'000;

struct DigitsOptions {
  std::int64_t count = 20000;
  ImportArguments import;
};

/// Shows progress while `make` makes so many samples to train on, and those to validate.
template <class Make>
int make_data(std::int64_t count, const ImportArguments& arguments, const char* doing,
              const char* what, Make make) {
  ImportOptions import = import_options(arguments);
  Progress progress(stderr, doing, what);
  const std::int64_t all =
      count + static_cast<std::int64_t>(static_cast<double>(count) * arguments.valid_fraction);
  import.progress = [&](const ImportProgress& now) {
    progress.update({.done = now.rows, .total = all});
};
const ImportReport report = make(import);
progress.finish();
print_report(report);
return exit_done;
}  // namespace

void declare_digits(Command parent, Action& chosen) {
  const auto options = std::make_shared<DigitsOptions>();
  Command verb =
      parent.add_subcommand("digits", "Draw handwriting-like digits, 28 x 28, ten classes");
  verb.add_option("--count", options->count, "digits to train on; those to validate come on top")
      .range(std::int64_t{1}, most_rows)
      .capture_default_str();
  declare_import_options(verb, options->import);
  verb.footer(R"(Examples:
  raven data make digits --count 20000 --folder data/digits
  raven data make digits --count 500 --seed 7 --folder data/few --rows-per-shard 100

The same seed gives the same digits; a larger count begins with the same ones.)");
  verb.callback([options, &chosen] {
    chosen = [options](Programs) {
      return make_data(options->count, options->import, "drawing", "digit",
                       [&](const ImportOptions& to) { return make_digits(options->count, to); });
    };
  });
}

struct TableOptions {
  std::int64_t count = 5000;
  std::uint64_t seed = 1;
  std::string file;
  bool replace = false;
};

int make_table_data(const TableOptions& options) {
  std::error_code code;
  if (!options.replace && std::filesystem::exists(options.file, code)) {
    throw InputError(Place{options.file}, "this file exists already",
                     "name another one, or add --replace");
  }
  make_table(options.count, options.seed, output_place(options.file));
  print(options.file + ": " + plural(options.count, "row") + "\nNext: raven data import csv " +
        options.file + " --target outcome --folder FOLDER\n");
  return exit_done;
}

void declare_table(Command parent, Action& chosen) {
  const auto options = std::make_shared<TableOptions>();
  Command verb = parent.add_subcommand(
      "table", "Make up a CSV of machines: ten measurements and what became of them");
  verb.add_option("--count", options->count, "rows")
      .range(std::int64_t{1}, most_rows)
      .capture_default_str();
  verb.add_option("--seed", options->seed, "the same seed gives the same rows")
      .capture_default_str();
  verb.add_option("--file", options->file, "the CSV to write").required();
  verb.add_flag("--replace", options->replace, "overwrite the file if it exists");
  verb.footer(R"(Examples:
  raven data make table --count 5000 --file data/machines.csv
  raven data import csv data/machines.csv --target outcome --folder data/machines)");
  verb.callback(
      [options, &chosen] { chosen = [options](Programs) { return make_table_data(*options); }; });
}

struct StoryOptions {
  std::int64_t bytes = 1'000'000;
  std::uint64_t seed = 1;
  std::string file;
  bool replace = false;
};

int make_story_data(const StoryOptions& options) {
  std::error_code code;
  if (!options.replace && std::filesystem::exists(options.file, code)) {
    throw InputError(Place{options.file}, "this file exists already",
                     "name another one, or add --replace");
  }
  make_story(options.bytes, options.seed, output_place(options.file));
  print(options.file + ": about " + plural(options.bytes, "byte") +
        "\nNext: raven data import text " + options.file + " --folder FOLDER\n");
  return exit_done;
}

void declare_story(Command parent, Action& chosen) {
  const auto options = std::make_shared<StoryOptions>();
  Command verb = parent.add_subcommand(
      "story", "Make up a text of plain English sentences, to train language models on");
  verb.add_option("--bytes", options->bytes, "length of the text, to the end of its last sentence")
      .range(std::int64_t{1}, most_rows)
      .capture_default_str();
  verb.add_option("--seed", options->seed, "the same seed gives the same text")
      .capture_default_str();
  verb.add_option("--file", options->file, "the text file to write").required();
  verb.add_flag("--replace", options->replace, "overwrite the file if it exists");
  verb.footer(R"(Examples:
  raven data make story --bytes 1000000 --file data/story.txt
  raven data import text data/story.txt --context 64 --folder data/story)");
  verb.callback(
      [options, &chosen] { chosen = [options](Programs) { return make_story_data(*options); }; });
}

struct LanguageOptions {
  std::int64_t count = 5000;
  std::int32_t vocabulary = 1000;
  std::string targets = "nodes";  ///< trees
  ImportArguments import;
};

void declare_language(Command verb, LanguageOptions& options, const char* what) {
  verb.add_option("--count", options.count,
                  std::string(what) + " to train on; those to validate come on top")
      .range(std::int64_t{1}, most_rows)
      .capture_default_str();
  verb.add_option("--vocabulary", options.vocabulary, "different words, <unk> among them")
      .range(least_made_words, most_made_words)
      .capture_default_str();
}

void declare_tags(Command parent, Action& chosen) {
  const auto options = std::make_shared<LanguageOptions>();
  Command verb = parent.add_subcommand(
      "tags", "Make up sentences of 5 to 40 words with a part of speech for each");
  declare_language(verb, *options, "sentences");
  declare_import_options(verb, options->import);
  verb.footer(R"(Examples:
  raven data make tags --count 5000 --folder data/tags
  raven data show data/tags/train.yaml --sample 0

What surrounds a word tells its tag; the word alone does so for 6 in 10 of most words.)");
  verb.callback([options, &chosen] {
    chosen = [options](Programs) {
      return make_data(options->count, options->import, "making up", "sentence",
                       [&](const ImportOptions& to) {
                         return make_tags(options->count, options->vocabulary, to);
                       });
    };
  });
}

void declare_trees(Command parent, Action& chosen) {
  const auto options = std::make_shared<LanguageOptions>();
  Command verb = parent.add_subcommand(
      "trees", "Make up binary trees of 5 to 40 words, bad to good, with words that turn branches");
  declare_language(verb, *options, "trees");
  declare_tree_targets(verb, options->targets);
  declare_import_options(verb, options->import);
  verb.footer(R"(Examples:
  raven data make trees --count 5000 --folder data/trees
  raven data make trees --count 5000 --targets root --folder data/roots
  raven data show data/trees/train.yaml --sample 0

'not' and the like turn what their branch is worth, 'very' and the like double it.)");
  verb.callback([options, &chosen] {
    chosen = [options](Programs) {
      return make_data(options->count, options->import, "growing", "tree",
                       [&](const ImportOptions& to) {
                         return make_trees(options->count, options->vocabulary,
                                           tree_targets(options->targets), to);
                       });
    };
  });
}

}  // namespace raven

void declare_data_make(Command parent, Action& chosen) {
  Command verb = parent.add_subcommand("make", "Make data to try things with");
  verb.require_subcommand(1);
  verb.footer(
      "Examples:\n  raven data make digits --count 20000 --folder data/digits\n"
      "  raven data make table --count 5000 --file data/machines.csv");
  declare_digits(verb, chosen);
  declare_table(verb, chosen);
  declare_story(verb, chosen);
  declare_tags(verb, chosen);
  declare_trees(verb, chosen);
}

}  // namespace raven
