#include "raven/tensor/kernels/elementwise.hpp"

#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

#ifndef RAVEN_TENSOR_POINTWISE
#define RAVEN_TENSOR_POINTWISE
namespace raven {

/// The operations of this file: out = op(a, b, p, q).
enum class Pointwise : std::uint8_t {
  add,
  sub,
  mul,
  div,
  mul_add,
  axpy,
  scale,
  add_scalar,
  negate,
  exp,
  log,
  sqrt,
  square,
  abs,
  clamp,
  sqrt_backward,
  square_backward,
  abs_backward,
  clamp_backward,
};

}  // namespace raven
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/elementwise.cpp"
#include "hwy/foreach_target.h"
#include "tensor/vector_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

template <class F>
HWY_INLINE void map(std::size_t count, const float* x, float* y, const F& f) {
  for_vectors(count, [&](auto io, std::size_t i) HWY_ATTR { io.store(f(io.load(x + i)), y + i); });
}

template <class F>
HWY_INLINE void zip(std::size_t count, const float* a, const float* b, float* y, const F& f) {
  for_vectors(count, [&](auto io, std::size_t i)
                         HWY_ATTR { io.store(f(io.load(a + i), io.load(b + i)), y + i); });
}

void PointwiseRange(Pointwise op, std::size_t count, float p, float q, const float* a,
                    const float* b, float* y) {
  const V low = splat(p);
  const V high = splat(q);
  switch (op) {
    case Pointwise::add:
      return zip(count, a, b, y, [](V u, V v) HWY_ATTR { return Add(u, v); });
    case Pointwise::sub:
      return zip(count, a, b, y, [](V u, V v) HWY_ATTR { return Sub(u, v); });
    case Pointwise::mul:
      return zip(count, a, b, y, [](V u, V v) HWY_ATTR { return Mul(u, v); });
    case Pointwise::div:
      return zip(count, a, b, y, [](V u, V v) HWY_ATTR { return Div(u, v); });
    case Pointwise::mul_add:
      return for_vectors(count, [&](auto io, std::size_t i) HWY_ATTR {
        io.store(MulAdd(io.load(a + i), io.load(b + i), io.load(y + i)), y + i);
      });
    case Pointwise::axpy:
      return zip(count, a, y, y, [=](V u, V v) HWY_ATTR { return MulAdd(low, u, v); });
    case Pointwise::scale:
      return map(count, a, y, [=](V u) HWY_ATTR { return Mul(low, u); });
    case Pointwise::add_scalar:
      return map(count, a, y, [=](V u) HWY_ATTR { return Add(u, low); });
    case Pointwise::negate:
      return map(count, a, y, [](V u) HWY_ATTR { return Neg(u); });
    case Pointwise::exp:
      return map(count, a, y, [](V u) HWY_ATTR { return exp_of(u); });
    case Pointwise::log:
      return map(count, a, y, [](V u) HWY_ATTR { return log_of(u); });
    case Pointwise::sqrt:
      return map(count, a, y, [](V u) HWY_ATTR { return Sqrt(u); });
    case Pointwise::square:
      return map(count, a, y, [](V u) HWY_ATTR { return Mul(u, u); });
    case Pointwise::abs:
      return map(count, a, y, [](V u) HWY_ATTR { return Abs(u); });
    case Pointwise::clamp:
      return map(count, a, y, [=](V u) HWY_ATTR {
        return IfThenElse(Lt(u, low), low, IfThenElse(Gt(u, high), high, u));
      });
    case Pointwise::sqrt_backward:
      return zip(count, a, b, y, [](V u, V g) HWY_ATTR { return Div(Mul(g, splat(0.5F)), u); });
    case Pointwise::square_backward:
      return zip(count, a, b, y, [](V u, V g) HWY_ATTR { return Mul(Add(u, u), g); });
    case Pointwise::abs_backward:
      return zip(count, a, b, y, [](V u, V g) HWY_ATTR {
        return IfThenZeroElse(Eq(u, zero()), IfThenElse(Lt(u, zero()), Neg(g), g));
      });
    case Pointwise::clamp_backward:
      return zip(count, a, b, y, [=](V u, V g) HWY_ATTR {
        return IfThenZeroElse(Gt(u, high), IfThenZeroElse(Lt(u, low), g));
      });
  }
}

void AddRow(std::size_t rows, std::size_t columns, const float* x, const float* row, float* y) {
  for (std::size_t r = 0; r < rows; ++r) {
    zip(columns, x + r * columns, row, y + r * columns,
        [](V u, V v) HWY_ATTR { return Add(u, v); });
  }
}

void MulRow(std::size_t rows, std::size_t columns, const float* x, const float* row, float* y) {
  for (std::size_t r = 0; r < rows; ++r) {
    zip(columns, x + r * columns, row, y + r * columns,
        [](V u, V v) HWY_ATTR { return Mul(u, v); });
  }
}

