#include "raven/tensor/kernels/attention.hpp"

#include <algorithm>
#include <cmath>

#include "raven/tensor/parallel.hpp"
#include "tensor/blas.hpp"
#include "tensor/kernels/gemm_tiles.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/attention.cpp"
#include "hwy/foreach_target.h"
#include "tensor/row_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

/// One row of shares, in place of its scores: softmax over the first `seen`, zeros after them.
void ShareRow(std::size_t seen, std::size_t columns, float scale, float* x) {
  if (seen > 0) {
    const V highest = splat(row_max(seen, x));
    const V factor = splat(scale);
    const double total = sum_of(seen, [=](auto io, std::size_t i) HWY_ATTR {
      const V value = exp_of_negative(Mul(Sub(io.load(x + i), highest), factor));
      io.store(value, x + i);
      return io.only(value);
    });
    const V part = splat(static_cast<float>(1.0 / total));
    for_vectors(
        seen, [=](auto io, std::size_t i) HWY_ATTR { io.store(Mul(io.load(x + i), part), x + i); });
  }
  std::fill(x + seen, x + columns, 0.0F);
}

/// Gradients of scores in place of those of shares: scale y (dy - sum(y dy)).
void ShareBackwardRow(std::size_t columns, float scale, const float* y, float* dy) {
  const V mean = splat(static_cast<float>(sum_of(columns, [=](auto io, std::size_t i) HWY_ATTR {
    return Mul(io.load(y + i), io.load(dy + i));
  })));
  const V factor = splat(scale);
  for_vectors(columns, [=](auto io, std::size_t i) HWY_ATTR {
    const V share = Mul(io.load(y + i), factor);
    io.store(Mul(share, Sub(io.load(dy + i), mean)), dy + i);
  });
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(ShareRow);
HWY_EXPORT(ShareBackwardRow);

namespace kernels {
namespace {

float scale_of(const AttentionShape& shape) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(shape.head_size())));
}

/// Where sample n and head h begin.
struct Place {
  std::int64_t query;  ///< in arrays of queries with a stride
  std::int64_t key;    ///< in arrays of keys with a stride
  std::int64_t y;      ///< in y, whose stride is the width
  std::int64_t share;
};

Place place_of(const AttentionShape& shape, std::int64_t stride, std::int64_t task) {
  const std::int64_t sample = task / shape.heads;
  const std::int64_t column = task % shape.heads * shape.head_size();
  return {sample * shape.queries * stride + column, sample * shape.keys * stride + column,
          sample * shape.queries * shape.width + column, task * shape.queries * shape.keys};
}

/// How many keys a query sees.
std::int64_t seen_by(const AttentionShape& shape, const std::int32_t* lengths, std::int64_t sample,
                     std::int64_t query) {
  std::int64_t seen = shape.keys;
  if (shape.causal) seen = std::min(seen, query + 1 + shape.keys - shape.queries);
  if (lengths != nullptr) seen = std::min<std::int64_t>(seen, lengths[sample]);
  return std::max<std::int64_t>(seen, 0);
}

}  // namespace

void attention_forward(const AttentionShape& shape, const AttentionInputs& in,
                       const std::int32_t* lengths, float* shares, float* y) {
  make_blas_serial();
  const float scale = scale_of(shape);
  parallel_for(shape.batch * shape.heads, [&](std::int64_t task) {
    const Place at = place_of(shape, in.stride, task);
    float* p = shares + at.share;
    serial_gemm(Transpose::no, Transpose::yes, shape.queries, shape.keys, shape.head_size(),
                {in.queries + at.query, in.stride}, {in.keys + at.key, in.stride}, {p, shape.keys},
                Accumulate::no);
    for (std::int64_t q = 0; q < shape.queries; ++q) {
      HWY_DYNAMIC_DISPATCH(ShareRow)
      (as_size(seen_by(shape, lengths, task / shape.heads, q)), as_size(shape.keys), scale,
       p + q * shape.keys);
    }
    serial_gemm(Transpose::no, Transpose::no, shape.queries, shape.head_size(), shape.keys,
                {p, shape.keys}, {in.values + at.key, in.stride}, {y + at.y, shape.width},
                Accumulate::no);
  });
}

void attention_backward(const AttentionShape& shape, const AttentionInputs& in, const float* shares,
                        const float* dy, AttentionGradient queries, AttentionGradient keys,
                        AttentionGradient values) {
  make_blas_serial();
  const float scale = scale_of(shape);
  const std::int64_t size = shape.head_size();
  parallel_for(shape.batch * shape.heads, [&](std::int64_t task) {
    const Place at = place_of(shape, in.stride, task);
    const ConstMatrix p{shares + at.share, shape.keys};
    const ConstMatrix dy_here{dy + at.y, shape.width};
    if (values.to != nullptr) {
      serial_gemm(Transpose::yes, Transpose::no, shape.keys, size, shape.queries, p, dy_here,
                  {values.to + at.key, in.stride}, values.accumulate);
    }
    if (queries.to == nullptr && keys.to == nullptr) return;
    const Scratch scratch(as_size(shape.queries * shape.keys));
    float* ds = scratch.data();
    serial_gemm(Transpose::no, Transpose::yes, shape.queries, shape.keys, size, dy_here,
                {in.values + at.key, in.stride}, {ds, shape.keys}, Accumulate::no);
    // Shares that are 0 because a key is hidden have a score gradient of 0 by themselves.
    for (std::int64_t q = 0; q < shape.queries; ++q) {
      HWY_DYNAMIC_DISPATCH(ShareBackwardRow)
      (as_size(shape.keys), scale, p.data + q * shape.keys, ds + q * shape.keys);
    }
    if (queries.to != nullptr) {
      serial_gemm(Transpose::no, Transpose::no, shape.queries, size, shape.keys, {ds, shape.keys},
                  {in.keys + at.key, in.stride}, {queries.to + at.query, in.stride},
                  queries.accumulate);
    }
    if (keys.to != nullptr) {
      serial_gemm(Transpose::yes, Transpose::no, shape.keys, size, shape.queries, {ds, shape.keys},
                  {in.queries + at.query, in.stride}, {keys.to + at.key, in.stride},
                  keys.accumulate);
    }
  });
}

}  // namespace kernels
}  // namespace raven
#endif
