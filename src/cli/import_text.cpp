#include <map>
#include <memory>

#include "cli/import_verbs.hpp"

namespace raven {

void declare_import_text(Command parent, Action& chosen) {
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
  declare_part_options(verb, arguments->import, {.no_target = false});
  verb.footer(R"(Examples:
  raven data import text story.txt --context 64 --folder data/story
  raven data import text story.txt --unit word --vocabulary 10000 --context 20 --folder data/words
  raven data import text story.txt --unit byte_pair --vocabulary 1024 --folder data/pairs
  raven data import text other.txt --like data/words --valid 0 --folder data/other

With --like the unit, the vocabulary and the context are those of the other data set.
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

}  // namespace raven
