#include <algorithm>

#include "infer.hpp"
#include "join.hpp"
#include "raven/graph/ops/arithmetic.hpp"
#include "raven/tensor/kernels/reduce.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

/// The first operand as rows that each meet the second.
struct Rows {
  Rows(const ConstView& a, const ConstView& b) : rows(a.count() / b.count()), columns(b.count()) {}
  std::int64_t rows;
  std::int64_t columns;
  [[nodiscard]] bool same() const { return rows == 1; }
  [[nodiscard]] std::int64_t count() const { return rows * columns; }

  /// Runs a kernel of whole vectors on each row.
  template <class Body>
  void for_each(Body body) const {
    const std::int64_t grain = std::max<std::int64_t>(1, (1 << 15) / columns);
    parallel_ranges(rows, grain, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t r = first; r < last; ++r) body(r * columns);
    });
  }
};

CallTypes infer_pair(const CallCheck& check) {
  check.inputs(2);
  const Shape& a = check.f32(0, "first operand");
  const Shape& b = check.f32(1, "second operand");
  if (b.rank() > a.rank() || !std::equal(b.begin(), b.end(), a.end() - b.rank())) {
    check.reject("the operands are " + to_string(a) + " and " + to_string(b),
                 "give the second the shape of the first, or of its last dimensions");
  }
  return makes(a);
}

/// A second operand of fewer dimensions serves every row and is shared.
std::uint64_t pair_by_rows(std::span<const ValueType> inputs, const Attributes& attributes) {
  if (inputs[0].shape.rank() != inputs[1].shape.rank()) return 1;
  return has_rows(inputs, 0) ? all_by_rows(inputs, attributes) : 0;
}

constexpr OpDef add_row{
    .name = "add",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return infer_pair({"add", inputs, attributes});
        },
    .forward =
        [](const ForwardCall& call) {
          const Rows r(call.inputs[0], call.inputs[1]);
          const float* a = call.inputs[0].f32();
          const float* b = call.inputs[1].f32();
          float* y = call.outputs[0].f32();
          if (r.same()) {
            kernels::add(r.columns, a, b, y);
          } else {
            kernels::add_row(r.rows, r.columns, a, b, y);
          }
        },
    .backward =
        [](const BackwardCall& call) {
          const Rows r(call.inputs[0], call.inputs[1]);
          const View& dy = call.output_gradients[0];
          const GradientSink& b = call.input_gradients[1];
          if (r.same()) {
            pass_on(b, dy);
          } else if (b.wanted()) {
            kernels::column_sum(r.rows, r.columns, dy.f32(), b.to.f32(), accumulate(b));
          }
          pass_on(call.input_gradients[0], dy);
        },
    .needs = needs_nothing,
    .row_inputs = pair_by_rows,
    .forward_in_place = true,
    .backward_in_place = true,
};

void sub_backward(const BackwardCall& call) {
  const Rows r(call.inputs[0], call.inputs[1]);
  const View& dy = call.output_gradients[0];
  const GradientSink& b = call.input_gradients[1];
  if (b.wanted()) {
    const float* sum = dy.f32();
    const Scratch scratch(static_cast<std::size_t>(r.same() ? 0 : r.columns));
    if (!r.same()) {
      kernels::column_sum(r.rows, r.columns, dy.f32(), scratch.data());
      sum = scratch.data();
    }
    if (b.adds()) {
      kernels::axpy(r.columns, -1.0F, sum, b.to.f32());
    } else {
      kernels::negate(r.columns, sum, b.to.f32());
    }
  }
  pass_on(call.input_gradients[0], dy);
}

constexpr OpDef sub_row{
    .name = "sub",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return infer_pair({"sub", inputs, attributes});
        },
    .forward =
        [](const ForwardCall& call) {
          const Rows r(call.inputs[0], call.inputs[1]);
          const float* a = call.inputs[0].f32();
          const float* b = call.inputs[1].f32();
          float* y = call.outputs[0].f32();
          if (r.same()) {
            kernels::sub(r.columns, a, b, y);
          } else {
            r.for_each([&](std::int64_t at) { kernels::sub(r.columns, a + at, b, y + at); });
          }
        },
    .backward = sub_backward,
    .needs = needs_nothing,
    .row_inputs = pair_by_rows,
    .forward_in_place = true,
    .backward_in_place = true,
};

