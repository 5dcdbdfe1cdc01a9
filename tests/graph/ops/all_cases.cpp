#include "graph/ops/cases.hpp"

namespace raven::test {

std::vector<OpCase> all_op_cases() {
  std::vector<OpCase> all;
  for (auto* family :
       {linear_cases, image_cases, layout_cases, arithmetic_cases, activation_cases, norm_cases,
        loss_cases, metric_cases, sequence_cases, recurrent_cases, tree_cases}) {
    for (OpCase& one : family()) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace raven::test
