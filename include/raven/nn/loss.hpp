#pragma once

#include <span>
#include <string_view>

#include "raven/core/option.hpp"
#include "raven/graph/tape.hpp"

namespace raven {

/// What a batch is judged by: a row in a table, found by the name that a job gives it.
struct LossDef {
  std::string_view name;
  std::string_view help;
  std::span<const OptionDef> options;
  /// Records the loss and the metrics that go with it (accuracy for classes, mean absolute error
  /// for values).
  /// @throws InputError when prediction and targets do not fit together
  void (*record)(Variable prediction, Variable targets, const Options& options);
};

[[nodiscard]] std::span<const LossDef* const> loss_table();
[[nodiscard]] const LossDef* find_loss(std::string_view name);

}  // namespace raven
