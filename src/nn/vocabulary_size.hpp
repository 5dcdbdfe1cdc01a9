#pragma once

#include "raven/core/option.hpp"
#include "raven/nn/module.hpp"

namespace raven {

/// `count` of the layers that look tokens up.
[[nodiscard]] inline OptionDef vocabulary_size_option() {
  return {
      .name = "count",
      .kind = OptionKind::integer,
      .fallback = std::int64_t{0},
      .min = 0,
      .max = 2147483647,
      .help = "rows of the table: inputs are 0 to count - 1; 0: as many as the data's vocabulary"};
}

/// @throws InputError when neither the options nor the data tell it
[[nodiscard]] inline std::int64_t vocabulary_size(const ModuleContext& context,
                                                  const Options& options) {
  const std::int64_t given = options.integer("count");
  if (given > 0) return given;
  if (context.vocabulary > 0) return context.vocabulary;
  throw InputError("count is 0, but the data has no vocabulary to take it from",
                   "write how many different numbers there are");
}

}  // namespace raven
