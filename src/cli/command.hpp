#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace raven {

/// A handle to one option of a Command; copies mean the same option, which lives as long as the
/// command line does.
///
/// Command and Option are CLI11's App and Option, with CLI11's own names for what they do. CLI11 is
/// nothing but headers, and each source that includes it compiles all of it: six seconds of a core.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option required();
  Option excludes(Option other);
  /// false: one word after each name, `--ignore A --ignore B`, never `--ignore A B`, as --help then
  /// shows.
  Option allow_extra_args(bool allowed);
  /// KEY=VALUE after each name, as many as there are: run_raven() takes them apart.
  Option settings();
  Option delimiter(char between);

  /// The value must be from `least` to `most`. T: int, std::uint32_t, std::int64_t, double.
  template <class T>
  Option range(T least, T most);
  Option one_of(std::vector<std::string> words);
  /// `judge` returns what is wrong with a value, or nothing.
  Option check(std::function<std::string(const std::string&)> judge);

  /// Shows the value that it has now in --help.
  Option capture_default_str();
  Option type_name(std::string name);
  /// The heading it stands under in --help; an empty one hides it.
  Option group(const std::string& heading);

 private:
  CLI::Option* option_;
};

/// A handle to a verb of the command line, to declare what it takes; copies mean the same verb.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}

  Command add_subcommand(std::string name, std::string help);
  /// Parsing fails without so many subcommands.
  void require_subcommand(int count);

  /// Parsing writes into `value`, which must live until then. A name without dashes is a positional
  /// argument. The types T are those that command.cpp lists; the linker misses any other.
  template <class T>
  Option add_option(std::string name, T& value, std::string help = "");
  Option add_flag(std::string name, bool& value, std::string help = "");
  /// An option whose words stand for values.
  template <class Enum>
  Option add_choice(const std::string& name, Enum& value, const std::map<std::string, Enum>& words,
                    const std::string& help) {
    std::vector<std::string> known;
    for (const auto& [word, meaning] : words) known.push_back(word);
    return add_word(
        name, [&value, words](const std::string& word) { value = words.at(word); },
        std::move(known), help);
  }

  /// Stands at the end of --help.
  void footer(std::string text);
  /// What to do as soon as the command line turns out to name this verb.
  void callback(std::function<void()> then);

 private:
  Option add_word(const std::string& name, const std::function<void(const std::string&)>& take,
                  std::vector<std::string> known, const std::string& help);

  CLI::App* app_;
};

}  // namespace raven
