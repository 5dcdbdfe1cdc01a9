#include "raven/tensor/kernels/ragged.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "raven/core/error.hpp"
#include "raven/tensor/kernels/reduce.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/kernels/cell_rows.hpp"
#include "tensor/kernels/rows_gemm.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/ragged.cpp"
#include "hwy/foreach_target.h"
#include "tensor/kernels/cells-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

// One step of several sequences, rows one after the other. `before` is null at the first step.

HWY_INLINE const float* row_or_null(const float* rows, std::size_t at) {
  return rows == nullptr ? nullptr : rows + at;
}

void TanhRows(std::size_t rows, std::size_t size, float* gates, float* h) {
  tanh_cell(rows * size, gates, h);
}

void GruRows(std::size_t rows, std::size_t size, float* gates, const float* before,
             const float* part, float* h) {
  for (std::size_t r = 0; r < rows; ++r) {
    gru_cell(size, gates + r * 3 * size, row_or_null(before, r * size), part + r * size,
             h + r * size);
  }
}

void TanhRowsBackward(std::size_t rows, std::size_t size, const float* gates, const float* dh,
                      float* dz) {
  tanh_cell_backward(rows * size, gates, dh, dz);
}

void GruRowsBackward(std::size_t rows, std::size_t size, const float* gates, const float* before,
                     const float* part, float* dh, float* dz, float* dpart) {
  for (std::size_t r = 0; r < rows; ++r) {
    gru_cell_backward(size, gates + r * 3 * size, row_or_null(before, r * size), part + r * size,
                      dh + r * size, dz + r * 3 * size, dpart + r * size);
  }
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(TanhRows);
HWY_EXPORT(GruRows);
HWY_EXPORT(TanhRowsBackward);
HWY_EXPORT(GruRowsBackward);

namespace kernels {
namespace {

/// Sequences from the longest to the shortest (of equal length in their order): those alive at step
/// t are the first so many. A row by steps is (step, place in that order).
class Steps {
 public:
  Steps(const RaggedShape& shape, const std::int32_t* lengths)
      : shape_(shape), lengths_(lengths), memory_(as_size(2 * shape.sequences)) {
    order_ = reinterpret_cast<std::int32_t*>(memory_.data());
    offset_ = order_ + shape.sequences;
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < shape.sequences; ++i) {
      offset_[i] = static_cast<std::int32_t>(sum);
      if (lengths[i] < 1 || lengths[i] > shape.tokens - sum) reject(i);
      sum += lengths[i];
    }
    if (sum != shape.tokens) reject(shape.sequences - 1);
    std::iota(order_, order_ + shape.sequences, 0);
    std::sort(order_, order_ + shape.sequences, [&](std::int32_t a, std::int32_t b) {
      return lengths[a] != lengths[b] ? lengths[a] > lengths[b] : a < b;
    });
  }

  [[nodiscard]] std::int64_t count() const { return lengths_[order_[0]]; }

  /// Calls body(t, first row, rows, first row of the step before) from the first step to the last.
  template <class Body>
  void for_each(const Body& body) const {
    std::int64_t rows = shape_.sequences;
    std::int64_t first = 0;
    std::int64_t before = 0;
    for (std::int64_t t = 0; t < count(); ++t) {
      while (lengths_[order_[rows - 1]] <= t) --rows;
      body(t, first, rows, before);
      before = first;
      first += rows;
    }
  }

  /// The same from the last step to the first.
  template <class Body>
  void for_each_backwards(const Body& body) const {
    std::int64_t rows = 0;
    std::int64_t first = shape_.tokens;
    for (std::int64_t t = count() - 1; t >= 0; --t) {
      while (rows < shape_.sequences && lengths_[order_[rows]] > t) ++rows;
      first -= rows;
      std::int64_t earlier = rows;
      while (earlier < shape_.sequences && lengths_[order_[earlier]] > t - 1) ++earlier;
      body(t, first, rows, first - earlier);
    }
  }

  /// The token of a row by steps.
  [[nodiscard]] std::int64_t token(std::int64_t t, std::int64_t place) const {
    const std::int32_t sequence = order_[place];
    return offset_[sequence] + (shape_.reverse ? lengths_[sequence] - 1 - t : t);
  }

 private:
  [[noreturn]] void reject(std::int64_t i) const {
    throw InputError("the lengths of " + std::to_string(shape_.sequences) +
                         " sequences don't make up " + std::to_string(shape_.tokens) +
                         " tokens (number " + std::to_string(i) + " is " +
                         std::to_string(lengths_[i]) + ")",
                     "let each be at least 1 and their sum the number of tokens");
  }

  const RaggedShape& shape_;
  const std::int32_t* lengths_;
  Scratch memory_;
  std::int32_t* order_ = nullptr;
  std::int32_t* offset_ = nullptr;
};

void copy_row(std::int64_t width, const float* from, float* to) {
  std::memcpy(to, from, as_size(width) * sizeof(float));
}

void add_row_to(std::int64_t width, const float* from, float* to) {
  for (std::int64_t i = 0; i < width; ++i) to[i] += from[i];
}

/// The state in front of each row by steps, from the second step on.
void put_states_before(const Steps& steps, std::int64_t size, const float* states, float* before) {
  steps.for_each([&](std::int64_t t, std::int64_t, std::int64_t rows, std::int64_t last) {
    if (t == 0) return;
    copy_row(rows * size, states + last * size, before);
    before += rows * size;
  });
}

}  // namespace

std::int64_t ragged_forward(const RaggedShape& shape, const float* x, const std::int32_t* lengths,
                            const float* weight, const float* bias, float* gates, float* extras,
                            float* states, float* y) {
  const Steps steps(shape, lengths);
  const std::int64_t size = shape.size;
  const std::int64_t width = gates_of(shape.cell) * size;
  const Scratch flipped(as_size(width * size));
  transpose(width, size, weight, flipped.data());
  std::int64_t multiplied = 0;
  steps.for_each([&](std::int64_t t, std::int64_t first, std::int64_t rows, std::int64_t last) {
    float* z = gates + first * width;
    float* h = states + first * size;
    float* extra = extras == nullptr ? nullptr : extras + first * size;
    for (std::int64_t r = 0; r < rows; ++r) {
      copy_row(width, x + steps.token(t, r) * width, z + r * width);
    }
    const bool gru = shape.cell == Cell::gru;
    if (gru) {
      for (std::int64_t r = 0; r < rows; ++r) copy_row(size, bias, extra + r * size);
    }
    const float* before = t == 0 ? nullptr : states + last * size;
    if (t > 0) {
      multiplied += rows;
      rows_gemm(rows, gru ? 2 * size : width, size, {before, size}, {flipped.data(), width},
                {z, width}, Accumulate::yes);
      if (gru) {
        rows_gemm(rows, size, size, {before, size}, {flipped.data() + 2 * size, width},
                  {extra, size}, Accumulate::yes);
      }
    }
    if (shape.cell == Cell::tanh) {
      HWY_DYNAMIC_DISPATCH(TanhRows)(as_size(rows), as_size(size), z, h);
    } else if (gru) {
      HWY_DYNAMIC_DISPATCH(GruRows)(as_size(rows), as_size(size), z, before, extra, h);
    } else {
      lstm_rows(rows, size, z, t == 0 ? nullptr : extras + last * size, extra, h);
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      copy_row(size, h + r * size, y + steps.token(t, r) * size);
    }
  });
  return multiplied;
}

void ragged_backward(const RaggedShape& shape, const std::int32_t* lengths, const float* weight,
                     const float* gates, const float* extras, const float* states, const float* dy,
                     const RaggedGradients& to) {
  const Steps steps(shape, lengths);
  const std::int64_t size = shape.size;
  const std::int64_t width = gates_of(shape.cell) * size;
  const bool gru = shape.cell == Cell::gru;
  const bool lstm = shape.cell == Cell::lstm;
  const std::int64_t states_now = shape.sequences * size;
  const Scratch dz_memory(as_size(shape.tokens * width));
  const Scratch dh_memory(as_size(states_now));
  const Scratch dc_memory(lstm ? as_size(states_now) : 0);
  // gru: the gradient of W h + b of n is not that of x; the others' are one.
  const Scratch dpart_memory(gru ? as_size(shape.tokens * size) : 0);
  float* dh = dh_memory.data();
  float* dpart = dpart_memory.data();
  std::fill_n(dh, states_now, 0.0F);
  if (lstm) std::fill_n(dc_memory.data(), states_now, 0.0F);
  steps.for_each_backwards(
      [&](std::int64_t t, std::int64_t first, std::int64_t rows, std::int64_t last) {
        for (std::int64_t r = 0; r < rows; ++r) {
          add_row_to(size, dy + steps.token(t, r) * size, dh + r * size);
        }
        const float* z = gates + first * width;
        float* dz = dz_memory.data() + first * width;
        if (shape.cell == Cell::tanh) {
          HWY_DYNAMIC_DISPATCH(TanhRowsBackward)(as_size(rows), as_size(size), z, dh, dz);
        } else if (lstm) {
          lstm_rows_backward(rows, size, z, t == 0 ? nullptr : extras + last * size,
                             extras + first * size, dh, dc_memory.data(), dz);
        } else {
          HWY_DYNAMIC_DISPATCH(GruRowsBackward)
          (as_size(rows), as_size(size), z, t == 0 ? nullptr : states + last * size,
           extras + first * size, dh, dz, dpart + first * size);
        }
        if (to.dx != nullptr) {
          for (std::int64_t r = 0; r < rows; ++r) {
            float* row = to.dx + steps.token(t, r) * width;
            if (to.x_mode == Accumulate::yes) {
              add_row_to(width, dz + r * width, row);
            } else {
              copy_row(width, dz + r * width, row);
            }
          }
        }
        if (t == 0) return;
        rows_gemm(rows, size, gru ? 2 * size : width, {dz, width}, {weight, size}, {dh, size},
                  gru ? Accumulate::yes : Accumulate::no);
        if (gru) {
          rows_gemm(rows, size, size, {dpart + first * size, size},
                    {weight + 2 * size * size, size}, {dh, size}, Accumulate::yes);
        }
      });
  const std::int64_t later = shape.tokens - shape.sequences;
  if (to.dweight != nullptr) {
    const Scratch before(as_size(later * size));
    put_states_before(steps, size, states, before.data());
    const float* dz = dz_memory.data() + shape.sequences * width;
    gemm(Transpose::yes, Transpose::no, gru ? 2 * size : width, size, later, {dz, width},
         {before.data(), size}, {to.dweight, size}, to.weight_mode);
    if (gru) {
      gemm(Transpose::yes, Transpose::no, size, size, later, {dpart + shape.sequences * size, size},
           {before.data(), size}, {to.dweight + 2 * size * size, size}, to.weight_mode);
    }
  }
  if (to.dbias != nullptr) column_sum(shape.tokens, size, dpart, to.dbias, to.bias_mode);
}

}  // namespace kernels
}  // namespace raven
#endif
