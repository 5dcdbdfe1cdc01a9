#include "raven/graph/ops/metric.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "infer.hpp"
#include "join.hpp"
#include "raven/tensor/parallel.hpp"
#include "rows.hpp"

namespace raven {
namespace {

/// Calls `value(row)` for each row, in parallel, and keeps what it returns.
template <class Value>
void fill_rows(const View& out, std::int64_t columns, Value value) {
  float* to = out.f32();
  const std::int64_t grain = std::max<std::int64_t>(1, (1 << 15) / columns);
  parallel_ranges(out.count(), grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) to[r] = value(r);
  });
}

CallTypes infer_classes(const CallCheck& check) {
  check.inputs(2);
  const Shape& logits = check.f32_at_least(0, "logits", 2);
  const Shape& targets = check.i32(1, "targets");
  if (!std::equal(logits.begin(), logits.end() - 1, targets.begin(), targets.end())) {
    check.reject("the logits are " + to_string(logits) + " but the targets " + to_string(targets),
                 "give one target for each row of logits");
  }
  return {{check.f32_type({targets.count()})}, {}};
}

/// Whether the target, a class, is among the k best: larger logits come before it, and equal ones
/// of lower number.
bool is_within_best(const float* row, std::int64_t classes, std::int64_t target, std::int64_t k) {
  std::int64_t before = 0;
  for (std::int64_t c = 0; c < classes && before < k; ++c) {
    // Written so that a NaN comes before everything: a broken model is never right.
    const bool behind = row[c] < row[target] || (row[c] == row[target] && c >= target);
    if (!behind) ++before;
  }
  return before < k;
}

void within_best(const ForwardCall& call, std::int64_t k) {
  const float* logits = call.inputs[0].f32();
  const std::int32_t* targets = call.inputs[1].i32();
  const std::int64_t classes = call.inputs[0].shape().back();
  fill_rows(call.outputs[0], classes, [&](std::int64_t r) {
    const std::int64_t target = targets[r];
    if (target < 0 || target >= classes) return 0.0F;
    return is_within_best(logits + r * classes, classes, target, k) ? 1.0F : 0.0F;
  });
}

constexpr OpDef accuracy_row{
    .name = "accuracy",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return infer_classes({"accuracy", inputs, attributes});
        },
    .forward = [](const ForwardCall& call) { within_best(call, 1); },
    .row_inputs = all_by_rows,
};

constexpr OpDef top_k_accuracy_row{
    .name = "top_k_accuracy",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("top_k_accuracy", inputs, attributes);
          static_cast<void>(check.integer("k", 1, max_size));
          return infer_classes(check);
        },
    .forward = [](const ForwardCall& call) { within_best(call, call.attributes.integer("k")); },
    .row_inputs = all_by_rows,
};

void count_hits(const ForwardCall& call) {
  const float* logits = call.inputs[0].f32();
  const std::int32_t* targets = call.inputs[1].i32();
  const std::int64_t classes = call.inputs[0].shape().back();
  const std::int64_t k = call.attributes.integer("k");
  const std::int64_t ignored = call.attributes.integer("ignored");
  float* counted = call.outputs[1].f32();
  fill_rows(call.outputs[0], classes, [&](std::int64_t r) {
    const std::int64_t target = targets[r];
    const bool counts = target >= 0 && target < classes && target != ignored;
    counted[r] = counts ? 1.0F : 0.0F;
    return counts && is_within_best(logits + r * classes, classes, target, k) ? 1.0F : 0.0F;
  });
}

constexpr OpDef class_hits_row{
    .name = "class_hits",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("class_hits", inputs, attributes);
          static_cast<void>(check.integer("k", 1, max_size));
          static_cast<void>(check.integer("ignored", std::numeric_limits<std::int32_t>::min(),
                                          std::numeric_limits<std::int32_t>::max()));
          CallTypes types = infer_classes(check);
          types.outputs.resize(2, types.outputs.front());
          return types;
        },
    .forward = count_hits,
    .row_inputs = all_by_rows,
};

/// The first largest; -1 where a NaN stands: a broken model is never right.
std::int64_t best_of(const float* row, std::int64_t classes) {
  std::int64_t best = 0;
  bool broken = false;
  for (std::int64_t c = 0; c < classes; ++c) {
    broken = broken || std::isnan(row[c]);
    if (row[c] > row[best]) best = c;
  }
  return broken ? -1 : best;
}

