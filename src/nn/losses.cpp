#include "raven/nn/loss.hpp"

#include <algorithm>

#include "nn/layer.hpp"
#include "nn/rows.hpp"
#include "raven/graph/ops/arithmetic.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/ops/loss.hpp"
#include "raven/graph/ops/metric.hpp"

namespace raven {
namespace {

constexpr const LossDef* losses[] = {&cross_entropy_loss, &mse_loss, &huber_loss,
                                     &bce_with_logits_loss};

const OptionDef cross_entropy_options[] = {
    {.name = "label_smoothing",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .max = 1,
     .help = "share of each target that is spread evenly over all classes"},
    {.name = "ignore_index",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{-100},
     .min = -2147483648.0,
     .max = 2147483647.0,
     .help = "targets of this class count nothing"},
    {.name = "class_weights",
     .kind = OptionKind::reals,
     .fallback = std::vector<double>{},
     .min = 0,
     .help = "how much each class counts; if not given, all the same"},
    {.name = "top_k",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{0},
     .min = 0,
     .help = "also report how often the target is among the k likeliest classes"},
    {.name = "f1",
     .kind = OptionKind::boolean,
     .fallback = false,
     .help = "also report F1 over all answers, the same as accuracy unless f1_without is given"},
    {.name = "f1_without",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{-1},
     .min = -1,
     .help = "number of the class that says 'nothing here' (O of entities), which F1 leaves out"},
};

const OptionDef huber_options[] = {
    {.name = "delta",
     .kind = OptionKind::real,
     .fallback = 1.0,
     .min = 1e-6,
     .help = "errors below it count squared, above it linearly"},
};

const OptionDef bce_options[] = {
    {.name = "positive_weight",
     .kind = OptionKind::reals,
     .fallback = std::vector<double>{},
     .min = 0,
     .help = "how much targets of 1 count, one number or one per output; if not given, 1"},
};

/// A mean over the places that ask for a class: what the loss ignores is no answer, right or wrong.
void add_class_metric(const std::string& name, Variable logits, Variable targets, std::int64_t k,
                      const Options& options) {
  const ClassHits found = class_hits(logits, targets, k, options.integer("ignore_index"));
  logits.tape().add_metric(name, found.hits);
  logits.tape().add_metric(name + "/rows", found.counted);
}

/// Logits [..., classes] and targets [...], whose last dimension may also be a 1.
Variable class_targets(Variable logits, Variable targets) {
  if (targets.type().dtype != DType::i32) {
    throw InputError("it compares with class numbers, but the targets are real numbers",
                     "use the loss mse or huber, or import the targets as classes");
  }
  if (logits.type().dtype != DType::f32 || logits.shape().rank() < 2) {
    throw InputError("the model's last layer doesn't give one number per class",
                     "end the model with a linear layer of as many features as there are classes");
  }
  const Shape wanted(logits.shape().dims().first(logits.shape().rank() - 1));
  if (targets.shape() == wanted) return targets;
  if (targets.shape().count() == wanted.count() && targets.shape().back() == 1) {
    return reshape(targets, wanted);
  }
  throw InputError(
      "the model gives " + sample_shape(logits.type()) +
          " numbers per sample, which does not fit targets of " + sample_shape(targets.type()),
      logits.shape().rank() > 2 && targets.shape().rank() == 1
          ? "put a flatten layer in front of the last linear layer"
          : "make the model's output as the targets, with the classes as last dimension");
}

void add_f1(Variable logits, Variable targets, const Options& options) {
  if (!options.boolean("f1")) return;
  const std::int64_t without = options.integer("f1_without");
  if (without >= logits.shape().back()) {
    throw InputError("f1_without is " + std::to_string(without) + ", but the model gives only " +
                         std::to_string(logits.shape().back()) + " classes, from 0",
                     "give the number of a class");
  }
  const F1Counts counts = f1_counts(logits, targets, without, options.integer("ignore_index"));
  Tape& tape = logits.tape();
  tape.add_metric("f1/hits", counts.hits);
  tape.add_metric("f1/told", counts.told);
  tape.add_metric("f1/true", counts.truth);
}

void record_cross_entropy(Variable logits, Variable targets, const Options& options) {
  targets = class_targets(logits, targets);
  const std::int64_t classes = logits.shape().back();
  const auto& weights = options.reals("class_weights");
  if (!weights.empty() && static_cast<std::int64_t>(weights.size()) != classes) {
    throw InputError("class_weights has " + std::to_string(weights.size()) +
                         " numbers, but the model gives " + std::to_string(classes) + " classes",
                     "give one weight per class");
  }
  const std::int64_t top_k = options.integer("top_k");
  if (top_k > classes) {
    throw InputError("top_k is " + std::to_string(top_k) + ", but the model gives only " +
                         std::to_string(classes) + " classes",
                     "use a smaller top_k");
  }
  const RowLosses result = cross_entropy(logits, targets,
                                         {.label_smoothing = options.real("label_smoothing"),
                                          .ignore_index = options.integer("ignore_index"),
                                          .class_weights = weights});
  logits.tape().set_loss(result.losses, result.weights);
  add_class_metric("accuracy", logits, targets, 1, options);
  if (top_k > 0) {
    add_class_metric("top_" + std::to_string(top_k) + "_accuracy", logits, targets, top_k, options);
  }
  add_f1(logits, targets, options);
}

/// Targets as real numbers, one for each output of the model. Never class numbers: which number a
/// class has follows from how classes were found, not from what they mean.
Variable number_targets(Variable prediction, Variable targets) {
  if (targets.type().dtype == DType::i32) {
    throw InputError("it compares with values, but the targets are class numbers",
                     "import the data with their targets as values (raven data import csv with "
                     "--kind real), or use the loss cross_entropy");
  }
  if (prediction.type().dtype != DType::f32) {
    throw InputError("the model's output is whole numbers, which can't be trained",
                     "end the model with a layer that computes, such as linear");
  }
  if (prediction.shape().count() != targets.shape().count()) {
    throw InputError("the model gives " + sample_shape(prediction.type()) +
                         " numbers per sample, but the targets are " + sample_shape(targets.type()),
                     "make the last layer give as many numbers as a target has");
  }
  return targets;
}

void set_loss(const RowLosses& result) {
  result.losses.tape().set_loss(result.losses, result.weights);
}

void record_mse(Variable prediction, Variable targets, const Options&) {
  targets = number_targets(prediction, targets);
  set_loss(mse(prediction, targets));
  prediction.tape().add_metric("mean_absolute_error", absolute_error(prediction, targets));
}

void record_huber(Variable prediction, Variable targets, const Options& options) {
  targets = number_targets(prediction, targets);
  set_loss(huber(prediction, targets, options.real("delta")));
  prediction.tape().add_metric("mean_absolute_error", absolute_error(prediction, targets));
}

void record_bce(Variable logits, Variable targets, const Options& options) {
  targets = number_targets(logits, targets);
  const auto outputs = static_cast<std::size_t>(logits.shape().row_count());
  std::vector<double> weights = options.reals("positive_weight");
  if (weights.size() == 1) weights.resize(outputs, weights[0]);
  if (!weights.empty() && weights.size() != outputs) {
    throw InputError("positive_weight has " + std::to_string(weights.size()) +
                         " numbers, but the model gives " + std::to_string(outputs),
                     "give one weight, or one per output");
  }
  set_loss(bce_with_logits(logits, targets, std::move(weights)));
  logits.tape().add_metric("accuracy", binary_accuracy(logits, targets));
}

}  // namespace

std::span<const LossDef* const> loss_table() { return losses; }

const LossDef* find_loss(std::string_view name) {
  const auto found = std::ranges::find(losses, name, &LossDef::name);
  return found == std::end(losses) ? nullptr : *found;
}

const LossDef cross_entropy_loss{.name = "cross_entropy",
                                 .help =
                                     "for classes: minus the logarithm of the target's share "
                                     "in softmax(output)",
                                 .options = cross_entropy_options,
                                 .record = record_cross_entropy};

const LossDef mse_loss{.name = "mse",
                       .help = "for values: mean of squared errors",
                       .options = {},
                       .record = record_mse};

const LossDef huber_loss{.name = "huber",
                         .help = "for values with outliers: squared below delta, linear above",
                         .options = huber_options,
                         .record = record_huber};

const LossDef bce_with_logits_loss{.name = "bce_with_logits",
                                   .help =
                                       "for yes or no: cross entropy of sigmoid(output) "
                                       "against targets from 0 to 1",
                                   .options = bce_options,
                                   .record = record_bce};

}  // namespace raven
