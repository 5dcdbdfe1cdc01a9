#include "tensor/kernels/cell_rows.hpp"

#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/cell_rows.cpp"
#include "hwy/foreach_target.h"
#include "tensor/kernels/cells-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

using kernels::ChildRows;

HWY_INLINE const float* row_or_null(const float* rows, std::size_t at) {
  return rows == nullptr ? nullptr : rows + at;
}

void LstmRows(std::size_t rows, std::size_t size, float* gates, const float* before, float* c,
              float* h) {
  for (std::size_t r = 0; r < rows; ++r) {
    lstm_cell(size, gates + r * 4 * size, row_or_null(before, r * size), c + r * size,
              h + r * size);
  }
}

void LstmRowsBackward(std::size_t rows, std::size_t size, const float* gates, const float* before,
                      const float* c, const float* dh, float* dc, float* dz) {
  for (std::size_t r = 0; r < rows; ++r) {
    lstm_cell_backward(size, gates + r * 4 * size, row_or_null(before, r * size), c + r * size,
                       dh + r * size, dc + r * size, dz + r * 4 * size);
  }
}

void TreeCell(std::size_t size, float* gates, float* forget, const ChildRows& below, float* c,
              float* h) {
  for_vectors(size, [=](auto io, std::size_t i) HWY_ATTR {
    const V in = sigmoid(io.load(gates + i));
    const V fresh = tanh_of(io.load(gates + size + i));
    const V out = sigmoid(io.load(gates + 2 * size + i));
    V now = Mul(in, fresh);
    for (std::size_t k = 0; k < as_size(below.count); ++k) {
      const V open = sigmoid(io.load(forget + k * size + i));
      io.store(open, forget + k * size + i);
      if (below.children[k] < 0) continue;
      now = MulAdd(open, io.load(below.c + as_size(below.children[k]) * size + i), now);
    }
    io.store(in, gates + i);
    io.store(fresh, gates + size + i);
    io.store(out, gates + 2 * size + i);
    io.store(now, c + i);
    io.store(Mul(out, tanh_of(now)), h + i);
  });
}

void TreeCellBackward(std::size_t size, const float* gates, const float* forget,
                      const ChildRows& below, const float* c, const float* dh, const float* dc,
                      float* dgates, float* dforget, float* dc_below) {
  for_vectors(size, [=](auto io, std::size_t i) HWY_ATTR {
    const V in = io.load(gates + i);
    const V fresh = io.load(gates + size + i);
    const V out = io.load(gates + 2 * size + i);
    const V shown = tanh_of(io.load(c + i));
    const V dy = io.load(dh + i);
    const V from_above = dc == nullptr ? zero() : io.load(dc + i);
    const V dnow = MulAdd(Mul(dy, out), tanh_slope(shown), from_above);
    io.store(Mul(Mul(dnow, fresh), sigmoid_slope(in)), dgates + i);
    io.store(Mul(Mul(dnow, in), tanh_slope(fresh)), dgates + size + i);
    io.store(Mul(Mul(dy, shown), sigmoid_slope(out)), dgates + 2 * size + i);
    for (std::size_t k = 0; k < as_size(below.count); ++k) {
      if (below.children[k] < 0) {
        io.store(zero(), dforget + k * size + i);
        continue;
      }
      const std::size_t child = as_size(below.children[k]) * size + i;
      const V open = io.load(forget + k * size + i);
      io.store(Mul(Mul(dnow, io.load(below.c + child)), sigmoid_slope(open)),
               dforget + k * size + i);
      io.store(Mul(dnow, open), dc_below + child);
    }
  });
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(LstmRows);
HWY_EXPORT(LstmRowsBackward);
HWY_EXPORT(TreeCell);
HWY_EXPORT(TreeCellBackward);

namespace kernels {

void lstm_rows(std::int64_t rows, std::int64_t size, float* gates, const float* before, float* c,
               float* h) {
  HWY_DYNAMIC_DISPATCH(LstmRows)(as_size(rows), as_size(size), gates, before, c, h);
}

void lstm_rows_backward(std::int64_t rows, std::int64_t size, const float* gates,
                        const float* before, const float* c, const float* dh, float* dc,
                        float* dgates) {
  HWY_DYNAMIC_DISPATCH(LstmRowsBackward)
  (as_size(rows), as_size(size), gates, before, c, dh, dc, dgates);
}

void tree_cell(std::int64_t size, float* gates, float* forget, const ChildRows& below, float* c,
               float* h) {
  HWY_DYNAMIC_DISPATCH(TreeCell)(as_size(size), gates, forget, below, c, h);
}

void tree_cell_backward(std::int64_t size, const float* gates, const float* forget,
                        const ChildRows& below, const float* c, const float* dh, const float* dc,
                        float* dgates, float* dforget, float* dc_below) {
  HWY_DYNAMIC_DISPATCH(TreeCellBackward)
  (as_size(size), gates, forget, below, c, dh, dc, dgates, dforget, dc_below);
}

}  // namespace kernels
}  // namespace raven
#endif
