#include "raven/tensor/kernels/loss.hpp"

#include <string>

#include "raven/core/error.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/loss.cpp"
#include "hwy/foreach_target.h"
#include "tensor/row_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

using kernels::CrossEntropyOptions;

void CrossEntropyRow(std::size_t classes, const float* logits, std::int32_t target,
                     const CrossEntropyOptions& options, float* loss, float* log_sum_exp) {
  const float* weights = options.class_weights;
  const float highest = row_max(classes, logits);
  const double log_sum = std::log(sum_of_exp(classes, logits, highest));
  const double normaliser = static_cast<double>(highest) + log_sum;
  *log_sum_exp = static_cast<float>(normaliser);
  const double weight = weights == nullptr ? 1.0 : static_cast<double>(weights[target]);
  const double smoothing = static_cast<double>(options.label_smoothing);
  double value = (1.0 - smoothing) * weight * (normaliser - static_cast<double>(logits[target]));
  if (smoothing > 0.0) {
    double all = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      const double w = weights == nullptr ? 1.0 : static_cast<double>(weights[c]);
      all += w * (normaliser - static_cast<double>(logits[c]));
    }
    value += smoothing / static_cast<double>(classes) * all;
  }
  *loss = static_cast<float>(value);
}

/// dlogits[c] = p[c] times the sum of the weights of all log terms, minus the weight of c's own
/// term.
void CrossEntropyBackwardRow(std::size_t classes, const float* logits, std::int32_t target,
                             const CrossEntropyOptions& options, float weight_sum,
                             float log_sum_exp, float gradient, float* dlogits) {
  const float* weights = options.class_weights;
  const float smooth = options.label_smoothing / static_cast<float>(classes);
  const float sharp =
      (1.0F - options.label_smoothing) * (weights == nullptr ? 1.0F : weights[target]);
  const V factor = splat((sharp + smooth * weight_sum) * gradient);
  const V other = splat(smooth * gradient);
  for_vectors(classes, [=](auto io, std::size_t i) HWY_ATTR {
    const V p = exp_of_negative(Sub(io.load(logits + i), splat(log_sum_exp)));
    const V w = weights == nullptr ? one() : io.load(weights + i);
    io.store(MulSub(p, factor, Mul(other, w)), dlogits + i);
  });
  dlogits[target] -= sharp * gradient;
}

double MseRow(std::size_t columns, const float* y, const float* target) {
  return sum_of(columns, [=](auto io, std::size_t i) HWY_ATTR {
    const V d = Sub(io.load(y + i), io.load(target + i));
    return Mul(d, d);
  });
}

void MseBackwardRow(std::size_t columns, const float* y, const float* target, float gradient,
                    float* dy) {
  for_vectors(columns, [=](auto io, std::size_t i) HWY_ATTR {
    io.store(Mul(splat(2.0F * gradient), Sub(io.load(y + i), io.load(target + i))), dy + i);
  });
}

double HuberRow(std::size_t columns, float delta, const float* y, const float* target) {
  return sum_of(columns, [=](auto io, std::size_t i) HWY_ATTR {
    const V d = Abs(Sub(io.load(y + i), io.load(target + i)));
    const V square = Mul(splat(0.5F), Mul(d, d));
    const V line = Mul(splat(delta), Sub(d, splat(0.5F * delta)));
    return IfThenElse(Lt(d, splat(delta)), square, line);
  });
}

void HuberBackwardRow(std::size_t columns, float delta, const float* y, const float* target,
                      float gradient, float* dy) {
  for_vectors(columns, [=](auto io, std::size_t i) HWY_ATTR {
    const V d = Sub(io.load(y + i), io.load(target + i));
    const V bounded = keep_nan(d, Max(Min(d, splat(delta)), splat(-delta)));
    io.store(Mul(splat(gradient), bounded), dy + i);
  });
}

// p t softplus(-z) + (1 - t) softplus(z), with softplus(z) = z + softplus(-z).
double BceRow(std::size_t columns, const float* logits, const float* target,
              const float* positive_weight) {
  return sum_of(columns, [=](auto io, std::size_t i) HWY_ATTR {
    const V z = io.load(logits + i);
    const V t = io.load(target + i);
    const V negative = Sub(one(), t);
    const V positive = positive_weight == nullptr ? t : Mul(t, io.load(positive_weight + i));
    return io.only(MulAdd(Add(positive, negative), softplus(Neg(z)), Mul(negative, z)));
  });
}

void BceBackwardRow(std::size_t columns, const float* logits, const float* target,
                    const float* positive_weight, float gradient, float* dlogits) {
  for_vectors(columns, [=](auto io, std::size_t i) HWY_ATTR {
    const V z = io.load(logits + i);
    const V t = io.load(target + i);
    const V positive = positive_weight == nullptr ? t : Mul(t, io.load(positive_weight + i));
    // d/dz = (1 - t) s(z) - p t s(-z)
    const V slope = NegMulAdd(positive, sigmoid(Neg(z)), Mul(Sub(one(), t), sigmoid(z)));
    io.store(Mul(splat(gradient), slope), dlogits + i);
  });
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(CrossEntropyRow);
HWY_EXPORT(CrossEntropyBackwardRow);
HWY_EXPORT(MseRow);
HWY_EXPORT(MseBackwardRow);
HWY_EXPORT(HuberRow);
HWY_EXPORT(HuberBackwardRow);
HWY_EXPORT(BceRow);
HWY_EXPORT(BceBackwardRow);

namespace kernels {
namespace {

/// Calls row(r) for every row, many rows to a task.
template <class Row>
void each_row(std::int64_t rows, std::int64_t columns, const Row& row) {
  parallel_ranges(rows, rows_grain(columns), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) row(r);
  });
}

float gradient_of(const float* row_gradient, std::int64_t row) {
  return row_gradient == nullptr ? 1.0F : row_gradient[row];
}

}  // namespace

