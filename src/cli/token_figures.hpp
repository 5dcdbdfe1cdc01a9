#pragma once

#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "raven/data/schema.hpp"
#include "raven/job/job_spec.hpp"

namespace raven {

/// Whether a job's loss is the mean of -log(share of the token that came).
[[nodiscard]] inline bool tells_tokens(const JobSpec& job, const SampleSchema& schema) {
  return schema.of_sequences() && job.model.loss.type == "cross_entropy";
}

/// The same told as perplexity, exp(loss), and as bits, loss / log 2: with a vocabulary of
/// characters these are bits per character.
[[nodiscard]] inline std::array<std::pair<std::string_view, double>, 2> token_figures(double loss) {
  return {{{"perplexity", std::exp(loss)}, {"bits_per_token", loss / std::log(2.0)}}};
}

}  // namespace raven
