#pragma once

#include <array>
#include <limits>
#include <string>
#include <string_view>

#include "raven/core/error.hpp"
#include "raven/graph/op_def.hpp"

namespace raven {

/// Checks what a call is given, as hostile input: every access says what it expects and throws an
/// InputError that names the operation when it is not so.
class CallCheck {
 public:
  CallCheck(std::string_view op, std::span<const ValueType> inputs, const Attributes& attributes)
      : op_(op), inputs_(inputs), attributes_(attributes) {}

  [[noreturn]] void reject(const std::string& problem, const std::string& remedy) const;
  /// Rejects unless the number of inputs is within bounds.
  void inputs(std::size_t least, std::size_t most) const;
  void inputs(std::size_t count) const { inputs(count, count); }
  [[nodiscard]] std::size_t input_count() const { return inputs_.size(); }

  /// Shape of an input, of that type.
  [[nodiscard]] const Shape& f32(std::size_t input, std::string_view name) const;
  [[nodiscard]] const Shape& i32(std::size_t input, std::string_view name) const;
  /// The same, of exactly that many dimensions.
  [[nodiscard]] const Shape& f32(std::size_t input, std::string_view name, std::size_t rank) const;
  /// The same, of at least that many dimensions.
  [[nodiscard]] const Shape& f32_at_least(std::size_t input, std::string_view name,
                                          std::size_t rank) const;
  /// The same of either type.
  [[nodiscard]] const Shape& any_at_least(std::size_t input, std::string_view name,
                                          std::size_t rank) const;
  /// Rejects unless the input is there with exactly this shape.
  void f32_like(std::size_t input, std::string_view name, const Shape& wanted) const;

  /// Rejects unless the input is i32 [n], numbers of rows that may make up `rows`.
  void lengths(std::size_t input, std::int64_t rows) const;

  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t min,
                                     std::int64_t max) const;
  /// Both inclusive; never NaN.
  [[nodiscard]] double real(std::string_view key, double min, double max) const;
  [[nodiscard]] const std::string& text(std::string_view key) const;
  /// Two integers: vertical, horizontal.
  [[nodiscard]] std::array<std::int64_t, 2> pair(std::string_view key, std::int64_t min,
                                                 std::int64_t max) const;
  [[nodiscard]] const std::vector<std::int64_t>& integers(std::string_view key) const;
  [[nodiscard]] const std::vector<double>& reals(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const { return attributes_.find(key) != nullptr; }

  /// A shape made of `dims`; rejects sizes below 1 and more elements than any machine holds.
  [[nodiscard]] Shape shape(std::span<const std::int64_t> dims) const;
  [[nodiscard]] Shape shape(std::initializer_list<std::int64_t> dims) const {
    return shape(std::span(dims.begin(), dims.size()));
  }
  [[nodiscard]] ValueType f32_type(std::initializer_list<std::int64_t> dims) const {
    return {DType::f32, shape(dims)};
  }

 private:
  template <class T>
  [[nodiscard]] const T& attribute(std::string_view key, const char* kind) const;
  [[nodiscard]] const ValueType& input(std::size_t input, std::string_view name) const;

  std::string_view op_;
  std::span<const ValueType> inputs_;
  const Attributes& attributes_;
};

/// Bounds that keep every product of sizes within 64 bits and every real within float.
constexpr std::int64_t max_size = std::int64_t{1} << 31U;
constexpr std::int64_t max_count = std::int64_t{1} << 40U;
constexpr double max_real = std::numeric_limits<float>::max();

/// An f32 value of that shape and nothing saved.
[[nodiscard]] inline CallTypes makes(const Shape& shape) { return {{{DType::f32, shape}}, {}}; }

/// @throws InputError unless the lengths are those of sequences of so many tokens together: they
/// come with the data
void check_sequence_lengths(std::string_view op, ConstView lengths, std::int64_t tokens);

}  // namespace raven
