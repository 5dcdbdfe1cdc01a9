#pragma once

#include <cstdint>
#include <optional>

#include "raven/core/bytes.hpp"

namespace raven::wire {

/// A message on the wire is one head message (tag head_tag) and, unless the body is empty or rides
/// along, the body's pieces (tag body_tag), sent right after their head:
///
///   offset 0   u32  magic, "RVN1"
///          4   u32  bytes of the head, at most 64 KiB
///          8   u64  bytes of the body
///         16        the head
///         ...       the body, when it rides along: then the message is longer by just that much
///
/// A head message is at most `max_head_message` bytes, so its receive buffer is fixed. Numbers are
/// little-endian. A body of n bytes that does not ride along is cut into pieces of piece_bytes, the
/// last one shorter.
constexpr std::uint32_t magic = 0x314e5652;
constexpr std::size_t prefix_bytes = 16;
constexpr std::size_t max_head_bytes = 64 * 1024;
constexpr std::size_t max_inline_bytes = 64 * 1024;
constexpr std::size_t max_head_message = prefix_bytes + max_head_bytes + max_inline_bytes;

constexpr int head_tag = 101;
constexpr int body_tag = 102;
constexpr int life_line_tag = 103;  ///< rank 0's offers, see life_line.hpp

/// A head message taken apart; the spans see the received bytes.
struct Opened {
  ByteSpan head;
  std::uint64_t body_bytes = 0;
  bool body_is_inline = false;
  ByteSpan inline_body;
};

/// The head message for these. @pre head.size() <= max_head_bytes
[[nodiscard]] Bytes seal(ByteSpan head, ByteSpan body, bool body_is_inline);

/// None when the bytes are not a head message.
[[nodiscard]] std::optional<Opened> open(ByteSpan message);

}  // namespace raven::wire
