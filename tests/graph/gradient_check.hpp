#pragma once

#include <functional>
#include <string>
#include <vector>

#include "raven/graph/op_def.hpp"

namespace raven::test {

/// A tensor in double precision, for references.
struct Value {
  Shape shape;
  std::vector<double> v;
  [[nodiscard]] std::int64_t count() const { return shape.count(); }
  double operator[](std::int64_t i) const { return v[static_cast<std::size_t>(i)]; }
};

/// What forward should make, output by output, worked out in double by other means than the
/// kernels. It may leave out outputs at the end.
using Reference = std::function<std::vector<std::vector<double>>(const std::vector<Value>& inputs)>;

/// One input of a case: random numbers in [low, high), or the values given.
struct CaseInput {
  ValueType type;
  double low = -1.0;
  double high = 1.0;
  std::vector<double> values = {};
};

[[nodiscard]] inline CaseInput real(const Shape& shape, double low = -1.0, double high = 1.0) {
  return {{DType::f32, shape}, low, high};
}
[[nodiscard]] inline CaseInput whole(const Shape& shape, double low, double high) {
  return {{DType::i32, shape}, low, high};
}
[[nodiscard]] inline CaseInput given(DType dtype, const Shape& shape, std::vector<double> values) {
  return {{dtype, shape}, 0, 0, std::move(values)};
}

/// A call to be checked.
struct OpCase {
  std::string op;
  std::string title;
  std::vector<CaseInput> inputs;
  Attributes attributes = {};
  Reference reference;
  /// Of an array, relative to the largest of its right values or 1.
  double tolerance = 3.0e-6;
};

/// The key under which cases run.
[[nodiscard]] RandomKey case_key();

/// Checks one call, by gtest expectations:
/// - forward against the reference, into buffers full of NaN;
/// - backward against central differences of the reference, in double, of the outputs that
///   have a gradient, weighed by irregular coefficients: all inputs wanted and assigned (into NaN),
///   all added (to other numbers), each one alone;
/// - that backward does not read what its row says it does not need;
/// - in place, where the row says so: the same bits;
/// - on pools of 1, 2 and 4 threads: the same bits.
void check_op(const OpCase& one);

/// Runs a call, one on twice as many rows, and both as one on their rows together, as the row's
/// row_inputs says: outputs and gradients must be the same within 1e-5. Row inputs whose values the
/// case gives are those values once more.
/// @return false when its row says that the call can't be joined
bool check_join(const OpCase& one);

/// A list of cases for each family of ops.
[[nodiscard]] std::vector<OpCase> all_op_cases();

}  // namespace raven::test
