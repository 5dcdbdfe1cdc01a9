#include <array>

#include "cli/verb.hpp"

namespace raven {

std::span<const VerbDef* const> verb_table() {
  static constexpr std::array table{
      &train_verb,  &launch_verb,  &join_verb,     &spawn_verb,    &leave_verb,   &status_verb,
      &doctor_verb, &check_verb,   &evaluate_verb, &predict_verb,  &sample_verb,  &export_verb,
      &data_verb,   &explain_verb, &bench_verb,    &simulate_verb, &version_verb,
  };
  return table;
}

}  // namespace raven
