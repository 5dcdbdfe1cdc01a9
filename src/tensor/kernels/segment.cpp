#include "raven/tensor/kernels/segment.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "raven/core/error.hpp"
#include "raven/tensor/kernels/embedding.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

namespace raven::kernels {
namespace {

/// Calls body(segment, first row) for each, in order.
template <class Body>
void for_segments(const Segments& segments, const Body& body) {
  std::int64_t first = 0;
  for (std::int64_t s = 0; s < segments.count; ++s) {
    body(s, first);
    first += segments.lengths[s];
  }
}

void sum_rows(std::int64_t rows, std::int64_t columns, const float* x, double factor, double* sums,
              float* y) {
  std::fill_n(sums, columns, 0.0);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) sums[c] += static_cast<double>(x[r * columns + c]);
  }
  for (std::int64_t c = 0; c < columns; ++c) y[c] = static_cast<float>(sums[c] * factor);
}

/// NaN counts as largest: a model that diverges must show it.
void largest_rows(std::int64_t rows, std::int64_t columns, const float* x, float* y,
                  std::int32_t* place) {
  std::copy_n(x, columns, y);
  std::fill_n(place, columns, 0);
  for (std::int64_t r = 1; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      const float value = x[r * columns + c];
      if (value <= y[c] || std::isnan(y[c])) continue;
      y[c] = value;
      place[c] = static_cast<std::int32_t>(r);
    }
  }
}

void put_row(std::int64_t columns, const float* from, float factor, float* to,
             Accumulate accumulate) {
  for (std::int64_t c = 0; c < columns; ++c) {
    const float value = from[c] * factor;
    to[c] = accumulate == Accumulate::yes ? to[c] + value : value;
  }
}

}  // namespace

void check_lengths(const Segments& segments) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < segments.count; ++i) {
    const std::int64_t length = segments.lengths[i];
    const bool last = i + 1 == segments.count;
    if (length >= 1 && length <= segments.rows - sum && (!last || sum + length == segments.rows)) {
      sum += length;
      continue;
    }
    throw InputError("the lengths of " + std::to_string(segments.count) +
                         " samples don't make up " + std::to_string(segments.rows) +
                         " rows (number " + std::to_string(i) + " is " + std::to_string(length) +
                         ")",
                     "let each be at least 1 and their sum the number of rows");
  }
}

void segment_reduce(Reduction how, const Segments& segments, const float* x, float* y,
                    std::int32_t* place) {
  check_lengths(segments);
  const std::int64_t columns = segments.columns;
  const Scratch memory(as_size(2 * columns));
  auto* sums = reinterpret_cast<double*>(memory.data());
  for_segments(segments, [&](std::int64_t s, std::int64_t first) {
    const std::int64_t length = segments.lengths[s];
    const float* from = x + first * columns;
    float* to = y + s * columns;
    if (how == Reduction::max) {
      largest_rows(length, columns, from, to, place + s * columns);
    } else if (how == Reduction::first || how == Reduction::last) {
      std::copy_n(from + (how == Reduction::last ? (length - 1) * columns : 0), columns, to);
    } else {
      const double factor = how == Reduction::mean ? 1.0 / static_cast<double>(length) : 1.0;
      sum_rows(length, columns, from, factor, sums, to);
    }
  });
}

void segment_reduce_backward(Reduction how, const Segments& segments, const std::int32_t* place,
                             const float* dy, float* dx, Accumulate accumulate) {
  const std::int64_t columns = segments.columns;
  const bool all = how == Reduction::sum || how == Reduction::mean;
  if (!all && accumulate == Accumulate::no) std::fill_n(dx, segments.rows * columns, 0.0F);
  for_segments(segments, [&](std::int64_t s, std::int64_t first) {
    const std::int64_t length = segments.lengths[s];
    const float* from = dy + s * columns;
    float* to = dx + first * columns;
    if (all) {
      const float factor = how == Reduction::mean ? 1.0F / static_cast<float>(length) : 1.0F;
      for (std::int64_t r = 0; r < length; ++r) {
        put_row(columns, from, factor, to + r * columns, accumulate);
      }
    } else if (how == Reduction::max) {
      for (std::int64_t c = 0; c < columns; ++c) {
        to[place[s * columns + c] * columns + c] += from[c];
      }
    } else {
      const std::int64_t row = how == Reduction::last ? length - 1 : 0;
      put_row(columns, from, 1.0F, to + row * columns, Accumulate::yes);
    }
  });
}

void scatter(std::int64_t count, std::int64_t entries, std::int64_t width,
             const std::int32_t* indices, const float* x, float* y) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (indices[i] >= 0 && indices[i] < entries) continue;
    throw InputError("scatter: row " + std::to_string(i) + " goes to entry " +
                         std::to_string(indices[i]) + " of " + std::to_string(entries),
                     "give indices from 0 to the number of entries less 1");
  }
  // What an embedding's gradient does with its table.
  embedding_backward(count, entries, width, indices, x, y, Accumulate::no);
}

void scatter_backward(std::int64_t count, std::int64_t width, const std::int32_t* indices,
                      const float* dy, float* dx, Accumulate accumulate) {
  for (std::int64_t i = 0; i < count; ++i) {
    put_row(width, dy + indices[i] * width, 1.0F, dx + i * width, accumulate);
  }
}

}  // namespace raven::kernels
