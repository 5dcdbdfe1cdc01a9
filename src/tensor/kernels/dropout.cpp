#include "raven/tensor/kernels/dropout.hpp"

#include <algorithm>
#include <cmath>

#include "raven/core/contract.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/dropout.cpp"
#include "hwy/foreach_target.h"
#include "tensor/philox-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

/// One part of a row, whose first element is word 4 * block of the stream. `bound` is p in units of
/// 2^-24.
void DropoutRow(std::size_t count, std::uint32_t bound, float factor, const RandomKey& key,
                std::uint32_t block, const float* x, float* y, kernels::Accumulate accumulate) {
  const Words words;
  HWY_ALIGN std::uint32_t drawn[4 * hn::MaxLanes(Words())];
  const std::size_t batch = random_words_lanes();
  const FloatVector scale = splat(factor);
  for (std::size_t first = 0; first < count;
       first += batch, block += static_cast<std::uint32_t>(batch / 4)) {
    random_words(key, block, drawn);
    for_vectors(std::min(batch, count - first), [&](auto io, std::size_t i) HWY_ATTR {
      const auto fraction = hn::ShiftRight<8>(hn::Load(words, drawn + i));
      // Both sides are below 2^24, and signed comparison is what every target has.
      const hn::RebindToSigned<Words> signed_words;
      const auto dropped = hn::Lt(hn::BitCast(signed_words, fraction),
                                  hn::Set(signed_words, static_cast<std::int32_t>(bound)));
      const std::size_t at = first + i;
      FloatVector value =
          hn::IfThenZeroElse(hn::RebindMask(Floats(), dropped), hn::Mul(io.load(x + at), scale));
      if (accumulate == kernels::Accumulate::yes) value = hn::Add(value, io.load(y + at));
      io.store(value, y + at);
    });
  }
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(DropoutRow);

namespace kernels {

void dropout(std::int64_t rows, std::int64_t columns, float p, const RandomKey& first,
             const float* x, float* y, Accumulate accumulate) {
  expects(p >= 0.0F && p < 1.0F, "a share to drop is at least 0 and below 1");
  expects((columns + 3) / 4 <= std::int64_t{1} << 32, "a sample's random stream is long enough");
  const auto bound = static_cast<std::uint32_t>(std::ceil(static_cast<double>(p) * 0x1.0p24));
  const auto factor = static_cast<float>(1.0 / (1.0 - static_cast<double>(p)));
  // Long rows are cut into parts that begin on a block of four words.
  const std::int64_t parts = (columns + elementwise_grain - 1) / elementwise_grain;
  parallel_ranges(rows * parts, rows_grain(columns), [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t index = from; index < to; ++index) {
      const std::int64_t row = index / parts;
      const std::int64_t column = index % parts * elementwise_grain;
      RandomKey key = first;
      key.sample += static_cast<std::uint64_t>(row);
      const std::int64_t at = row * columns + column;
      HWY_DYNAMIC_DISPATCH(DropoutRow)
      (as_size(std::min(elementwise_grain, columns - column)), bound, factor, key,
       static_cast<std::uint32_t>(column / 4), x + at, y + at, accumulate);
    }
  });
}

}  // namespace kernels
}  // namespace raven
#endif
