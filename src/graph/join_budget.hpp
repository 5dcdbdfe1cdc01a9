#pragma once

#include <cstdint>
#include <string>

#include "raven/core/error.hpp"
#include "raven/graph/autobatch.hpp"

namespace raven {

/// What to do about graphs that can't be joined.
inline constexpr const char* same_inputs = "let the model read the same inputs of every sample";
inline constexpr const char* same_results =
    "let the model give every sample a loss, a prediction and the same metrics, or none of them";
inline constexpr const char* rows_of_samples =
    "let what is asked of the model be rows that follow from the sample";
inline constexpr const char* no_fault = "whoever sent the graphs damaged them, or made them up";
inline constexpr const char* less =
    "make the model or its samples smaller, or train.snippets larger";

[[noreturn]] inline void reject(const std::string& problem, const char* remedy) {
  throw InputError("graphs of samples can't be joined: " + problem, remedy);
}

/// What a joined graph has taken so far, of what it may.
class JoinBudget {
 public:
  explicit JoinBudget(const JoinLimits& limits) : limits_(limits) {}

  /// @throws InputError when that is too much, as the next one
  void pieces(std::size_t more) {
    pieces_ += more;
    if (pieces_ <= limits_.pieces) return;
    reject("their rows are in more than " + std::to_string(limits_.pieces) + " pieces", less);
  }
  void values(const Node& made) {
    for (const ValueType& type : made.outputs) value_bytes_ += type.bytes();
    for (const ValueType& type : made.saved) value_bytes_ += type.bytes();
    if (value_bytes_ <= limits_.value_bytes) return;
    reject(
        "their values take more than the " + std::to_string(limits_.value_bytes) + " bytes allowed",
        less);
  }

 private:
  JoinLimits limits_;
  std::size_t pieces_ = 0;
  std::uint64_t value_bytes_ = 0;
};

}  // namespace raven
