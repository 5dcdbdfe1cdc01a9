#pragma once

#include <cstring>
#include <memory>
#include <utility>

#include "raven/core/bytes.hpp"

namespace raven {

/// Immutable bytes with shared ownership: what messages carry and caches keep, without copies.
/// Copying a Blob copies a handle. Safe to read from any thread.
class Blob {
 public:
  Blob() = default;
  /// Sees `bytes` and keeps `owner` alive as long as it lives. @pre nobody writes to `bytes` from
  /// now on
  Blob(std::shared_ptr<const void> owner, ByteSpan bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}
  /// Takes over a byte string.
  explicit Blob(Bytes bytes) {
    auto kept = std::make_shared<const Bytes>(std::move(bytes));
    bytes_ = *kept;
    owner_ = std::move(kept);
  }

  [[nodiscard]] ByteSpan bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  std::shared_ptr<const void> owner_;
  ByteSpan bytes_;
};

}  // namespace raven
