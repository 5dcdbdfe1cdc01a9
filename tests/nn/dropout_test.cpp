#include "nn/probe.hpp"
#include "raven/nn/module.hpp"

namespace raven {
namespace {

Tensor dropped(double rate, Tape::Mode mode, const Tensor& x, const Tensor& dy, Tensor* dx) {
  Probe probe(mode);
  const ModuleDef& def = *find_module("dropout");
  Options options = defaults(def.options);
  options.set("rate", rate);
  const Variable input = probe.put(x);
  const auto module =
      def.make({.store = probe.store(), .path = "", .input = input.type()}, options);
  probe.run(module->forward(probe.store(), input), dy);
  if (dx != nullptr) *dx = probe.gradient_of_put(0).clone();
  const ConstView y = probe.output();
  return Tensor::of(x.shape(), std::span(y.f32(), static_cast<std::size_t>(y.count())));
}

Tensor filled(const Shape& shape, float value) {
  Tensor tensor(ValueType{DType::f32, shape});
  std::ranges::fill(tensor.values(), value);
  return tensor;
}

TEST(Dropout, drops_the_share_it_is_told_and_scales_the_rest) {
  const Tensor ones = filled({200, 100}, 1.0F);
  const Tensor y = dropped(0.25, Tape::Mode::training, ones, ones, nullptr);
  int kept = 0;
  for (const float value : std::as_const(y).values()) {
    EXPECT_TRUE(value == 0.0F || value == 1.0F / 0.75F) << value;
    if (value != 0.0F) ++kept;
  }
  // Five standard deviations of a binomial distribution.
  EXPECT_NEAR(kept, 15000, 5 * std::sqrt(20000 * 0.25 * 0.75));
}

TEST(Dropout, sends_gradients_back_where_it_kept_the_value) {
  const Tensor ones = filled({20, 30}, 1.0F);
  Tensor dx;
  const Tensor y = dropped(0.5, Tape::Mode::training, ones, filled({20, 30}, 3.0F), &dx);
  const auto output = std::as_const(y).values();
  const auto gradient = std::as_const(dx).values();
  for (std::size_t i = 0; i < output.size(); ++i) EXPECT_EQ(gradient[i], 3.0F * output[i]);
}

TEST(Dropout, changes_nothing_in_inference_or_at_rate_zero) {
  const Tensor x = filled({4, 5}, 1.5F);
  const Tensor inferred = dropped(0.5, Tape::Mode::inference, x, x, nullptr);
  for (const float value : inferred.values()) EXPECT_EQ(value, 1.5F);
  const Tensor nothing_dropped = dropped(0.0, Tape::Mode::training, x, x, nullptr);
  for (const float value : nothing_dropped.values()) EXPECT_EQ(value, 1.5F);
}

}  // namespace
}  // namespace raven
