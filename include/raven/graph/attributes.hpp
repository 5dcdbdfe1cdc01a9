#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "raven/core/bytes.hpp"

namespace raven {

/// The constants of one call: strides, rates, names of activations. Plain data, sorted by key, so
/// that equal attributes have equal bytes. At most 32 entries, keys of 64 characters, texts of 256,
/// lists of 1 048 576 numbers; no NaN.
class Attributes {
 public:
  using Value = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>,
                             std::vector<double>>;

  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string, Value>> entries);

  /// Minus zero becomes zero: one number, one encoding.
  Attributes& set(std::string key, Value value);

  /// @pre the key is there with this type, which `infer` of the op has checked
  [[nodiscard]] std::int64_t integer(std::string_view key) const;
  [[nodiscard]] double real(std::string_view key) const;
  [[nodiscard]] const std::string& text(std::string_view key) const;
  [[nodiscard]] const std::vector<std::int64_t>& integers(std::string_view key) const;
  [[nodiscard]] const std::vector<double>& reals(std::string_view key) const;
  /// The value, or null when the key is missing.
  [[nodiscard]] const Value* find(std::string_view key) const;

  [[nodiscard]] const std::vector<std::pair<std::string, Value>>& entries() const {
    return entries_;
  }
  bool operator==(const Attributes&) const = default;

  /// Canonical: the same attributes always give the same bytes.
  void encode(ByteWriter& to) const;
  /// None when the bytes are not what encode() writes, or exceed the limits above.
  static std::optional<Attributes> decode(ByteReader& from);

 private:
  std::vector<std::pair<std::string, Value>> entries_;
};

}  // namespace raven
