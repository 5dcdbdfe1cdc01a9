#include "raven/snippet/gradient.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "raven/core/contract.hpp"
#include "raven/tensor/kernels/elementwise.hpp"
#include "raven/tensor/kernels/reduce.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven {
namespace {

/// Elements of rows to a task: enough to pay for it.
constexpr std::int64_t task_elements = 32768;

ValueType packed_type(std::size_t count, std::int64_t width) {
  return {DType::i32, {1 + static_cast<std::int64_t>(count) * (1 + width)}};
}

std::int64_t rows_to_a_task(std::int64_t width) {
  return std::max<std::int64_t>(1, task_elements / std::max<std::int64_t>(1, width));
}

std::size_t size_of(const Tensor& tensor) { return static_cast<std::size_t>(tensor.count()); }

/// Where a row of a sum comes from: its place among the rows of either, or `absent`.
struct Origin {
  std::size_t left;
  std::size_t right;
  static constexpr std::size_t absent = std::numeric_limits<std::size_t>::max();
};

std::vector<Origin> merge(std::span<const std::uint32_t> left,
                          std::span<const std::uint32_t> right) {
  std::vector<Origin> merged;
  merged.reserve(left.size() + right.size());
  std::size_t l = 0;
  std::size_t r = 0;
  while (l < left.size() || r < right.size()) {
    const bool has_left = r == right.size() || (l < left.size() && left[l] <= right[r]);
    const bool has_right = l == left.size() || (r < right.size() && right[r] <= left[l]);
    merged.push_back({has_left ? l++ : Origin::absent, has_right ? r++ : Origin::absent});
  }
  return merged;
}

RowGradient sum_of_rows(const RowGradient& left, const RowGradient& right, BufferPool& buffers) {
  if (right.count() == 0) return left;
  if (left.count() == 0) return right;
  const std::vector<Origin> origins = merge(left.numbers(), right.numbers());
  const std::int64_t width = left.width();
  RowGradient sum(origins.size(), width, buffers);
  std::uint32_t* const numbers = sum.numbers().data();
  float* const values = sum.values().data();
  const auto row_of = [&](const RowGradient& of, std::size_t place) {
    return of.values().data() + place * static_cast<std::size_t>(width);
  };
  const auto body = [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const Origin& from = origins[static_cast<std::size_t>(i)];
      float* const to = values + i * width;
      if (from.left == Origin::absent || from.right == Origin::absent) {
        const bool is_left = from.right == Origin::absent;
        const RowGradient& only = is_left ? left : right;
        const std::size_t place = is_left ? from.left : from.right;
        numbers[i] = only.numbers()[place];
        std::memcpy(to, row_of(only, place), static_cast<std::size_t>(width) * sizeof(float));
      } else {
        numbers[i] = left.numbers()[from.left];
        kernels::add(width, row_of(left, from.left), row_of(right, from.right), to);
      }
    }
  };
  parallel_ranges(static_cast<std::int64_t>(origins.size()), rows_to_a_task(width), body);
  return sum;
}

/// to[row, :] += the row
void add_rows(const RowGradient& rows, float* to) {
  const std::int64_t width = rows.width();
  const std::span<const std::uint32_t> numbers = rows.numbers();
  const float* const values = rows.values().data();
  parallel_ranges(static_cast<std::int64_t>(rows.count()), rows_to_a_task(width),
                  [&](std::int64_t first, std::int64_t last) {
                    for (std::int64_t i = first; i < last; ++i) {
                      const std::int64_t row = numbers[static_cast<std::size_t>(i)];
                      kernels::add_into(width, values + i * width, to + row * width);
                    }
                  });
}

/// The table has as many rows as the numbers need, and they are as wide.
bool fit(const RowGradient& rows, std::int64_t entries, std::int64_t width) {
  return rows.count() == 0 ||
         (rows.width() == width && std::int64_t{rows.numbers().back()} < entries);
}

}  // namespace

RowGradient::RowGradient(std::size_t count, std::int64_t width, BufferPool& pool)
    : packed_(packed_type(count, width), pool), count_(count), width_(count == 0 ? 0 : width) {
  *static_cast<std::uint32_t*>(packed_.view().data) = static_cast<std::uint32_t>(count);
}

std::span<const std::uint32_t> RowGradient::numbers() const {
  return {static_cast<const std::uint32_t*>(packed_.view().data) + 1, count_};
}

std::span<std::uint32_t> RowGradient::numbers() {
  return {static_cast<std::uint32_t*>(packed_.view().data) + 1, count_};
}

std::span<const float> RowGradient::values() const {
  return {static_cast<const float*>(packed_.view().data) + 1 + count_,
          count_ * static_cast<std::size_t>(width_)};
}

