#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "raven/core/blob.hpp"
#include "raven/tensor/tensor.hpp"

namespace raven {

/// Some rows of a table [entries, width], with zeros understood in the others. Kept as it travels:
/// u32 count, the rows' numbers (u32 each, rising), their f32 elements. Copying shares.
class RowGradient {
 public:
  /// None at all, which is something else than no rows.
  RowGradient() = default;
  /// Unspecified content, from the pool.
  RowGradient(std::size_t count, std::int64_t width, BufferPool& pool);

  [[nodiscard]] bool empty() const { return packed_.empty(); }
  [[nodiscard]] std::size_t count() const { return count_; }
  /// Elements in a row; 0 when there are no rows.
  [[nodiscard]] std::int64_t width() const { return width_; }
  [[nodiscard]] std::span<const std::uint32_t> numbers() const;
  [[nodiscard]] std::span<std::uint32_t> numbers();
  [[nodiscard]] std::span<const float> values() const;
  [[nodiscard]] std::span<float> values();
  /// A handle to the bytes for a message. @pre nobody writes to them any more
  [[nodiscard]] Blob blob() const { return packed_.blob(); }

 private:
  friend std::optional<RowGradient> decode_rows(const Blob& body);
  RowGradient(Tensor packed, std::size_t count, std::int64_t width)
      : packed_(std::move(packed)), count_(count), width_(width) {}

  Tensor packed_;  // i32 [1 + count + count x width]
  std::size_t count_ = 0;
  std::int64_t width_ = 0;
};

/// Reads bytes that nobody vouches for, without copying them. None unless sizes fit together and
/// the numbers rise; whether the table has such rows is for the caller to say.
[[nodiscard]] std::optional<RowGradient> decode_rows(const Blob& body);

/// The gradient of one tensor, or a part of it on its way up the tree: every element (`dense`), or
/// some rows of a table (`rows`). Which one depends on what was added up, never on who did it, and
/// either way the elements have the same bits. Copying shares.
class Gradient {
 public:
  enum class Form : std::uint8_t { dense = 0, rows = 1 };

  /// None.
  Gradient() = default;
  Gradient(Tensor dense) : dense_(std::move(dense)) {}    // NOLINT(google-explicit-constructor)
  Gradient(RowGradient rows) : rows_(std::move(rows)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool empty() const { return dense_.empty() && rows_.empty(); }
  [[nodiscard]] Form form() const { return rows_.empty() ? Form::dense : Form::rows; }
  /// @pre form() is Form::dense
  [[nodiscard]] const Tensor& dense() const { return dense_; }
  [[nodiscard]] Tensor& dense() { return dense_; }
  /// @pre form() is Form::rows
  [[nodiscard]] const RowGradient& rows() const { return rows_; }
  /// As decode_gradient() reads it. @pre nobody writes to it any more
  [[nodiscard]] Blob blob() const { return rows_.empty() ? dense_.blob() : rows_.blob(); }

 private:
  Tensor dense_;
  RowGradient rows_;
};

/// Reads bytes that nobody vouches for, without copying them. None unless they can be a gradient of
/// a parameter of that type.
[[nodiscard]] std::optional<Gradient> decode_gradient(Gradient::Form form, const Blob& body,
                                                      const ValueType& type);
/// The same where the type is not known.
[[nodiscard]] std::optional<Gradient> decode_gradient(Gradient::Form form, const Blob& body);

/// Whether both can be gradients of one tensor, as far as they show it.
[[nodiscard]] bool can_add(const Gradient& left, const Gradient& right);
/// The sum, which may share the memory of a side when the other has no rows. Rows and rows are the
/// rows of either, left + right where both have one and a copy where one has; in all other cases
/// every element is there, and rows that one side lacks are those of the other. Runs on the threads
/// of the pool that the caller runs in.
/// @pre can_add(left, right)
[[nodiscard]] Gradient sum_of(const Gradient& left, const Gradient& right, BufferPool& buffers);

/// Every element of a parameter's gradient.
[[nodiscard]] Tensor expand(const Gradient& gradient, const ValueType& type, BufferPool& buffers);

/// Whether every element is a number, neither infinite nor none. Runs on the caller's pool.
[[nodiscard]] bool is_finite(const Gradient& gradient);

/// Of all elements, in double and in a fixed order.
[[nodiscard]] double sum_of_squares(const Gradient& gradient);

}  // namespace raven
