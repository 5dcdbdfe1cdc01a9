#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "raven/core/contract.hpp"

namespace raven {

/// Sizes of the dimensions of a tensor, outermost first; rank 0 is a scalar. A value without
/// allocations.
class Shape {
 public:
  static constexpr std::size_t max_rank = 6;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const std::int64_t> dims)
      : rank_(static_cast<std::uint8_t>(dims.size())) {
    expects(dims.size() <= max_rank, "a shape has at most six dimensions");
    std::copy(dims.begin(), dims.end(), dims_.begin());
  }

  [[nodiscard]] std::size_t rank() const { return rank_; }
  [[nodiscard]] std::int64_t operator[](std::size_t axis) const { return dims_[axis]; }
  [[nodiscard]] std::int64_t& operator[](std::size_t axis) { return dims_[axis]; }
  [[nodiscard]] std::int64_t back() const { return dims_[rank_ - 1U]; }
  [[nodiscard]] std::span<const std::int64_t> dims() const { return {dims_.data(), rank_}; }
  [[nodiscard]] const std::int64_t* begin() const { return dims_.data(); }
  [[nodiscard]] const std::int64_t* end() const { return dims_.data() + rank_; }

  /// Number of elements; 1 for a scalar.
  [[nodiscard]] std::int64_t count() const {
    std::int64_t product = 1;
    for (const std::int64_t dim : dims()) product *= dim;
    return product;
  }
  /// Elements in one entry of the first dimension. @pre rank() > 0
  [[nodiscard]] std::int64_t row_count() const { return without_first().count(); }
  [[nodiscard]] Shape without_first() const { return Shape(dims().subspan(1)); }
  /// This shape with `size` put in front.
  [[nodiscard]] Shape with_first(std::int64_t size) const {
    Shape out;
    out.rank_ = static_cast<std::uint8_t>(rank_ + 1U);
    expects(out.rank_ <= max_rank, "a shape has at most six dimensions");
    out.dims_[0] = size;
    std::copy(begin(), end(), out.dims_.begin() + 1);
    return out;
  }

  friend bool operator==(const Shape& a, const Shape& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::array<std::int64_t, max_rank> dims_{};
  std::uint8_t rank_ = 0;
};

/// "[32, 28, 28, 1]"
[[nodiscard]] std::string to_string(const Shape& shape);

}  // namespace raven
