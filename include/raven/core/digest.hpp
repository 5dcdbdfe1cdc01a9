#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "raven/core/bytes.hpp"

namespace raven {

/// A SHA-256 value: names a graph, a shard, a set of weights by its content.
struct Digest {
  std::array<std::byte, 32> bytes{};
  auto operator<=>(const Digest&) const = default;
};

/// 64 lower-case hexadecimal digits.
[[nodiscard]] std::string to_hex(const Digest& digest);
/// None unless `text` is exactly 64 hexadecimal digits.
[[nodiscard]] std::optional<Digest> digest_from_hex(std::string_view text);

/// SHA-256 in pieces. One thread at a time.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void add(ByteSpan bytes);
  /// The digest of all that was added. @post the hasher is spent.
  [[nodiscard]] Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

[[nodiscard]] Digest digest_of(ByteSpan bytes);
/// @throws InputError when the file can't be read.
[[nodiscard]] Digest digest_of_file(const std::filesystem::path& file);

/// For unordered maps keyed by digest: SHA-256 is already well mixed.
struct DigestHash {
  std::size_t operator()(const Digest& digest) const {
    std::size_t value = 0;
    std::memcpy(&value, digest.bytes.data(), sizeof value);
    return value;
  }
};

}  // namespace raven
