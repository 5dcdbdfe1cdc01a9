#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>

#include "graph/gradient_check.hpp"
#include "raven/core/random.hpp"
#include "raven/tensor/tensor.hpp"

namespace raven::test {
namespace {

/// A call run to its end: outputs, and the gradient of each input that has one.
struct Ran {
  std::vector<Tensor> outputs;
  std::vector<Tensor> gradients;
};

std::vector<ValueType> types_of(const std::vector<Tensor>& tensors) {
  std::vector<ValueType> types;
  for (const Tensor& tensor : tensors) types.push_back(tensor.type());
  return types;
}

std::vector<View> views_of(std::vector<Tensor>& tensors) {
  std::vector<View> views;
  for (Tensor& tensor : tensors) views.push_back(tensor.view());
  return views;
}

Ran run(const OpDef& op, const Attributes& attributes, const std::vector<Tensor>& inputs,
        const std::vector<Tensor>& dys) {
  const CallTypes types = op.infer(types_of(inputs), attributes);
  std::vector<ConstView> in;
  for (const Tensor& tensor : inputs) in.push_back(tensor.view());
  Ran ran;
  std::vector<Tensor> saved;
  for (const ValueType& type : types.outputs) ran.outputs.emplace_back(type);
  for (const ValueType& type : types.saved) saved.emplace_back(type);
  const RandomKey key{.seed = 1};
  op.forward({in, attributes, views_of(ran.outputs), views_of(saved), key});
  if (op.backward == nullptr || types.outputs[0].dtype == DType::i32) return ran;
  std::vector<GradientSink> sinks;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool wanted = i < op.differentiable_inputs && inputs[i].type().dtype == DType::f32;
    ran.gradients.push_back(wanted ? Tensor(inputs[i].type()) : Tensor());
    sinks.push_back({wanted ? ran.gradients[i].view() : View{nullptr, inputs[i].type()},
                     wanted ? GradientSink::Mode::assign : GradientSink::Mode::none});
  }
  std::vector<Tensor> used;
  for (const Tensor& dy : dys) used.push_back(dy.clone());
  std::vector<View> given;
  std::vector<ConstView> out;
  std::vector<ConstView> kept;
  for (const Tensor& tensor : std::as_const(ran.outputs)) {
    out.push_back(tensor.view());
    const std::size_t o = given.size();
    given.push_back(o < used.size() ? used[o].view() : View{nullptr, tensor.type()});
  }
  for (const Tensor& tensor : std::as_const(saved)) kept.push_back(tensor.view());
  op.backward({in, attributes, out, kept, given, sinks, key});
  return ran;
}

/// One after the other along the first dimension.
Tensor joined(const Tensor& a, const Tensor& b) {
  Shape shape = a.shape();
  shape[0] += b.shape()[0];
  Tensor both({a.type().dtype, shape});
  std::byte* to = static_cast<std::byte*>(both.view().data);
  std::copy(a.bytes().begin(), a.bytes().end(), to);
  std::copy(b.bytes().begin(), b.bytes().end(), to + a.bytes().size());
  return both;
}

Tensor sum_of(const Tensor& a, const Tensor& b) {
  Tensor sum = a.clone();
  for (std::size_t i = 0; i < b.values().size(); ++i) sum.values()[i] += b.values()[i];
  return sum;
}

void expect_same(const Tensor& got, const Tensor& want, const std::string& what) {
  ASSERT_EQ(got.type(), want.type()) << what << " " << to_string(got.shape());
  if (got.type().dtype == DType::i32) {
    EXPECT_TRUE(std::ranges::equal(got.indices(), want.indices())) << what;
    return;
  }
  float scale = 1;
  for (const float value : want.values()) scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < want.values().size(); ++i) {
    ASSERT_NEAR(got.values()[i], want.values()[i], 1.0e-5F * scale) << what << ", element " << i;
  }
}

