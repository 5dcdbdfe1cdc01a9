#include "raven/graph/ops/loss.hpp"

#include <algorithm>

#include "infer.hpp"
#include "join.hpp"
#include "raven/tensor/kernels/fill.hpp"
#include "raven/tensor/kernels/loss.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

/// A list of reals from the attributes as floats, in scratch memory; null when it is empty.
class FloatList {
 public:
  explicit FloatList(const std::vector<double>& list) : scratch_(list.size()) {
    if (list.empty()) return;
    std::transform(list.begin(), list.end(), scratch_.data(),
                   [](double value) { return static_cast<float>(value); });
    data_ = scratch_.data();
  }
  [[nodiscard]] const float* data() const { return data_; }

 private:
  Scratch scratch_;
  const float* data_ = nullptr;
};

void check_list(const CallCheck& check, std::string_view key, std::int64_t size) {
  const std::vector<double>& list = check.reals(key);
  if (list.empty()) return;
  if (static_cast<std::int64_t>(list.size()) != size) {
    check.reject(std::string(key) + " has " + std::to_string(list.size()) +
                     " numbers, but there must be " + std::to_string(size),
                 "give one for each class or value");
  }
  if (!std::all_of(list.begin(), list.end(), [](double w) { return w >= 0 && w <= max_real; })) {
    check.reject(std::string(key) + " has a negative number or one that is not finite",
                 "give numbers from 0 upwards");
  }
}

kernels::CrossEntropyOptions options_of(const Attributes& attributes, const FloatList& weights) {
  return {.label_smoothing = static_cast<float>(attributes.real("label_smoothing")),
          .ignore_index = static_cast<std::int32_t>(attributes.integer("ignore_index")),
          .class_weights = weights.data()};
}

CallTypes infer_cross_entropy(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check("cross_entropy", inputs, attributes);
  check.inputs(2);
  const Shape& logits = check.f32_at_least(0, "logits", 2);
  const Shape& targets = check.i32(1, "targets");
  if (!std::equal(logits.begin(), logits.end() - 1, targets.begin(), targets.end())) {
    check.reject("the logits are " + to_string(logits) + " but the targets " + to_string(targets),
                 "give one target for each row of logits");
  }
  static_cast<void>(check.real("label_smoothing", 0.0, 1.0));
  static_cast<void>(check.integer("ignore_index", std::numeric_limits<std::int32_t>::min(),
                                  std::numeric_limits<std::int32_t>::max()));
  check_list(check, "class_weights", logits.back());
  const ValueType rows = check.f32_type({targets.count()});
  return {{rows, rows}, {rows}};
}

/// Losses, weights; saves the log-sum-exp of each row.
constexpr OpDef cross_entropy_row{
    .name = "cross_entropy",
    .infer = infer_cross_entropy,
    .forward =
        [](const ForwardCall& call) {
          const ConstView& logits = call.inputs[0];
          const FloatList weights(call.attributes.reals("class_weights"));
          kernels::cross_entropy_forward(
              call.inputs[1].count(), logits.shape().back(), logits.f32(), call.inputs[1].i32(),
              options_of(call.attributes, weights), call.outputs[0].f32(), call.outputs[1].f32(),
              call.saved[0].f32());
        },
    .backward =
        [](const BackwardCall& call) {
          const ConstView& logits = call.inputs[0];
          const FloatList weights(call.attributes.reals("class_weights"));
          assign_or_add(call.input_gradients[0], [&](float* dlogits) {
            kernels::cross_entropy_backward(
                call.inputs[1].count(), logits.shape().back(), logits.f32(), call.inputs[1].i32(),
                options_of(call.attributes, weights), call.saved[0].f32(),
                call.output_gradients[0].f32(), dlogits);
          });
        },
    .needs = needs_inputs,
    .row_inputs = all_by_rows,
    .differentiable_inputs = 1,
};

/// Types of a loss that compares values with targets: [n] losses and [n] weights.
CallTypes compare(const CallCheck& check) {
  check.inputs(2);
  const Shape& y = check.f32_at_least(0, "prediction", 1);
  const Shape& targets = check.f32_at_least(1, "targets", 1);
  if (y[0] != targets[0] || y.count() != targets.count()) {
    check.reject("the prediction is " + to_string(y) + " but the targets are " + to_string(targets),
                 "make the last layer as wide as the targets");
  }
  const ValueType rows = check.f32_type({y[0]});
  return {{rows, rows}, {}};
}

/// The sizes that the kernels ask for, of what compare() has checked.
struct Sizes {
  explicit Sizes(const Shape& y) : rows(y[0]), columns(y.count() / y[0]) {}
  std::int64_t rows;
  std::int64_t columns;
};

