#include "cli/prediction_kind.hpp"

#include <algorithm>

#include "raven/tensor/kernels/activation.hpp"
#include "raven/tensor/kernels/softmax.hpp"

namespace raven {

Tensor probabilities(const Tensor& output, bool of_classes) {
  const float* logits = output.values().data();
  Tensor result(output.type());
  float* out = result.values().data();
  if (of_classes) {
    const std::int64_t classes = output.shape().back();
    kernels::softmax_forward(output.count() / classes, classes, logits, out);
  } else {
    kernels::activation_forward(kernels::default_activation(kernels::ActivationKind::sigmoid),
                                output.count(), logits, out);
  }
  return result;
}

std::vector<std::int64_t> likeliest(const Tensor& output) {
  const std::int64_t classes = output.shape().back();
  const float* logits = output.values().data();
  std::vector<std::int64_t> found(static_cast<std::size_t>(output.count() / classes));
  for (std::int64_t& place : found) {
    place = std::max_element(logits, logits + classes) - logits;
    logits += classes;
  }
  return found;
}

}  // namespace raven