Tensor drawn(const ValueType& type, RandomStream& random, const CaseInput& like) {
  Tensor tensor(type);
  for (std::int64_t i = 0; i < tensor.count(); ++i) {
    // What is given (lengths, places) holds for twice as many rows when it is there twice.
    const double value = like.values.empty()
                             ? like.low + (like.high - like.low) * random.uniform()
                             : like.values[static_cast<std::size_t>(i) % like.values.size()];
    if (type.dtype == DType::f32) {
      tensor.view().f32()[i] = static_cast<float>(value);
    } else {
      tensor.view().i32()[i] = static_cast<std::int32_t>(std::floor(value));
    }
  }
  return tensor;
}

ValueType twice(ValueType type) {
  type.shape[0] *= 2;
  return type;
}

}  // namespace

bool check_join(const OpCase& one) {
  SCOPED_TRACE(one.op + ": " + one.title);
  const OpDef& op = *find_op(one.op);
  std::vector<ValueType> types;
  for (const CaseInput& input : one.inputs) types.push_back(input.type);
  const std::uint64_t by_rows = op.row_inputs != nullptr ? op.row_inputs(types, one.attributes) : 0;
  if (by_rows == 0) return false;
  EXPECT_LE(std::bit_width(by_rows), static_cast<int>(types.size()));
  // A call as the case has it, one of twice as many rows, and both joined.
  RandomStream random({.seed = 9});
  std::vector<Tensor> a;
  std::vector<Tensor> b;
  std::vector<Tensor> ab;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const bool rows = (by_rows >> i & 1U) != 0;
    a.push_back(drawn(types[i], random, one.inputs[i]));
    b.push_back(rows ? drawn(twice(types[i]), random, one.inputs[i]) : a.back());
    ab.push_back(rows ? joined(a.back(), b.back()) : a.back());
  }
  const std::vector<ValueType> alone = op.infer(types, one.attributes).outputs;
  const auto attributes = [&](std::int64_t times) {
    return op.joined == nullptr ? one.attributes
                                : op.joined(one.attributes, times * alone[0].shape[0]);
  };
  EXPECT_EQ(attributes(1), one.attributes);
  EXPECT_EQ(op.row_inputs(types_of(ab), attributes(3)), by_rows) << "joined, it joins on";
  for (std::size_t o = 0; o < alone.size(); ++o) {
    Shape shape = alone[o].shape;
    shape[0] *= 2;
    EXPECT_EQ(op.infer(types_of(b), attributes(2)).outputs[o].shape, shape);
    shape[0] = 3 * alone[o].shape[0];
    EXPECT_EQ(op.infer(types_of(ab), attributes(3)).outputs[o].shape, shape);
  }
  if (op.forward == nullptr) return true;  // an alias: shapes are all there is
  const CaseInput slope = real({});
  std::vector<Tensor> da;
  std::vector<Tensor> db;
  std::vector<Tensor> dab;
  for (std::size_t o = 0; o < alone.size() && o < op.differentiable_outputs; ++o) {
    da.push_back(drawn(alone[o], random, slope));
    db.push_back(drawn(twice(alone[o]), random, slope));
    dab.push_back(joined(da[o], db[o]));
  }
  const Ran first = run(op, attributes(1), a, da);
  const Ran second = run(op, attributes(2), b, db);
  const Ran whole = run(op, attributes(3), ab, dab);
  for (std::size_t o = 0; o < alone.size(); ++o) {
    expect_same(whole.outputs[o], joined(first.outputs[o], second.outputs[o]),
                "output " + std::to_string(o));
  }
  for (std::size_t i = 0; i < whole.gradients.size(); ++i) {
    if (whole.gradients[i].empty()) continue;
    const bool rows = (by_rows >> i & 1U) != 0;
    expect_same(whole.gradients[i],
                rows ? joined(first.gradients[i], second.gradients[i])
                     : sum_of(first.gradients[i], second.gradients[i]),
                "gradient of input " + std::to_string(i));
  }
  return true;
}

}  // namespace raven::test
