#include "raven/graph/ops/segment.hpp"

#include <algorithm>

#include "infer.hpp"
#include "join.hpp"
#include "raven/tensor/kernels/segment.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

using kernels::Reduction;

constexpr std::string_view name_of(Reduction how) {
  switch (how) {
    case Reduction::sum:
      return "segment_sum";
    case Reduction::mean:
      return "segment_mean";
    case Reduction::max:
      return "segment_max";
    case Reduction::first:
      return "first_rows";
    case Reduction::last:
      break;
  }
  return "last_rows";
}

kernels::Segments segments_of(const Shape& x, const ConstView& lengths) {
  return {
      .count = lengths.count(), .lengths = lengths.i32(), .rows = x[0], .columns = x.row_count()};
}

template <Reduction how>
CallTypes infer_reduction(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check(name_of(how), inputs, attributes);
  check.inputs(2);
  Shape y = check.f32_at_least(0, "input", 1);
  check.lengths(1, y[0]);
  y[0] = inputs[1].shape[0];
  CallTypes types = makes(y);
  if (how == Reduction::max) types.saved = {{DType::i32, y}};
  return types;
}

/// max saves which row of its segment is largest.
template <Reduction how>
constexpr OpDef reduction_row() {
  return {
      .name = name_of(how),
      .infer = infer_reduction<how>,
      .forward =
          [](const ForwardCall& call) {
            kernels::segment_reduce(how, segments_of(call.inputs[0].shape(), call.inputs[1]),
                                    call.inputs[0].f32(), call.outputs[0].f32(),
                                    call.saved.empty() ? nullptr : call.saved[0].i32());
          },
      .backward =
          [](const BackwardCall& call) {
            const GradientSink& sink = call.input_gradients[0];
            if (!sink.wanted()) return;
            kernels::segment_reduce_backward(
                how, segments_of(call.inputs[0].shape(), call.inputs[1]),
                call.saved.empty() ? nullptr : call.saved[0].i32(), call.output_gradients[0].f32(),
                sink.to.f32(), accumulate(sink));
          },
      .needs = needs_inputs,
      .row_inputs = all_by_rows,
  };
}

constexpr OpDef sum_row = reduction_row<Reduction::sum>();
constexpr OpDef mean_row = reduction_row<Reduction::mean>();
constexpr OpDef max_row = reduction_row<Reduction::max>();
constexpr OpDef first_row = reduction_row<Reduction::first>();
constexpr OpDef last_row = reduction_row<Reduction::last>();

/// Calls don't join: indices count entries of the whole output.
constexpr OpDef scatter_row{
    .name = "scatter",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("scatter", inputs, attributes);
          check.inputs(2);
          Shape y = check.f32_at_least(0, "input", 1);
          if (check.i32(1, "indices") != Shape({y[0]})) {
            check.reject(
                "the indices are " + to_string(inputs[1].shape) + " for rows " + to_string(y),
                "give one index for each row");
          }
          y[0] = check.integer("entries", 1, std::numeric_limits<std::int32_t>::max());
          return makes(check.shape(y.dims()));
        },
    .forward =
        [](const ForwardCall& call) {
          const Shape& y = call.outputs[0].shape();
          kernels::scatter(call.inputs[1].count(), y[0], y.row_count(), call.inputs[1].i32(),
                           call.inputs[0].f32(), call.outputs[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const GradientSink& sink = call.input_gradients[0];
          if (!sink.wanted()) return;
          kernels::scatter_backward(call.inputs[1].count(), sink.to.shape().row_count(),
                                    call.inputs[1].i32(), call.output_gradients[0].f32(),
                                    sink.to.f32(), accumulate(sink));
        },
    .needs = needs_inputs,
};

/// Calls body(i, whether it is masked) for every element of x.
template <class Body>
void for_masked(const ConstView& mask, std::int64_t count, const Body& body) {
  const std::int64_t behind = count / mask.count();
  const auto masked = [&](std::int64_t m) {
    return mask.type.dtype == DType::i32 ? mask.i32()[m] != 0 : mask.f32()[m] != 0.0F;
  };
  const std::int64_t grain = std::max<std::int64_t>(1, (1 << 15) / behind);
  parallel_ranges(mask.count(), grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t m = first; m < last; ++m) {
      const bool hidden = masked(m);
      for (std::int64_t i = m * behind; i < (m + 1) * behind; ++i) body(i, hidden);
    }
  });
}

constexpr OpDef masked_fill_row{
    .name = "masked_fill",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("masked_fill", inputs, attributes);
          check.inputs(2);
          const Shape& x = check.f32_at_least(0, "input", 1);
          const Shape& mask = check.any_at_least(1, "mask", 1);
          if (mask.rank() > x.rank() || !std::equal(mask.begin(), mask.end(), x.begin())) {
            check.reject("the mask is " + to_string(mask) + " for " + to_string(x),
                         "give it the shape of the input, or of its first dimensions");
          }
          static_cast<void>(check.real("value", -max_real, max_real));
          return makes(x);
        },
    .forward =
        [](const ForwardCall& call) {
          const auto value = static_cast<float>(call.attributes.real("value"));
          const float* x = call.inputs[0].f32();
          float* y = call.outputs[0].f32();
          for_masked(call.inputs[1], call.inputs[0].count(),
                     [&](std::int64_t i, bool hidden) { y[i] = hidden ? value : x[i]; });
        },
    .backward =
        [](const BackwardCall& call) {
          const GradientSink& sink = call.input_gradients[0];
          if (!sink.wanted()) return;
          const float* dy = call.output_gradients[0].f32();
          float* dx = sink.to.f32();
          for_masked(call.inputs[1], sink.to.count(), [&](std::int64_t i, bool hidden) {
            const float value = hidden ? 0.0F : dy[i];
            dx[i] = sink.adds() ? dx[i] + value : value;
          });
        },
    .needs = needs_inputs,
    .row_inputs = all_by_rows,
    .differentiable_inputs = 1,
    .forward_in_place = true,
    .backward_in_place = true,
};

constexpr const OpDef* rows[] = {&sum_row,  &mean_row,    &max_row,        &first_row,
                                 &last_row, &scatter_row, &masked_fill_row};

Variable record(const OpDef& row, Variable x, Variable lengths, Attributes attributes = {}) {
  const Variable inputs[] = {x, lengths};
  return x.tape().call(row, inputs, std::move(attributes));
}

}  // namespace

OpRows segment_rows() { return rows; }

Variable segment_sum(Variable x, Variable lengths) { return record(sum_row, x, lengths); }
Variable segment_mean(Variable x, Variable lengths) { return record(mean_row, x, lengths); }
Variable segment_max(Variable x, Variable lengths) { return record(max_row, x, lengths); }
Variable last_rows(Variable x, Variable lengths) { return record(last_row, x, lengths); }
Variable first_rows(Variable x, Variable lengths) { return record(first_row, x, lengths); }

Variable scatter(Variable x, Variable indices, std::int64_t entries) {
  return record(scatter_row, x, indices, {{"entries", entries}});
}

Variable masked_fill(Variable x, Variable mask, double value) {
  return record(masked_fill_row, x, mask, {{"value", value}});
}

}  // namespace raven
