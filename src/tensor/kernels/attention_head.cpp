#include "tensor/kernels/attention_head.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "raven/tensor/parallel.hpp"
#include "tensor/kernels/packed_product.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/attention_head.cpp"
#include "hwy/foreach_target.h"
#include "tensor/row_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

/// Rows of shares, in place of their scores: softmax over the first seen(row) of `columns`, zeros
/// after them.
/// @param first seen by row 0; each further row sees `more` more, and none more than `most`
void ShareRows(std::size_t rows, std::size_t columns, std::int64_t first, std::int64_t more,
               std::int64_t most, float scale, float* x) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const V lowest = splat(-std::numeric_limits<float>::infinity());
  const V factor = splat(scale);
  for (std::size_t row = 0; row < rows; ++row, x += columns) {
    const std::int64_t sees = std::min(first + static_cast<std::int64_t>(row) * more, most);
    const auto seen = static_cast<std::size_t>(std::max<std::int64_t>(sees, 0));
    if (seen == 0) {
      std::fill_n(x, columns, 0.0F);
      continue;
    }
    // Whole vectors as far as the row goes: what is not seen is masked, whatever it is.
    const std::size_t whole = std::min(columns / lanes * lanes, (seen + lanes - 1) / lanes * lanes);
    const auto masked = [&](std::size_t i) HWY_ATTR {
      const V value = hn::LoadU(d, x + i);
      return i + lanes <= seen ? value : IfThenElse(hn::FirstN(d, seen - i), value, lowest);
    };
    V top = lowest;
    for (std::size_t i = 0; i < whole; i += lanes) {
      const V value = masked(i);
      top = IfThenElse(Gt(value, top), value, top);
    }
    float found = hn::GetLane(hn::MaxOfLanes(d, top));
    for (std::size_t i = whole; i < seen; ++i) found = x[i] > found ? x[i] : found;
    // Nothing above minus infinity: subtracting that would make NaN of numbers.
    const V highest = splat(found == -std::numeric_limits<float>::infinity() ? 0.0F : found);
    DoubleVector low = hn::Zero(Doubles());
    DoubleVector high = hn::Zero(Doubles());
    const auto add_up = [&](V value) HWY_ATTR {
      low = Add(low, low_doubles(value));
      high = Add(high, high_doubles(value));
    };
    for (std::size_t i = 0; i < whole; i += lanes) {
      V value = exp_of_negative(Mul(Sub(hn::LoadU(d, x + i), highest), factor));
      if (i + lanes > seen) value = IfThenElseZero(hn::FirstN(d, seen - i), value);
      hn::StoreU(value, d, x + i);
      add_up(value);
    }
    if (whole < seen) {
      const PartOfVector io{seen - whole};
      const V value = io.only(exp_of_negative(Mul(Sub(io.load(x + whole), highest), factor)));
      io.store(value, x + whole);
      add_up(value);
    }
    const double total = hn::GetLane(hn::SumOfLanes(Doubles(), Add(low, high)));
    const V part = splat(static_cast<float>(1.0 / total));
    for (std::size_t i = 0; i < whole; i += lanes) {
      hn::StoreU(Mul(hn::LoadU(d, x + i), part), d, x + i);
    }
    for (std::size_t i = whole; i < seen; ++i) x[i] *= hn::GetLane(part);
    if (const std::size_t filled = std::max(seen, whole); filled < columns) {
      std::fill(x + filled, x + columns, 0.0F);
    }
  }
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
HWY_EXPORT(ShareRows);
HWY_EXPORT(ShareBackwardRow);

namespace kernels {
namespace {

float scale_of(const AttentionHead& head) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(head.size)));
}

/// How many keys a query sees.
std::int64_t seen_by(const AttentionHead& head, std::int64_t query) {
  std::int64_t seen = std::min(head.keys, head.length);
  if (head.causal) seen = std::min(seen, query + 1 + head.keys - head.queries);
  return std::max<std::int64_t>(seen, 0);
}

/// Positions that are computed together; queries see as much as the one of them that sees most.
constexpr std::int64_t block = 12;

/// Calls body(first, count) for blocks of [0, positions).
template <class Body>
void for_blocks(std::int64_t positions, const Body& body) {
  for (std::int64_t first = 0; first < positions; first += block) {
    body(first, std::min(block, positions - first));
  }
}

/// Keys or values laid out as the right side of products: [keys, size], or [size, keys].
class KeysAside {
 public:
  KeysAside(const AttentionHead& head, const float* from, Transpose is)
      : k_(is == Transpose::yes ? head.size : head.keys),
        packed_(as_size(packed_floats(k_, is == Transpose::yes ? head.keys : head.size))) {
    pack_right(is, k_, is == Transpose::yes ? head.keys : head.size, {from, head.stride},
               packed_.data());
  }
  /// The first `rows` rows and `columns` columns of it.
  [[nodiscard]] PackedRight part(std::int64_t rows, std::int64_t columns) const {
    return {packed_.data(), k_, 0, rows, columns};
  }

