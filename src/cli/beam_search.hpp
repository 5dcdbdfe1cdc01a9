#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "raven/core/function_ref.hpp"

namespace raven {

using TokenText = std::vector<std::int32_t>;

struct BeamRule {
  std::int64_t width = 1;             ///< texts that are followed side by side
  std::int64_t tokens = 1;            ///< most that are added
  std::optional<std::int32_t> end{};  ///< a text that gets this token is complete
  /// A text's score is the logarithm of its probability over its number of added tokens to this
  /// power (Wu et al., 2016, with their lp replaced by the length): 1 compares means, 0 favours
  /// short texts.
  double length_power = 1;
};

struct BeamText {
  TokenText text;              ///< the prompt and what was added
  double log_probability = 0;  ///< of what was added
  double score = 0;
  bool complete = false;  ///< it ends with the end token
};

/// Logits of what comes after each of these texts: row by row, as many as the vocabulary has.
using NextLogits = FunctionRef<std::span<const float>(std::span<const TokenText> texts)>;

/// The best texts that a beam search finds, best first; `width` of them, or fewer when there are no
/// more. Each step keeps the `width` likeliest continuations of all that are followed; complete
/// ones leave. It ends when no text that is followed can still become better than `width` complete
/// ones. A pure function of what `next` gives: ties go to the earlier text, then the lower token.
/// @pre the rule's numbers are at least 1, the prompt has a token
[[nodiscard]] std::vector<BeamText> beam_search(const TokenText& prompt, const BeamRule& rule,
                                                NextLogits next);

}  // namespace raven
