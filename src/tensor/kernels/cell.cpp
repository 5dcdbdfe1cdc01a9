#include "raven/tensor/kernels/cell.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "raven/tensor/kernels/reduce.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/kernels/cell_rows.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {
namespace {

/// Rows 0, 1, ... of the children of one node.
class Numbers {
 public:
  explicit Numbers(std::int64_t count) : memory_(as_size(count)) {
    auto* first = reinterpret_cast<std::int32_t*>(memory_.data());
    std::iota(first, first + count, 0);
  }
  [[nodiscard]] const std::int32_t* data() const {
    return reinterpret_cast<const std::int32_t*>(memory_.data());
  }

 private:
  Scratch memory_;
};

/// dh, or as many zeros.
class OrZeros {
 public:
  OrZeros(const float* given, std::int64_t size)
      : given_(given), zeros_(given == nullptr ? as_size(size) : 0) {
    if (given == nullptr) std::fill_n(zeros_.data(), size, 0.0F);
  }
  [[nodiscard]] const float* row(std::int64_t at) const {
    return given_ == nullptr ? zeros_.data() : given_ + at;
  }

 private:
  const float* given_;
  Scratch zeros_;
};

void copy_row(std::int64_t width, const float* from, float* to) {
  std::memcpy(to, from, as_size(width) * sizeof(float));
}

}  // namespace

void lstm_cells(std::int64_t rows, std::int64_t size, float* gates, const float* before, float* c,
                float* h) {
  lstm_rows(rows, size, gates, before, c, h);
}

void lstm_cells_backward(std::int64_t rows, std::int64_t size, const float* gates,
                         const float* before, const float* c, const float* dh, const float* dc,
                         float* dgates, float* dbefore) {
  if (dc == nullptr) {
    std::fill_n(dbefore, rows * size, 0.0F);
  } else {
    copy_row(rows * size, dc, dbefore);
  }
  const OrZeros told(dh, rows * size);
  lstm_rows_backward(rows, size, gates, before, c, told.row(0), dbefore, dgates);
}

void begin_tree_cells(std::int64_t rows, std::int64_t size, std::int64_t children,
                      const float* bias, float* gates, float* forget) {
  for (std::int64_t r = 0; r < rows; ++r) {
    copy_row(size, bias, gates + r * 3 * size);
    copy_row(2 * size, bias + 2 * size, gates + r * 3 * size + size);
    for (std::int64_t k = 0; k < children; ++k) {
      copy_row(size, bias + size, forget + (r * children + k) * size);
    }
  }
}

void tree_cells(std::int64_t rows, std::int64_t size, std::int64_t children, float* gates,
                float* forget, const float* below, float* c, float* h) {
  const Numbers numbers(children);
  parallel_ranges(rows, rows_grain(4 * size), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      const std::int64_t at = r * children * size;
      const ChildRows of{children, numbers.data(), children == 0 ? nullptr : below + at};
      tree_cell(size, gates + r * 3 * size, children == 0 ? nullptr : forget + at, of, c + r * size,
                h + r * size);
    }
  });
}

void tree_cells_backward(std::int64_t rows, std::int64_t size, std::int64_t children,
                         const float* gates, const float* forget, const float* below,
                         const float* c, const float* dh, const float* dc, float* dgates,
                         float* dforget, float* dbelow) {
  const Numbers numbers(children);
  const OrZeros told(dh, size);
  parallel_ranges(rows, rows_grain(4 * size), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      const std::int64_t at = r * children * size;
      const ChildRows of{children, numbers.data(), children == 0 ? nullptr : below + at};
      tree_cell_backward(size, gates + r * 3 * size, children == 0 ? nullptr : forget + at, of,
                         c + r * size, told.row(r * size), dc == nullptr ? nullptr : dc + r * size,
                         dgates + r * 3 * size, children == 0 ? nullptr : dforget + at,
                         children == 0 ? nullptr : dbelow + at);
    }
  });
}

void tree_cells_bias(std::int64_t rows, std::int64_t size, std::int64_t children,
                     const float* dgates, const float* dforget, float* dbias) {
  const Scratch sums(as_size(3 * size));
  column_sum(rows, 3 * size, dgates, sums.data());
  copy_row(size, sums.data(), dbias);
  copy_row(2 * size, sums.data() + size, dbias + 2 * size);
  column_sum(rows * children, size, dforget, dbias + size);
}

}  // namespace raven::kernels