 private:
  std::int64_t k_;
  Scratch packed_;
};

void share_rows(const AttentionHead& head, const KeysAside& keys, std::int64_t first,
                std::int64_t count, float* rows) {
  const std::int64_t most = seen_by(head, first + count - 1);
  packed_product(count, {head.query + first * head.stride, head.stride, 1},
                 keys.part(head.size, most), {rows, head.keys}, Accumulate::no);
  const std::int64_t all = std::min(head.keys, head.length);
  HWY_DYNAMIC_DISPATCH(ShareRows)
  (as_size(count), as_size(head.keys),
   head.causal ? first + 1 + head.keys - head.queries : head.keys, head.causal ? 1 : 0, all,
   scale_of(head), rows);
}

/// The gradient of what belongs to keys: the left side's columns are keys, the right side has a
/// row for each query. Causal queries in front of a key do not see it.
void to_keys(const AttentionHead& head, const float* left, ConstMatrix right,
             AttentionGradient to) {
  const Scratch packed(as_size(packed_floats(head.queries, head.size)));
  pack_right(Transpose::no, head.queries, head.size, right, packed.data());
  for_blocks(head.keys, [&](std::int64_t first, std::int64_t count) {
    const std::int64_t from =
        head.causal ? std::max<std::int64_t>(0, first + head.queries - head.keys) : 0;
    packed_product(count, {left + from * head.keys + first, 1, head.keys},
                   {packed.data(), head.queries, from, head.queries, head.size},
                   {to.to + first * head.stride, head.stride}, to.accumulate);
  });
}

/// Gradients of scores, and those of queries on the way.
void to_queries(const AttentionHead& head, const float* shares, ConstMatrix dy, float* ds,
                AttentionGradient to) {
  const KeysAside values(head, head.value, Transpose::yes);
  const KeysAside keys(head, head.key, Transpose::no);
  for_blocks(head.queries, [&](std::int64_t first, std::int64_t count) {
    const std::int64_t most = seen_by(head, first + count - 1);
    float* const rows = ds + first * head.keys;
    packed_product(count, {dy.data + first * dy.stride, dy.stride, 1}, values.part(head.size, most),
                   {rows, head.keys}, Accumulate::no);
    // Shares that are 0 because a key is hidden have a score gradient of 0 by themselves: whole
    // vectors of them cost less than a part of one.
    const std::int64_t whole = std::min(head.keys, (most + 15) / 16 * 16);
    for (std::int64_t q = 0; q < count; ++q) {
      float* const row = rows + q * head.keys;
      std::fill(row + most, row + head.keys, 0.0F);
      HWY_DYNAMIC_DISPATCH(ShareBackwardRow)
      (as_size(whole), scale_of(head), shares + (first + q) * head.keys, row);
    }
    if (to.to == nullptr) return;
    packed_product(count, {rows, head.keys, 1}, keys.part(most, head.size),
                   {to.to + first * head.stride, head.stride}, to.accumulate);
  });
}

}  // namespace

void attention_shares(const AttentionHead& head, float* shares) {
  const KeysAside keys(head, head.key, Transpose::yes);
  for_blocks(head.queries, [&](std::int64_t first, std::int64_t count) {
    share_rows(head, keys, first, count, shares + first * head.keys);
  });
}

void attention_head_forward(const AttentionHead& head, float* shares, float* y,
                            std::int64_t stride) {
  const KeysAside keys(head, head.key, Transpose::yes);
  const KeysAside values(head, head.value, Transpose::no);
  const Scratch passing(shares == nullptr ? as_size(block * head.keys) : 0);
  for_blocks(head.queries, [&](std::int64_t first, std::int64_t count) {
    float* const rows = shares == nullptr ? passing.data() : shares + first * head.keys;
    share_rows(head, keys, first, count, rows);
    packed_product(count, {rows, head.keys, 1},
                   values.part(seen_by(head, first + count - 1), head.size),
                   {y + first * stride, stride}, Accumulate::no);
  });
}

void attention_head_backward(const AttentionHead& head, const float* shares, const float* dy,
                             std::int64_t dy_stride, AttentionGradient query, AttentionGradient key,
                             AttentionGradient value) {
  if (value.to != nullptr) to_keys(head, shares, {dy, dy_stride}, value);
  if (query.to == nullptr && key.to == nullptr) return;
  const Scratch scores(as_size(head.queries * head.keys));
  to_queries(head, shares, {dy, dy_stride}, scores.data(), query);
  if (key.to != nullptr) to_keys(head, scores.data(), {head.query, head.stride}, key);
}

}  // namespace kernels
}  // namespace raven
#endif
