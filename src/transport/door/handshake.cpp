#include "transport/door/handshake.hpp"

#include <string_view>

#include "raven/core/mac.hpp"

namespace raven::door {
namespace {

constexpr std::size_t longest_text = 2000;
constexpr std::size_t mac_bytes = sizeof(Digest);

void put(ByteWriter& writer, const std::string& text) {
  writer.put_string(std::string_view(text).substr(0, longest_text));
}

Digest get_digest(ByteReader& reader) {
  Digest digest;
  const ByteSpan raw = reader.get_raw(digest.bytes.size());
  if (!raw.empty()) std::memcpy(digest.bytes.data(), raw.data(), raw.size());
  return digest;
}

/// `role` keeps one side's words from being the other's; both nonces keep them from another day.
Digest mac_over(std::string_view role, ByteSpan fields, const Digest& theirs, const Digest& ours,
                const Digest& token) {
  ByteWriter writer;
  writer.put_string(role);
  writer.put_raw(theirs.bytes);
  writer.put_raw(ours.bytes);
  writer.put_raw(fields);
  return mac_of(token.bytes, writer.bytes());
}

Bytes sealed(ByteWriter& fields, const Digest& mac) {
  fields.put_raw(mac.bytes);
  return fields.take();
}

/// The fields of a frame whose MAC is right.
template <class MacOver>
std::optional<ByteSpan> opened(ByteSpan frame, MacOver mac_over_fields) {
  if (frame.size() < mac_bytes || frame.size() > max_frame) return std::nullopt;
  const ByteSpan fields = frame.first(frame.size() - mac_bytes);
  ByteReader reader(frame.last(mac_bytes));
  if (!same_mac(get_digest(reader), mac_over_fields(fields))) return std::nullopt;
  return fields;
}

}  // namespace

Bytes encode(const Challenge& challenge) {
  ByteWriter writer;
  writer.put(magic);
  writer.put_raw(challenge.nonce.bytes);
  return writer.take();
}

std::optional<Challenge> decode_challenge(ByteSpan frame) {
  ByteReader reader(frame);
  const auto found = reader.get<std::uint32_t>();
  const Challenge challenge{get_digest(reader)};
  if (!reader.done() || found != magic) return std::nullopt;
  return challenge;
}

Bytes encode(const Knock& knock, const Challenge& challenge, const Digest& token) {
  ByteWriter writer;
  writer.put(knock.purpose);
  writer.put_raw(knock.nonce.bytes);
  put(writer, knock.node);
  writer.put(knock.pid);
  writer.put(knock.count);
  put(writer, knock.host.substr(0, 300));
  // The client's nonce is among the fields.
  return sealed(writer, mac_over("knock", writer.bytes(), challenge.nonce, {}, token));
}

std::optional<Knock> decode_knock(ByteSpan frame, const Challenge& challenge, const Digest& token) {
  const auto fields = opened(
      frame, [&](ByteSpan bytes) { return mac_over("knock", bytes, challenge.nonce, {}, token); });
  if (!fields) return std::nullopt;
  ByteReader reader(*fields);
  Knock knock;
  knock.purpose = reader.get<Knock::Purpose>();
  knock.nonce = get_digest(reader);
  knock.node = reader.get_string();
  knock.pid = reader.get<std::uint64_t>();
  knock.count = reader.get<std::uint32_t>();
  knock.host = reader.get_string();
  if (!reader.done() || knock.purpose > Knock::Purpose::last) return std::nullopt;
  return knock;
}

Bytes encode(const Answer& answer, const Knock& knock, const Challenge& challenge,
             const Digest& token) {
  ByteWriter writer;
  writer.put(answer.verdict);
  put(writer, answer.text);
  return sealed(writer, mac_over("answer", writer.bytes(), challenge.nonce, knock.nonce, token));
}

std::optional<Answer> decode_answer(ByteSpan frame, const Knock& knock, const Challenge& challenge,
                                    const Digest& token) {
  const auto fields = opened(frame, [&](ByteSpan bytes) {
    return mac_over("answer", bytes, challenge.nonce, knock.nonce, token);
  });
  if (!fields) return std::nullopt;
  ByteReader reader(*fields);
  Answer answer;
  answer.verdict = reader.get<Answer::Verdict>();
  answer.text = reader.get_string();
  if (!reader.done() || answer.verdict > Answer::Verdict::ordered) return std::nullopt;
  return answer;
}

}  // namespace raven::door