std::span<float> RowGradient::values() {
  return {static_cast<float*>(packed_.view().data) + 1 + count_,
          count_ * static_cast<std::size_t>(width_)};
}

std::optional<RowGradient> decode_rows(const Blob& body) {
  constexpr std::size_t word = sizeof(std::uint32_t);
  if (body.size() < word || body.size() % word != 0) return std::nullopt;
  std::uint32_t count = 0;
  std::memcpy(&count, body.bytes().data(), word);
  const std::size_t words = body.size() / word - 1;
  // Each row takes its number and at least one element.
  if (count > words / 2 || (count == 0 ? words != 0 : words % count != 0)) return std::nullopt;
  const auto width = count == 0 ? 0 : static_cast<std::int64_t>(words / count) - 1;
  RowGradient rows(Tensor(packed_type(count, width), body), count, width);
  const std::span<const std::uint32_t> numbers = std::as_const(rows).numbers();
  const bool rising =
      std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>()) == numbers.end();
  if (!rising) return std::nullopt;
  return rows;
}

std::optional<Gradient> decode_gradient(Gradient::Form form, const Blob& body,
                                        const ValueType& type) {
  if (form == Gradient::Form::dense) {
    if (body.size() != type.bytes()) return std::nullopt;
    return Tensor(type, body);
  }
  std::optional<RowGradient> rows = decode_rows(body);
  if (!rows || type.dtype != DType::f32 || type.shape.rank() != 2 ||
      !fit(*rows, type.shape[0], type.shape[1])) {
    return std::nullopt;
  }
  return std::move(*rows);
}

std::optional<Gradient> decode_gradient(Gradient::Form form, const Blob& body) {
  if (form == Gradient::Form::dense) {
    if (body.size() % element_bytes != 0) return std::nullopt;
    const auto count = static_cast<std::int64_t>(body.size() / element_bytes);
    return Tensor(ValueType{DType::f32, {count}}, body);
  }
  std::optional<RowGradient> rows = decode_rows(body);
  if (!rows) return std::nullopt;
  return std::move(*rows);
}

bool can_add(const Gradient& left, const Gradient& right) {
  const bool left_dense = left.form() == Gradient::Form::dense;
  const bool right_dense = right.form() == Gradient::Form::dense;
  if (left_dense && right_dense) return left.dense().count() == right.dense().count();
  if (!left_dense && !right_dense) {
    const bool none = left.rows().count() == 0 || right.rows().count() == 0;
    return none || left.rows().width() == right.rows().width();
  }
  const RowGradient& rows = left_dense ? right.rows() : left.rows();
  const std::int64_t elements = (left_dense ? left : right).dense().count();
  const std::int64_t width = rows.width();
  return rows.count() == 0 || (elements % width == 0 && fit(rows, elements / width, width));
}

Gradient sum_of(const Gradient& left, const Gradient& right, BufferPool& buffers) {
  expects(can_add(left, right), "gradients that are added are of one tensor");
  const bool left_dense = left.form() == Gradient::Form::dense;
  const bool right_dense = right.form() == Gradient::Form::dense;
  if (!left_dense && !right_dense) return sum_of_rows(left.rows(), right.rows(), buffers);
  const Tensor& dense = left_dense ? left.dense() : right.dense();
  Tensor sum(dense.type(), buffers);
  if (left_dense && right_dense) {
    kernels::add(sum.count(), left.dense().values().data(), right.dense().values().data(),
                 sum.values().data());
    return sum;
  }
  // x + y and y + x have the same bits.
  std::memcpy(sum.view().data, dense.view().data, size_of(dense) * sizeof(float));
  add_rows(left_dense ? right.rows() : left.rows(), sum.values().data());
  return sum;
}

Tensor expand(const Gradient& gradient, const ValueType& type, BufferPool& buffers) {
  if (gradient.form() == Gradient::Form::dense) return gradient.dense();
  Tensor whole(type, buffers);
  std::memset(whole.view().data, 0, type.bytes());
  add_rows(gradient.rows(), whole.values().data());
  return whole;
}

namespace {

std::span<const float> values_of(const Gradient& gradient) {
  return gradient.form() == Gradient::Form::dense ? gradient.dense().values()
                                                  : gradient.rows().values();
}

}  // namespace

bool is_finite(const Gradient& gradient) {
  const std::span<const float> values = values_of(gradient);
  return kernels::all_finite(static_cast<std::int64_t>(values.size()), values.data());
}

double sum_of_squares(const Gradient& gradient) {
  const std::span<const float> values = values_of(gradient);
  return kernels::sum_of_squares(static_cast<std::int64_t>(values.size()), values.data());
}

}  // namespace raven
