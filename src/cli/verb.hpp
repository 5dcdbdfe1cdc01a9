#pragma once

#include <functional>
#include <span>

#include "cli/command.hpp"
#include "raven/cli/app.hpp"
#include "raven/job/job_spec.hpp"

namespace raven {

/// What a parsed command line asks for, of an executable with these models. Returns an ExitCode;
/// throws InputError for a single mistake.
using Action = std::function<int(Programs)>;

/// A verb: a row in a table. `declare` adds its subcommand with its help and examples to `parent`;
/// when that subcommand was given, parsing leaves what it should do in `chosen`.
struct VerbDef {
  void (*declare)(Command parent, Action& chosen);
};

/// In the order in which --help lists them.
[[nodiscard]] std::span<const VerbDef* const> verb_table();

extern const VerbDef train_verb;
extern const VerbDef launch_verb;
extern const VerbDef join_verb;
extern const VerbDef spawn_verb;
extern const VerbDef leave_verb;
extern const VerbDef status_verb;
extern const VerbDef doctor_verb;
extern const VerbDef check_verb;
extern const VerbDef evaluate_verb;
extern const VerbDef predict_verb;
extern const VerbDef sample_verb;
extern const VerbDef export_verb;
extern const VerbDef data_verb;
extern const VerbDef explain_verb;
extern const VerbDef bench_verb;
extern const VerbDef simulate_verb;
extern const VerbDef version_verb;

}  // namespace raven