void count_f1(const ForwardCall& call) {
  const float* logits = call.inputs[0].f32();
  const std::int32_t* targets = call.inputs[1].i32();
  const std::int64_t classes = call.inputs[0].shape().back();
  const std::int64_t without = call.attributes.integer("without");
  const std::int64_t ignored = call.attributes.integer("ignored");
  float* told = call.outputs[1].f32();
  float* truth = call.outputs[2].f32();
  fill_rows(call.outputs[0], classes, [&](std::int64_t r) {
    const std::int64_t target = targets[r];
    const bool counts = target >= 0 && target < classes && target != ignored;
    const std::int64_t best = best_of(logits + r * classes, classes);
    told[r] = counts && (best < 0 || best != without) ? 1.0F : 0.0F;
    truth[r] = counts && target != without ? 1.0F : 0.0F;
    return counts && target != without && best == target ? 1.0F : 0.0F;
  });
}

constexpr OpDef f1_counts_row{
    .name = "f1_counts",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("f1_counts", inputs, attributes);
          static_cast<void>(check.integer("without", -1, max_size));
          static_cast<void>(check.integer("ignored", std::numeric_limits<std::int32_t>::min(),
                                          std::numeric_limits<std::int32_t>::max()));
          CallTypes types = infer_classes(check);
          types.outputs.resize(3, types.outputs.front());
          return types;
        },
    .forward = count_f1,
    .row_inputs = all_by_rows,
};

CallTypes infer_values(const CallCheck& check) {
  check.inputs(2);
  const Shape& y = check.f32_at_least(0, "prediction", 1);
  const Shape& targets = check.f32_at_least(1, "targets", 1);
  if (y[0] != targets[0] || y.count() != targets.count()) {
    check.reject("the prediction is " + to_string(y) + " but the targets are " + to_string(targets),
                 "make the last layer as wide as the targets");
  }
  return {{check.f32_type({y[0]})}, {}};
}

/// The mean of `compare(y, target)` over each row.
template <class Compare>
void row_means(const ForwardCall& call, Compare compare) {
  const std::int64_t columns = call.inputs[0].count() / call.inputs[0].shape()[0];
  const float* y = call.inputs[0].f32();
  const float* targets = call.inputs[1].f32();
  fill_rows(call.outputs[0], columns, [&](std::int64_t r) {
    double sum = 0;
    for (std::int64_t i = r * columns; i < (r + 1) * columns; ++i) sum += compare(y[i], targets[i]);
    return static_cast<float>(sum / static_cast<double>(columns));
  });
}

constexpr OpDef absolute_error_row{
    .name = "absolute_error",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return infer_values({"absolute_error", inputs, attributes});
        },
    .forward =
        [](const ForwardCall& call) {
          row_means(call, [](double y, double target) { return std::abs(y - target); });
        },
    .row_inputs = all_by_rows,
};

constexpr OpDef binary_accuracy_row{
    .name = "binary_accuracy",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return infer_values({"binary_accuracy", inputs, attributes});
        },
    .forward =
        [](const ForwardCall& call) {
          row_means(call, [](float logit, float target) {
            return !std::isnan(logit) && (logit > 0) == (target > 0.5F) ? 1.0 : 0.0;
          });
        },
    .row_inputs = all_by_rows,
};

constexpr const OpDef* rows[] = {&accuracy_row,  &top_k_accuracy_row, &class_hits_row,
                                 &f1_counts_row, &absolute_error_row, &binary_accuracy_row};

Variable record(const OpDef& row, Variable y, Variable targets, Attributes attributes = {}) {
  const Variable inputs[] = {y, targets};
  return y.tape().call(row, inputs, std::move(attributes));
}

}  // namespace

OpRows metric_rows() { return rows; }

Variable accuracy(Variable logits, Variable targets) {
  return record(accuracy_row, logits, targets);
}
Variable top_k_accuracy(Variable logits, Variable targets, std::int64_t k) {
  return record(top_k_accuracy_row, logits, targets, {{"k", k}});
}
ClassHits class_hits(Variable logits, Variable targets, std::int64_t k, std::int64_t ignored) {
  const Variable hits = record(class_hits_row, logits, targets, {{"k", k}, {"ignored", ignored}});
  return {hits, logits.tape().output(hits, 1)};
}
F1Counts f1_counts(Variable logits, Variable targets, std::int64_t without, std::int64_t ignored) {
  const Variable hits =
      record(f1_counts_row, logits, targets, {{"without", without}, {"ignored", ignored}});
  Tape& tape = logits.tape();
  return {hits, tape.output(hits, 1), tape.output(hits, 2)};
}
Variable absolute_error(Variable y, Variable targets) {
  return record(absolute_error_row, y, targets);
}
Variable binary_accuracy(Variable logits, Variable targets) {
  return record(binary_accuracy_row, logits, targets);
}

}  // namespace raven
