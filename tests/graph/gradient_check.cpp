#include "graph/gradient_check.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include "raven/tensor/parallel.hpp"

namespace raven::test {
namespace {

constexpr double step = 1.0e-5;
/// Central differences cost two references for an element: of large inputs only a few are tried.
std::int64_t elements_tried(std::int64_t count) { return count > 2000 ? 12 : 48; }

std::vector<Tensor> make_inputs(const OpCase& one) {
  std::vector<Tensor> tensors;
  std::uint32_t stream = 100;
  for (const CaseInput& input : one.inputs) {
    RandomStream random({.seed = 7, .step = stream++});
    Tensor tensor(input.type);
    for (std::int64_t i = 0; i < tensor.count(); ++i) {
      const double value = input.values.empty()
                               ? input.low + (input.high - input.low) * random.uniform()
                               : input.values[static_cast<std::size_t>(i)];
      if (input.type.dtype == DType::f32) {
        tensor.view().f32()[i] = static_cast<float>(value);
      } else {
        tensor.view().i32()[i] = static_cast<std::int32_t>(std::floor(value));
      }
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::vector<Value> in_double(const std::vector<Tensor>& tensors) {
  std::vector<Value> values;
  for (const Tensor& tensor : tensors) {
    Value value{tensor.shape(), {}};
    if (tensor.type().dtype == DType::f32) {
      value.v.assign(tensor.values().begin(), tensor.values().end());
    } else {
      value.v.assign(tensor.indices().begin(), tensor.indices().end());
    }
    values.push_back(std::move(value));
  }
  return values;
}

Tensor full_of_nan(const ValueType& type) {
  Tensor tensor(type);
  std::memset(tensor.view().data, 0xFF, type.bytes());
  return tensor;
}

Tensor irregular(const ValueType& type, std::uint64_t stream) {
  RandomStream random({.seed = 8, .step = stream});
  Tensor tensor(type);
  for (float& value : tensor.values()) value = random.uniform(-1.0F, 1.0F);
  return tensor;
}

/// Bits of a tensor, so that NaN and signed zeros count.
std::vector<std::byte> bits(const Tensor& tensor) {
  return {tensor.bytes().begin(), tensor.bytes().end()};
}

std::vector<double> whole_numbers(const Tensor& tensor) {
  return {tensor.indices().begin(), tensor.indices().end()};
}

void expect_close(std::span<const float> got, std::span<const double> want, double tolerance,
                  const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  double scale = 1.0;
  for (const double value : want) scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(want[i])) continue;  // not tried
    ASSERT_NEAR(double{got[i]}, want[i], tolerance * scale) << what << ", element " << i;
  }
}

/// A call with all its buffers.
class Run {
 public:
  explicit Run(const OpCase& one)
      : op_(*find_op(one.op)), one_(one), inputs_(make_inputs(one)), nobody_(inputs_.size()) {
    std::vector<ValueType> types;
    for (const Tensor& input : inputs_) types.push_back(input.type());
    types_ = op_.infer(types, one.attributes);
    for (const ValueType& type : types_.outputs) outputs_.push_back(full_of_nan(type));
    for (const ValueType& type : types_.saved) saved_.push_back(full_of_nan(type));
    if (!has_gradient()) return;
    for (std::uint64_t o = 0; o < types_.outputs.size() && o < op_.differentiable_outputs; ++o) {
      dys_.push_back(irregular(types_.outputs[o], 1 + 1000 * o));
    }
  }

  [[nodiscard]] const OpDef& op() const { return op_; }
  std::vector<Tensor>& inputs() { return inputs_; }
  std::vector<Tensor>& outputs() { return outputs_; }
  /// Gradients of the outputs that have one.
  [[nodiscard]] const std::vector<Tensor>& dys() const { return dys_; }
  /// Whole numbers have none.
  [[nodiscard]] bool has_gradient() const {
    return op_.backward != nullptr && types_.outputs.front().dtype == DType::f32;
  }
  [[nodiscard]] bool differentiable(std::size_t input) const {
    return input < op_.differentiable_inputs && inputs_[input].type().dtype == DType::f32;
  }

  void forward() {
    std::vector<ConstView> inputs;
    std::vector<View> outputs;
    std::vector<View> saved;
    for (Tensor& tensor : inputs_) inputs.emplace_back(tensor.view());
    for (Tensor& tensor : outputs_) outputs.push_back(tensor.view());
    for (Tensor& tensor : saved_) saved.push_back(tensor.view());
    op_.forward({inputs, one_.attributes, outputs, saved, case_key()});
  }

  /// @param sinks an empty tensor where nobody wants the gradient
  void backward(std::vector<Tensor>& sinks, GradientSink::Mode mode,
                std::optional<Tensor> dy_to_use = {}) {
    const BackwardNeeds needs = op_.needs ? op_.needs(one_.attributes) : BackwardNeeds{};
    std::vector<ConstView> inputs;
    std::vector<ConstView> outputs;
    std::vector<ConstView> saved;
    std::vector<View> gradients;
    std::vector<GradientSink> to;
    std::vector<Tensor> dys;
    for (const Tensor& dy : dys_) {
      dys.push_back(dys.empty() && dy_to_use ? *dy_to_use : dy.clone());
    }
    for (const Tensor& tensor : inputs_) {
      inputs.push_back(needs.inputs ? tensor.view() : ConstView{nullptr, tensor.type()});
    }
    for (const Tensor& tensor : std::as_const(outputs_)) {
      outputs.push_back(needs.outputs ? tensor.view() : ConstView{nullptr, tensor.type()});
      const std::size_t o = gradients.size();
      gradients.push_back(o < dys.size() ? dys[o].view() : View{nullptr, tensor.type()});
    }
    for (const Tensor& tensor : std::as_const(saved_)) saved.push_back(tensor.view());
    for (std::size_t i = 0; i < sinks.size(); ++i) {
      if (sinks[i].empty()) {
        to.push_back({View{nullptr, inputs_[i].type()}, GradientSink::Mode::none});
      } else {
        to.push_back({sinks[i].view(), mode});
      }
    }
    std::map<std::size_t, Tensor> told;
    const auto keep = [&](std::size_t i) {
      EXPECT_TRUE(to[i].wanted() && !told.contains(i)) << "input " << i;
      told.emplace(i, sinks[i].clone());
    };
    const FunctionRef<void(std::size_t)> on_written(keep);
    op_.backward({inputs, one_.attributes, outputs, saved, gradients, to, case_key(), &on_written});
    for (const auto& [i, gradient] : told) {
      EXPECT_EQ(bits(gradient), bits(sinks[i])) << "input " << i << " was not written to the end";
    }
  }

  /// Gradients of all inputs that have one, into NaN.
  std::vector<Tensor> assigned() {
    std::vector<Tensor> sinks(inputs_.size());
    for (std::size_t i = 0; i < sinks.size(); ++i) {
      if (differentiable(i)) sinks[i] = full_of_nan(inputs_[i].type());
    }
    backward(sinks, GradientSink::Mode::assign);
    return sinks;
  }

 private:
  const OpDef& op_;
  const OpCase& one_;
  std::vector<Tensor> inputs_;
  std::vector<Tensor> nobody_;
  CallTypes types_;
  std::vector<Tensor> outputs_;
  std::vector<Tensor> saved_;
  std::vector<Tensor> dys_;
};

/// d(sum of dys times outputs) / d(input); NaN for elements that were not tried.
std::vector<double> central_differences(const OpCase& one, std::vector<Value> inputs,
                                        std::size_t input, const std::vector<Tensor>& dys) {
  const auto weighed = [&] {
    const std::vector<std::vector<double>> outputs = one.reference(inputs);
    double sum = 0;
    for (std::size_t o = 0; o < dys.size(); ++o) {
      const std::vector<double>& y = outputs[o];
      for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * double{dys[o].values()[i]};
    }
    return sum;
  };
  std::vector<double>& x = inputs[input].v;
  std::vector<double> slopes(x.size(), std::nan(""));
  const auto count = static_cast<std::int64_t>(x.size());
  const std::int64_t stride = std::max<std::int64_t>(1, count / elements_tried(count));
  for (std::int64_t n = 0; n < count; n += stride) {
    // Off the grid, so that every column is tried sometime.
    const auto i = static_cast<std::size_t>(std::min(count - 1, n + (stride > 1 ? n % stride : 0)));
    const double kept = x[i];
    x[i] = kept + step;
    const double above = weighed();
    x[i] = kept - step;
    const double below = weighed();
    x[i] = kept;
    slopes[i] = (above - below) / (2 * step);
  }
  return slopes;
}

void check_forward(const OpCase& one, Run& run) {
  run.forward();
  const auto want = one.reference(in_double(run.inputs()));
  ASSERT_FALSE(want.empty());
  for (std::size_t o = 0; o < want.size(); ++o) {
    if (run.outputs()[o].type().dtype == DType::i32) {
      EXPECT_EQ(whole_numbers(run.outputs()[o]), want[o]);
      continue;
    }
    expect_close(std::as_const(run.outputs()[o]).values(), want[o], one.tolerance,
                 "output " + std::to_string(o));
  }
  if (!run.op().forward_in_place ||
      run.inputs().front().type().bytes() != run.outputs().front().type().bytes()) {
    return;
  }
  Run over(one);
  over.outputs().front() = over.inputs().front();
  over.forward();
  EXPECT_EQ(bits(over.outputs().front()), bits(run.outputs().front())) << "forward in place";
}

void check_backward(const OpCase& one, Run& run) {
  const std::vector<Value> inputs = in_double(run.inputs());
  const std::vector<Tensor> all = run.assigned();
  std::vector<Tensor> sums(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].empty()) sums[i] = irregular(all[i].type(), 50 + i);
  }
  run.backward(sums, GradientSink::Mode::add);

  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].empty()) continue;
    const std::string what = "gradient of input " + std::to_string(i);
    std::vector<double> want = central_differences(one, inputs, i, run.dys());
    expect_close(all[i].values(), want, one.tolerance, what);
    const Tensor before = irregular(all[i].type(), 50 + i);
    for (std::size_t k = 0; k < want.size(); ++k) want[k] += double{before.values()[k]};
    expect_close(std::as_const(sums[i]).values(), want, one.tolerance, what + ", added");

    std::vector<Tensor> alone(all.size());
    alone[i] = full_of_nan(all[i].type());
    run.backward(alone, GradientSink::Mode::assign);
    EXPECT_EQ(bits(alone[i]), bits(all[i])) << what << " alone";
  }

  if (!run.op().backward_in_place || all.front().empty() ||
      all.front().type().bytes() != run.dys().front().type().bytes()) {
    return;
  }
  std::vector<Tensor> over(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].empty()) over[i] = i == 0 ? run.dys().front().clone() : full_of_nan(all[i].type());
  }
  run.backward(over, GradientSink::Mode::assign, over.front());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].empty()) continue;
    EXPECT_EQ(bits(over[i]), bits(all[i])) << "backward in place, input " << i;
  }
}

/// Everything that a call makes, as bits.
std::vector<std::vector<std::byte>> bits_with(const OpCase& one, int threads) {
  std::vector<std::vector<std::byte>> made;
  ComputePool pool(threads);
  pool.run([&] {
    Run run(one);
    run.forward();
    for (const Tensor& output : run.outputs()) made.push_back(bits(output));
    if (!run.has_gradient()) return;
    for (const Tensor& gradient : run.assigned()) {
      if (!gradient.empty()) made.push_back(bits(gradient));
    }
  });
  return made;
}

}  // namespace

RandomKey case_key() { return {.seed = 3, .step = 5, .op = 11, .sample = 40}; }

void check_op(const OpCase& one) {
  SCOPED_TRACE(one.op + ": " + one.title);
  ASSERT_NE(find_op(one.op), nullptr);
  if (find_op(one.op)->aliases_input) return;  // nothing runs: the plan's tests cover it
  Run run(one);
  check_forward(one, run);
  if (run.has_gradient()) check_backward(one, run);
  const auto serial = bits_with(one, 1);
  EXPECT_EQ(bits_with(one, 2), serial) << "on two threads";
  EXPECT_EQ(bits_with(one, 4), serial) << "on four threads";
}

}  // namespace raven::test