void ScaleRows(std::size_t rows, std::size_t columns, const float* x, const float* factor,
               float* y) {
  for (std::size_t r = 0; r < rows; ++r) {
    const V f = splat(factor[r]);
    map(columns, x + r * columns, y + r * columns, [=](V u) HWY_ATTR { return Mul(f, u); });
  }
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(PointwiseRange);
HWY_EXPORT(AddRow);
HWY_EXPORT(MulRow);
HWY_EXPORT(ScaleRows);

namespace kernels {
namespace {

void pointwise(Pointwise op, std::int64_t count, const float* a, const float* b, float* y,
               float p = 0.0F, float q = 0.0F) {
  parallel_ranges(count, elementwise_grain, [&](std::int64_t first, std::int64_t last) {
    HWY_DYNAMIC_DISPATCH(PointwiseRange)
    (op, as_size(last - first), p, q, a + first, b == nullptr ? nullptr : b + first, y + first);
  });
}

template <class Rows>
void by_rows(std::int64_t rows, std::int64_t columns, const Rows& run) {
  parallel_ranges(rows, rows_grain(columns), run);
}

}  // namespace

void add(std::int64_t count, const float* a, const float* b, float* out) {
  pointwise(Pointwise::add, count, a, b, out);
}
void sub(std::int64_t count, const float* a, const float* b, float* out) {
  pointwise(Pointwise::sub, count, a, b, out);
}
void mul(std::int64_t count, const float* a, const float* b, float* out) {
  pointwise(Pointwise::mul, count, a, b, out);
}
void div(std::int64_t count, const float* a, const float* b, float* out) {
  pointwise(Pointwise::div, count, a, b, out);
}
void mul_add(std::int64_t count, const float* a, const float* b, float* out) {
  pointwise(Pointwise::mul_add, count, a, b, out);
}
void add_into(std::int64_t count, const float* a, float* out) {
  pointwise(Pointwise::add, count, out, a, out);
}
void axpy(std::int64_t count, float factor, const float* a, float* out) {
  pointwise(Pointwise::axpy, count, a, nullptr, out, factor);
}
void scale(std::int64_t count, float factor, const float* a, float* out) {
  pointwise(Pointwise::scale, count, a, nullptr, out, factor);
}
void add_scalar(std::int64_t count, float term, const float* a, float* out) {
  pointwise(Pointwise::add_scalar, count, a, nullptr, out, term);
}
void negate(std::int64_t count, const float* x, float* y) {
  pointwise(Pointwise::negate, count, x, nullptr, y);
}
void exp(std::int64_t count, const float* x, float* y) {
  pointwise(Pointwise::exp, count, x, nullptr, y);
}
void log(std::int64_t count, const float* x, float* y) {
  pointwise(Pointwise::log, count, x, nullptr, y);
}
void sqrt(std::int64_t count, const float* x, float* y) {
  pointwise(Pointwise::sqrt, count, x, nullptr, y);
}
void square(std::int64_t count, const float* x, float* y) {
  pointwise(Pointwise::square, count, x, nullptr, y);
}
void abs(std::int64_t count, const float* x, float* y) {
  pointwise(Pointwise::abs, count, x, nullptr, y);
}
void clamp(std::int64_t count, float low, float high, const float* x, float* y) {
  pointwise(Pointwise::clamp, count, x, nullptr, y, low, high);
}
void sqrt_backward(std::int64_t count, const float* y, const float* dy, float* dx) {
  pointwise(Pointwise::sqrt_backward, count, y, dy, dx);
}
void square_backward(std::int64_t count, const float* x, const float* dy, float* dx) {
  pointwise(Pointwise::square_backward, count, x, dy, dx);
}
void abs_backward(std::int64_t count, const float* x, const float* dy, float* dx) {
  pointwise(Pointwise::abs_backward, count, x, dy, dx);
}
void clamp_backward(std::int64_t count, float low, float high, const float* x, const float* dy,
                    float* dx) {
  pointwise(Pointwise::clamp_backward, count, x, dy, dx, low, high);
}

void add_row(std::int64_t rows, std::int64_t columns, const float* x, const float* row, float* y) {
  by_rows(rows, columns, [&](std::int64_t first, std::int64_t last) {
    HWY_DYNAMIC_DISPATCH(AddRow)
    (as_size(last - first), as_size(columns), x + first * columns, row, y + first * columns);
  });
}
void mul_row(std::int64_t rows, std::int64_t columns, const float* x, const float* row, float* y) {
  by_rows(rows, columns, [&](std::int64_t first, std::int64_t last) {
    HWY_DYNAMIC_DISPATCH(MulRow)
    (as_size(last - first), as_size(columns), x + first * columns, row, y + first * columns);
  });
}
void scale_rows(std::int64_t rows, std::int64_t columns, const float* x, const float* factor,
                float* y) {
  by_rows(rows, columns, [&](std::int64_t first, std::int64_t last) {
    HWY_DYNAMIC_DISPATCH(ScaleRows)
    (as_size(last - first), as_size(columns), x + first * columns, factor + first,
     y + first * columns);
  });
}

}  // namespace kernels
}  // namespace raven
#endif
