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
};

void declare_import_options(Command verb, ImportArguments& arguments);
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