void weigh_by_columns(const ForwardCall& call, const Sizes& sizes) {
  kernels::fill(sizes.rows, static_cast<float>(sizes.columns), call.outputs[1].f32());
}

constexpr OpDef mse_row{
    .name = "mse",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          return compare({"mse", inputs, attributes});
        },
    .forward =
        [](const ForwardCall& call) {
          const Sizes sizes(call.inputs[0].shape());
          kernels::mse_forward(sizes.rows, sizes.columns, call.inputs[0].f32(),
                               call.inputs[1].f32(), call.outputs[0].f32());
          weigh_by_columns(call, sizes);
        },
    .backward =
        [](const BackwardCall& call) {
          const Sizes sizes(call.inputs[0].shape());
          assign_or_add(call.input_gradients[0], [&](float* dy) {
            kernels::mse_backward(sizes.rows, sizes.columns, call.inputs[0].f32(),
                                  call.inputs[1].f32(), call.output_gradients[0].f32(), dy);
          });
        },
    .needs = needs_inputs,
    .row_inputs = all_by_rows,
    .differentiable_inputs = 1,
};

constexpr OpDef huber_row{
    .name = "huber",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("huber", inputs, attributes);
          static_cast<void>(check.real("delta", 1.0e-6, 1.0e6));
          return compare(check);
        },
    .forward =
        [](const ForwardCall& call) {
          const Sizes sizes(call.inputs[0].shape());
          kernels::huber_forward(sizes.rows, sizes.columns,
                                 static_cast<float>(call.attributes.real("delta")),
                                 call.inputs[0].f32(), call.inputs[1].f32(), call.outputs[0].f32());
          weigh_by_columns(call, sizes);
        },
    .backward =
        [](const BackwardCall& call) {
          const Sizes sizes(call.inputs[0].shape());
          assign_or_add(call.input_gradients[0], [&](float* dy) {
            kernels::huber_backward(
                sizes.rows, sizes.columns, static_cast<float>(call.attributes.real("delta")),
                call.inputs[0].f32(), call.inputs[1].f32(), call.output_gradients[0].f32(), dy);
          });
        },
    .needs = needs_inputs,
    .row_inputs = all_by_rows,
    .differentiable_inputs = 1,
};

constexpr OpDef bce_with_logits_row{
    .name = "bce_with_logits",
    .infer =
        [](std::span<const ValueType> inputs, const Attributes& attributes) {
          const CallCheck check("bce_with_logits", inputs, attributes);
          CallTypes types = compare(check);
          check_list(check, "positive_weight", Sizes(inputs[0].shape).columns);
          return types;
        },
    .forward =
        [](const ForwardCall& call) {
          const Sizes sizes(call.inputs[0].shape());
          const FloatList positive(call.attributes.reals("positive_weight"));
          kernels::bce_with_logits_forward(sizes.rows, sizes.columns, call.inputs[0].f32(),
                                           call.inputs[1].f32(), positive.data(),
                                           call.outputs[0].f32());
          weigh_by_columns(call, sizes);
        },
    .backward =
        [](const BackwardCall& call) {
          const Sizes sizes(call.inputs[0].shape());
          const FloatList positive(call.attributes.reals("positive_weight"));
          assign_or_add(call.input_gradients[0], [&](float* dlogits) {
            kernels::bce_with_logits_backward(sizes.rows, sizes.columns, call.inputs[0].f32(),
                                              call.inputs[1].f32(), positive.data(),
                                              call.output_gradients[0].f32(), dlogits);
          });
        },
    .needs = needs_inputs,
    .row_inputs = all_by_rows,
    .differentiable_inputs = 1,
};

constexpr const OpDef* rows[] = {&cross_entropy_row, &mse_row, &huber_row, &bce_with_logits_row};

RowLosses record(const OpDef& row, Variable y, Variable targets, Attributes attributes) {
  const Variable inputs[] = {y, targets};
  const Variable losses = y.tape().call(row, inputs, std::move(attributes));
  return {losses, y.tape().output(losses, 1)};
}

}  // namespace

OpRows loss_rows() { return rows; }

RowLosses cross_entropy(Variable logits, Variable targets, const CrossEntropyChoice& choice) {
  return record(cross_entropy_row, logits, targets,
                {{"label_smoothing", choice.label_smoothing},
                 {"ignore_index", choice.ignore_index},
                 {"class_weights", choice.class_weights}});
}

RowLosses mse(Variable y, Variable targets) { return record(mse_row, y, targets, {}); }

RowLosses huber(Variable y, Variable targets, double delta) {
  return record(huber_row, y, targets, {{"delta", delta}});
}

RowLosses bce_with_logits(Variable logits, Variable targets, std::vector<double> positive_weight) {
  return record(bce_with_logits_row, logits, targets,
                {{"positive_weight", std::move(positive_weight)}});
}

}  // namespace raven
