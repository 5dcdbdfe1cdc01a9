#pragma once

#include <string>

#include "cli/verb.hpp"
#include "raven/data/import.hpp"
#include "raven/data/manifest.hpp"

namespace raven {

/// The verbs below `raven data`, each in its own file.
void declare_data_make(Command parent, Action& chosen);
void declare_data_import(Command parent, Action& chosen);
void declare_data_show(Command parent, Action& chosen);
void declare_data_verify(Command parent, Action& chosen);

/// What every verb that writes a data set is told.
struct ImportArguments {
  std::string folder;
  std::string name;  ///< empty: the folder's name
  std::int64_t rows_per_shard = 0;
  double valid_fraction = 0.1;
  std::uint64_t seed = 1;
  bool replace = false;
  std::string like;           ///< a manifest or a run; empty: none
  std::string valid_file;     ///< another input, to validate with; empty: none
  std::string valid_targets;  ///< its targets, where they are a file of their own
  bool no_target = false;
};

/// What an importer can be told of its parts beside --like.
struct PartOptions {
  bool target_files = false;  ///< targets are in files of their own: --valid-targets
  bool no_target = true;      ///< --no-target
};

/// @return --valid
Option declare_import_options(Command verb, ImportArguments& arguments);
/// For what comes from files: also --like, --valid-file and --no-target.
void declare_part_options(Command verb, ImportArguments& arguments, PartOptions parts = {});
/// --targets of trees: "nodes" or "root".
void declare_tree_targets(Command verb, std::string& targets);
[[nodiscard]] TargetKind tree_targets(const std::string& targets);
/// @throws InputError when the folder already holds a data set and nobody said --replace
[[nodiscard]] ImportOptions import_options(const ImportArguments& arguments);
/// Says where the data went.
void print_report(const ImportReport& report);

/// One sample as a person reads it: a sentence with its tags, a tree in brackets, a piece of text.
/// @throws InputError when there is no such sample, or it is of another kind
[[nodiscard]] std::string sample_in_words(const Manifest& manifest, std::int64_t sample);

}  // namespace raven
