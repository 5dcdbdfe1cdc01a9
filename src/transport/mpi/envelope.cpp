#include "transport/mpi/envelope.hpp"

namespace raven::wire {

Bytes seal(ByteSpan head, ByteSpan body, bool body_is_inline) {
  Bytes message(prefix_bytes + head.size() + (body_is_inline ? body.size() : 0));
  const auto head_bytes = static_cast<std::uint32_t>(head.size());
  const auto body_bytes = static_cast<std::uint64_t>(body.size());
  std::memcpy(message.data(), &magic, sizeof magic);
  std::memcpy(message.data() + 4, &head_bytes, sizeof head_bytes);
  std::memcpy(message.data() + 8, &body_bytes, sizeof body_bytes);
  if (!head.empty()) std::memcpy(message.data() + prefix_bytes, head.data(), head.size());
  if (body_is_inline && !body.empty()) {
    std::memcpy(message.data() + prefix_bytes + head.size(), body.data(), body.size());
  }
  return message;
}

std::optional<Opened> open(ByteSpan message) {
  ByteReader reader(message);
  const auto found_magic = reader.get<std::uint32_t>();
  const auto head_bytes = reader.get<std::uint32_t>();
  Opened opened;
  opened.body_bytes = reader.get<std::uint64_t>();
  if (!reader.ok() || found_magic != magic || head_bytes > max_head_bytes) return std::nullopt;
  opened.head = reader.get_raw(head_bytes);
  if (!reader.ok()) return std::nullopt;
  const std::size_t rest = reader.left();
  opened.body_is_inline = rest > 0 || opened.body_bytes == 0;
  if (opened.body_is_inline && rest != opened.body_bytes) return std::nullopt;
  if (rest > max_inline_bytes) return std::nullopt;
  opened.inline_body = reader.get_raw(rest);
  return opened;
}

}  // namespace raven::wire
