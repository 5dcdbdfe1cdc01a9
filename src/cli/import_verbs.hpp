#pragma once

#include <functional>

#include "cli/data_verbs.hpp"

namespace raven {

/// The verbs below `raven data import`, a file for each family of inputs.
void declare_import_csv(Command parent, Action& chosen);
void declare_import_idx(Command parent, Action& chosen);
void declare_import_npy(Command parent, Action& chosen);
void declare_import_npz(Command parent, Action& chosen);
void declare_import_text(Command parent, Action& chosen);
void declare_import_conll(Command parent, Action& chosen);
void declare_import_tree(Command parent, Action& chosen);

using Import = std::function<ImportReport(const ImportOptions&)>;

/// Shows progress while `import` runs with the options that the arguments make, then where the data
/// went. @return an ExitCode
int run_import(const ImportArguments& arguments, const Import& import);

}  // namespace raven
