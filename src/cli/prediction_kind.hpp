#pragma once

#include <cstdint>
#include <vector>

#include "raven/tensor/tensor.hpp"

namespace raven {

/// What is written of a model's output.
enum class PredictionKind : std::uint8_t { output, probability, class_number };

/// @param of_classes each row of the last dimension adds up to one; else each number stands alone
[[nodiscard]] Tensor probabilities(const Tensor& output, bool of_classes);

/// The place of the largest number of each row; of the first one, if there are several.
[[nodiscard]] std::vector<std::int64_t> likeliest(const Tensor& output);

}  // namespace raven
