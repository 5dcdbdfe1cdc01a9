#pragma once

#include "graph/gradient_check.hpp"

namespace raven::test {

// Cases of each family; see gradient_check.hpp.
[[nodiscard]] std::vector<OpCase> linear_cases();
[[nodiscard]] std::vector<OpCase> image_cases();
[[nodiscard]] std::vector<OpCase> layout_cases();
[[nodiscard]] std::vector<OpCase> arithmetic_cases();
[[nodiscard]] std::vector<OpCase> activation_cases();
[[nodiscard]] std::vector<OpCase> norm_cases();
[[nodiscard]] std::vector<OpCase> loss_cases();
[[nodiscard]] std::vector<OpCase> metric_cases();
[[nodiscard]] std::vector<OpCase> sequence_cases();
[[nodiscard]] std::vector<OpCase> recurrent_cases();
[[nodiscard]] std::vector<OpCase> tree_cases();

using Outputs = std::vector<std::vector<double>>;
using Inputs = std::vector<Value>;

/// The non-linearity of that name by its formula, with its constants.
[[nodiscard]] double activation_value(const std::string& name, double x, double a = 1.0,
                                      double threshold = 20.0);

}  // namespace raven::test
