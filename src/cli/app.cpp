#include "raven/cli/app.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/console.hpp"
#include "cli/processes.hpp"
#include "cli/verb.hpp"
#include "cli/version.hpp"
#include "raven/job/suggest.hpp"

namespace raven {
namespace {

constexpr const char* footer = R"(Begin with:
  raven data make digits --count 20000 --folder data/digits
  raven check jobs/digits_mlp.yaml

'raven VERB --help' explains a verb and shows examples.

Exit codes: 0 done; 1 failed for a reason that no input explains (memory, disk, a bug);
2 a mistake in the command line, a job or data, told on stderr as
'raven: file:line:column: what is wrong; what to try'; 130 interrupted.

Colours are left out when NO_COLOR is set or the output is not a terminal.)";

/// The path of names that leads to the innermost verb that was given: "raven data make".
std::string path_of(const CLI::App& app) {
  return app.get_parent() ? path_of(*app.get_parent()) + " " + app.get_name() : "raven";
}

/// Finds a word that should be a verb and isn't; CLI11 itself has no suggestions.
void check_verbs(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  for (int i = 1; i < argc; ++i) {
    const auto verbs = at->get_subcommands([](const CLI::App*) { return true; });
    const std::string word = argv[i];
    if (verbs.empty() || word.starts_with('-')) return;
    const auto next =
        std::ranges::find(verbs, word, [](const CLI::App* verb) { return verb->get_name(); });
    if (next == verbs.end()) {
      std::vector<std::string> names;
      for (const CLI::App* verb : verbs) names.push_back(verb->get_name());
      const std::vector<std::string_view> views(names.begin(), names.end());
      throw InputError("there is no verb '" + word + "' in '" + path_of(*at) + "'",
                       did_you_mean(word, views));
    }
    at = *next;
  }
}

const CLI::App& innermost(const CLI::App& app) {
  const auto given = app.get_subcommands();
  return given.empty() ? app : innermost(*given.front());
}

/// A remedy for a command line that CLI11 refuses.
std::string remedy_for(const CLI::App& app) {
  const CLI::App& verb = innermost(app);
  const std::string help = "'" + path_of(verb) + " --help' shows what it takes";
  for (const std::string& word : app.remaining(true)) {
    if (!word.starts_with("--")) continue;
    std::vector<std::string> names;
    for (const CLI::Option* option : verb.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    const std::vector<std::string_view> views(names.begin(), names.end());
    const std::string_view best = nearest(word.substr(0, word.find('=')), views);
    if (!best.empty()) return "did you mean '" + std::string(best) + "'?";
  }
  return help;
}

/// "train.batch=64": a name of a key, and what it is to be.
bool is_setting(std::string_view word) {
  const std::string_view key = word.substr(0, word.find('='));
  return key.size() < word.size() && !key.empty() &&
         std::isalpha(static_cast<unsigned char>(key[0])) &&
         std::ranges::all_of(
             key, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; });
}

/// The command line with each further KEY=VALUE after a --set as a --set of its own. CLI11 by
/// itself either takes one word after an option, or everything up to the next option, the job
/// included.
std::vector<std::string> with_settings_apart(int argc, char** argv) {
  std::vector<std::string> words;
  bool after_set = false;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    if (after_set && is_setting(word)) words.emplace_back("--set");
    words.push_back(word);
    if (word == "--set" && i + 1 < argc) {
      words.emplace_back(argv[++i]);
      after_set = true;
    } else {
      after_set = word.starts_with("--set=") || (after_set && is_setting(word));
    }
  }
  return words;
}

std::string lower_first(std::string text) {
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && (text[1] == ' ' || text[1] >= 'a')) {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  // A message of several lines would break "one line, one mistake".
  for (std::size_t at; (at = text.find('\n')) != std::string::npos;) text.replace(at, 1, " ");
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

/// Under mpirun every rank sees the same command line; one of them is enough to say what is wrong
/// with it.
bool speaks_for_all() { return launch_place().rank == 0; }

/// Parses and runs. @return an ExitCode
int parse_and_run(CLI::App& app, Action& chosen, int argc, char** argv, Programs programs) {
  try {
    check_verbs(app, argc, argv);
    std::vector<std::string> words = with_settings_apart(argc, argv);
    // CLI11 wants them the last one first, without the program's name.
    std::ranges::reverse(words);
    words.pop_back();
    app.parse(std::move(words));
  } catch (const InputError&) {
    if (!speaks_for_all()) return exit_mistake;
    throw;
  } catch (const CLI::Success& asked) {
    if (!speaks_for_all()) return exit_done;
    // --help and --version: CLI11 prints to where it is told.
    std::ostringstream out;
    app.exit(asked, out, out);
    print(out.str());
    return exit_done;
  } catch (const CLI::ParseError& error) {
    if (!speaks_for_all()) return exit_mistake;
    throw InputError(lower_first(error.what()), remedy_for(app));
  }
  return chosen ? chosen(programs) : exit_done;
}

}  // namespace

int run_raven(int argc, char** argv, Programs programs) {
  // A reader that goes away must not kill a run: writing then fails with EPIPE, which print()
  // forgives.
  std::signal(SIGPIPE, SIG_IGN);
  // Files appear whole, by a rename, so nobody needs HDF5's own locks; and where the file system
  // has none HDF5 would refuse to open anything.
  ::setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
  CLI::App app("raven trains one deep network on whatever machines will help.", "raven");
  app.set_version_flag("--version", std::string(version));
  app.require_subcommand(1);
  app.footer(footer);
  Action chosen;
  for (const VerbDef* verb : verb_table()) verb->declare(Command(app), chosen);
  int code = exit_failure;
  try {
    if (argc < 2) {
      print(app.help());
      code = exit_mistake;
    } else {
      code = parse_and_run(app, chosen, argc, argv, programs);
    }
  } catch (const InputError& error) {
    print_mistake(error);
    code = exit_mistake;
  } catch (const std::bad_alloc&) {
    print_failure("out of memory; use a smaller batch, more snippets or a smaller data.cache");
  } catch (const std::exception& error) {
    print_failure(std::string("unexpected failure: ") + error.what());
  }
  if (!flush_output()) {
    print_failure("the output could not be written; is the disk full?");
    if (code == exit_done) code = exit_failure;
  }
  return code;
}

}  // namespace raven