void mul_backward(const BackwardCall& call) {
  const Rows r(call.inputs[0], call.inputs[1]);
  const float* a = call.inputs[0].f32();
  const float* b = call.inputs[1].f32();
  float* dy = call.output_gradients[0].f32();
  const GradientSink& da = call.input_gradients[0];
  const GradientSink& db = call.input_gradients[1];
  if (db.wanted()) {
    if (!r.same()) {
      kernels::column_dot(r.rows, r.columns, dy, a, db.to.f32(), accumulate(db));
    } else if (db.adds()) {
      kernels::mul_add(r.columns, dy, a, db.to.f32());
    } else {
      kernels::mul(r.columns, dy, a, db.to.f32());
    }
  }
  assign_or_add(da, dy, [&](float* to) {
    if (r.same()) {
      kernels::mul(r.columns, dy, b, to);
    } else {
      kernels::mul_row(r.rows, r.columns, dy, b, to);
    }
  });
}

constexpr OpDef mul_row{
    .name = "mul",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return infer_pair({"mul", inputs, attributes});
        },
    .forward =
        [](const ForwardCall& call) {
          const Rows r(call.inputs[0], call.inputs[1]);
          const float* a = call.inputs[0].f32();
          const float* b = call.inputs[1].f32();
          float* y = call.outputs[0].f32();
          if (r.same()) {
            kernels::mul(r.columns, a, b, y);
          } else {
            kernels::mul_row(r.rows, r.columns, a, b, y);
          }
        },
    .backward = mul_backward,
    .needs = needs_inputs,
    .row_inputs = pair_by_rows,
    .forward_in_place = true,
    .backward_in_place = true,
};

/// to[i] (-)= a[i] / b[i]
void subtract_quotient(std::int64_t count, const float* a, const float* b, const GradientSink& to) {
  float* out = to.to.f32();
  parallel_ranges(count, 1 << 15, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const float quotient = a[i] / b[i];
      out[i] = to.adds() ? out[i] - quotient : -quotient;
    }
  });
}

/// With y = a / b: da = dy / b, db = -sum(dy y) / b.
void div_backward(const BackwardCall& call) {
  const Rows r(call.inputs[0], call.inputs[1]);
  const float* b = call.inputs[1].f32();
  const float* y = call.outputs[0].f32();
  float* dy = call.output_gradients[0].f32();
  if (const GradientSink& db = call.input_gradients[1]; db.wanted()) {
    const Scratch sums(static_cast<std::size_t>(r.columns));
    if (r.same()) {
      kernels::mul(r.columns, dy, y, sums.data());
    } else {
      kernels::column_dot(r.rows, r.columns, dy, y, sums.data());
    }
    subtract_quotient(r.columns, sums.data(), b, db);
  }
  assign_or_add(call.input_gradients[0], dy, [&](float* to) {
    if (r.same()) {
      kernels::div(r.columns, dy, b, to);
    } else {
      r.for_each([&](std::int64_t at) { kernels::div(r.columns, dy + at, b, to + at); });
    }
  });
}

constexpr OpDef div_row{
    .name = "div",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return infer_pair({"div", inputs, attributes});
        },
    .forward =
        [](const ForwardCall& call) {
          const Rows r(call.inputs[0], call.inputs[1]);
          const float* a = call.inputs[0].f32();
          const float* b = call.inputs[1].f32();
          float* y = call.outputs[0].f32();
          if (r.same()) {
            kernels::div(r.columns, a, b, y);
          } else {
            r.for_each([&](std::int64_t at) { kernels::div(r.columns, a + at, b, y + at); });
          }
        },
    .backward = div_backward,
    .row_inputs = pair_by_rows,
    .forward_in_place = true,
    .backward_in_place = true,
};

constexpr const OpDef* rows[] = {&add_row, &sub_row, &mul_row, &div_row};

Variable record(const OpDef& row, Variable a, Variable b) {
  const Variable inputs[] = {a, b};
  return a.tape().call(row, inputs);
}

}  // namespace

OpRows arithmetic_rows() { return rows; }

Variable add(Variable a, Variable b) { return record(add_row, a, b); }
Variable sub(Variable a, Variable b) { return record(sub_row, a, b); }
Variable mul(Variable a, Variable b) { return record(mul_row, a, b); }
Variable div(Variable a, Variable b) { return record(div_row, a, b); }

}  // namespace raven
