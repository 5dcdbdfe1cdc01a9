#include "raven/tensor/kernels/embedding.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "raven/core/error.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {

void embedding_forward(std::int64_t count, std::int64_t entries, std::int64_t width,
                       const std::int32_t* indices, const float* table, float* out) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (indices[i] >= 0 && indices[i] < entries) continue;
    throw InputError("index " + std::to_string(indices[i]) + " is outside a table of " +
                         std::to_string(entries) + " entries",
                     "give the embedding as many entries as the data has, or repair the data");
  }
  parallel_ranges(count, rows_grain(width), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      std::memcpy(out + i * width, table + indices[i] * width, as_size(width) * sizeof(float));
    }
  });
}

void embedding_backward(std::int64_t count, std::int64_t entries, std::int64_t width,
                        const std::int32_t* indices, const float* dout, float* dtable,
                        Accumulate accumulate, std::int32_t padding_index) {
  if (accumulate == Accumulate::no) {
    parallel_ranges(entries * width, elementwise_grain, [&](std::int64_t first, std::int64_t last) {
      std::fill(dtable + first, dtable + last, 0.0F);
    });
  }
  if (count == 0 || width == 0) return;
  // Positions sorted by index, in their own order within an index: equal indices become runs, and a
  // task owns the runs that begin in its range, so no two tasks write to one row.
  const Scratch scratch(as_size(count));
  auto* const order = reinterpret_cast<std::int32_t*>(scratch.data());
  std::iota(order, order + count, 0);
  std::sort(order, order + count, [&](std::int32_t a, std::int32_t b) {
    return indices[a] != indices[b] ? indices[a] < indices[b] : a < b;
  });
  parallel_ranges(count, rows_grain(width), [&](std::int64_t first, std::int64_t last) {
    const auto index_at = [&](std::int64_t place) { return indices[order[place]]; };
    std::int64_t place = first;
    while (place > 0 && place < last && index_at(place) == index_at(place - 1)) ++place;
    while (place < last) {
      const std::int32_t index = index_at(place);
      for (; place < count && index_at(place) == index; ++place) {
        if (index == padding_index) continue;
        const float* gradient = dout + order[place] * width;
        float* row = dtable + index * width;
        for (std::int64_t i = 0; i < width; ++i) row[i] += gradient[i];
      }
    }
  });
}

}  // namespace raven::kernels