void cross_entropy_forward(std::int64_t rows, std::int64_t classes, const float* logits,
                           const std::int32_t* targets, const CrossEntropyOptions& options,
                           float* loss, float* weight, float* log_sum_exp) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int32_t target = targets[r];
    if (target == options.ignore_index || (target >= 0 && target < classes)) continue;
    throw InputError("class " + std::to_string(target) + " of row " + std::to_string(r) +
                         " is not one of the model's " + std::to_string(classes) + " classes",
                     "count classes from 0, and give the last layer one output for each");
  }
  each_row(rows, classes, [&](std::int64_t r) {
    const std::int32_t target = targets[r];
    if (target == options.ignore_index) {
      loss[r] = 0.0F;
      log_sum_exp[r] = 0.0F;
      if (weight != nullptr) weight[r] = 0.0F;
      return;
    }
    HWY_DYNAMIC_DISPATCH(CrossEntropyRow)
    (as_size(classes), logits + r * classes, target, options, loss + r, log_sum_exp + r);
    if (weight != nullptr) {
      weight[r] = options.class_weights == nullptr ? 1.0F : options.class_weights[target];
    }
  });
}

void cross_entropy_backward(std::int64_t rows, std::int64_t classes, const float* logits,
                            const std::int32_t* targets, const CrossEntropyOptions& options,
                            const float* log_sum_exp, const float* row_gradient, float* dlogits) {
  auto weight_sum = static_cast<float>(classes);
  if (options.class_weights != nullptr) {
    double total = 0;
    for (std::int64_t c = 0; c < classes; ++c) {
      total += static_cast<double>(options.class_weights[c]);
    }
    weight_sum = static_cast<float>(total);
  }
  each_row(rows, classes, [&](std::int64_t r) {
    float* out = dlogits + r * classes;
    if (targets[r] == options.ignore_index) {
      std::fill_n(out, classes, 0.0F);
      return;
    }
    HWY_DYNAMIC_DISPATCH(CrossEntropyBackwardRow)
    (as_size(classes), logits + r * classes, targets[r], options, weight_sum, log_sum_exp[r],
     gradient_of(row_gradient, r), out);
  });
}

void mse_forward(std::int64_t rows, std::int64_t columns, const float* y, const float* target,
                 float* loss) {
  each_row(rows, columns, [&](std::int64_t r) {
    loss[r] = static_cast<float>(
        HWY_DYNAMIC_DISPATCH(MseRow)(as_size(columns), y + r * columns, target + r * columns));
  });
}

void mse_backward(std::int64_t rows, std::int64_t columns, const float* y, const float* target,
                  const float* row_gradient, float* dy) {
  each_row(rows, columns, [&](std::int64_t r) {
    const std::int64_t at = r * columns;
    HWY_DYNAMIC_DISPATCH(MseBackwardRow)
    (as_size(columns), y + at, target + at, gradient_of(row_gradient, r), dy + at);
  });
}

void huber_forward(std::int64_t rows, std::int64_t columns, float delta, const float* y,
                   const float* target, float* loss) {
  each_row(rows, columns, [&](std::int64_t r) {
    loss[r] = static_cast<float>(HWY_DYNAMIC_DISPATCH(HuberRow)(
        as_size(columns), delta, y + r * columns, target + r * columns));
  });
}

void huber_backward(std::int64_t rows, std::int64_t columns, float delta, const float* y,
                    const float* target, const float* row_gradient, float* dy) {
  each_row(rows, columns, [&](std::int64_t r) {
    const std::int64_t at = r * columns;
    HWY_DYNAMIC_DISPATCH(HuberBackwardRow)
    (as_size(columns), delta, y + at, target + at, gradient_of(row_gradient, r), dy + at);
  });
}

void bce_with_logits_forward(std::int64_t rows, std::int64_t columns, const float* logits,
                             const float* target, const float* positive_weight, float* loss) {
  each_row(rows, columns, [&](std::int64_t r) {
    loss[r] = static_cast<float>(HWY_DYNAMIC_DISPATCH(BceRow)(
        as_size(columns), logits + r * columns, target + r * columns, positive_weight));
  });
}

void bce_with_logits_backward(std::int64_t rows, std::int64_t columns, const float* logits,
                              const float* target, const float* positive_weight,
                              const float* row_gradient, float* dlogits) {
  each_row(rows, columns, [&](std::int64_t r) {
    const std::int64_t at = r * columns;
    HWY_DYNAMIC_DISPATCH(BceBackwardRow)
    (as_size(columns), logits + at, target + at, positive_weight, gradient_of(row_gradient, r),
     dlogits + at);
  });
}

}  // namespace kernels
}  // namespace raven
#endif
