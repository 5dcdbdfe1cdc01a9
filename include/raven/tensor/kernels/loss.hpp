#pragma once

#include <cstdint>

namespace raven::kernels {

// Losses come per row, not averaged: a snippet adds them up, and whoever knows the whole batch
// divides. In every backward, `row_gradient` [rows] is the gradient of each row's loss; null means
// all ones.

struct CrossEntropyOptions {
  float label_smoothing = 0.0F;
  std::int32_t ignore_index = -100;      ///< rows with this target have loss and weight 0
  const float* class_weights = nullptr;  ///< [classes] or null for all ones
};

/// Cross entropy of softmax(logits [rows, classes]) against class numbers, as
/// torch.nn.functional.cross_entropy: its mean over a batch is sum(loss) / sum(weight).
/// @param loss [rows]: (1 - s) w[t] (-log p[t]) + s / classes * sum over c of w[c] (-log p[c])
/// @param weight [rows] or null: w[t], 0 if ignored
/// @param log_sum_exp [rows]: saved for backward
/// @throws InputError when a target is neither ignore_index nor in [0, classes)
void cross_entropy_forward(std::int64_t rows, std::int64_t classes, const float* logits,
                           const std::int32_t* targets, const CrossEntropyOptions& options,
                           float* loss, float* weight, float* log_sum_exp);
void cross_entropy_backward(std::int64_t rows, std::int64_t classes, const float* logits,
                            const std::int32_t* targets, const CrossEntropyOptions& options,
                            const float* log_sum_exp, const float* row_gradient, float* dlogits);

/// loss[r] = sum over columns of (y - target)^2; weigh by columns for PyTorch's mean.
void mse_forward(std::int64_t rows, std::int64_t columns, const float* y, const float* target,
                 float* loss);
void mse_backward(std::int64_t rows, std::int64_t columns, const float* y, const float* target,
                  const float* row_gradient, float* dy);

/// Huber: d^2 / 2 where |d| < delta, else delta (|d| - delta / 2); summed over columns.
void huber_forward(std::int64_t rows, std::int64_t columns, float delta, const float* y,
                   const float* target, float* loss);
void huber_backward(std::int64_t rows, std::int64_t columns, float delta, const float* y,
                    const float* target, const float* row_gradient, float* dy);

/// Binary cross entropy of sigmoid(logits) against targets in [0, 1], summed over columns.
/// @param positive_weight [columns] or null for ones: weighs the term of target 1
void bce_with_logits_forward(std::int64_t rows, std::int64_t columns, const float* logits,
                             const float* target, const float* positive_weight, float* loss);
void bce_with_logits_backward(std::int64_t rows, std::int64_t columns, const float* logits,
                              const float* target, const float* positive_weight,
                              const float* row_gradient, float* dlogits);

}  // namespace raven::kernels
