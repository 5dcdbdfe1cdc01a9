#include "transport/relay/envelope.hpp"

#include <type_traits>

namespace raven::relay {
namespace {

constexpr std::uint32_t magic = 0x31475652;

std::uint32_t checksum(ByteSpan bytes) {
  std::uint32_t hash = 2166136261U;
  for (const std::byte b : bytes) hash = (hash ^ std::to_integer<std::uint32_t>(b)) * 16777619U;
  return hash;
}

// Fields are listed once and walked by both.

struct Writer {
  ByteWriter to = {};

  template <Scalar T>
  void operator()(const T& value) {
    to.put(value);
  }
  void operator()(const std::string& text) {
    to.put_string(std::string_view(text).substr(0, longest_text));
  }
  void operator()(const Digest& digest) { to.put_raw(digest.bytes); }
  void operator()(const std::chrono::milliseconds& time) { to.put(std::int64_t{time.count()}); }
  void operator()(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& list) {
    to.put(static_cast<std::uint32_t>(list.size()));
    for (const auto& [first, second] : list) {
      to.put(first);
      to.put(second);
    }
  }
  void rest(const ByteSpan& bytes) { to.put_raw(bytes); }
};

struct Reader {
  ByteReader from;

  template <Scalar T>
  void operator()(T& value) {
    value = from.get<T>();
  }
  void operator()(bool& value) {
    const auto byte = from.get<std::uint8_t>();
    if (byte > 1) from.fail();
    value = byte == 1;
  }
  void operator()(std::string& text) {
    text = from.get_string();
    if (text.size() > longest_text) from.fail();
  }
  void operator()(Digest& digest) {
    const ByteSpan raw = from.get_raw(digest.bytes.size());
    if (raw.size() == digest.bytes.size()) std::memcpy(digest.bytes.data(), raw.data(), raw.size());
  }
  void operator()(std::chrono::milliseconds& time) {
    time = std::chrono::milliseconds(from.get<std::int64_t>());
  }
  void operator()(std::vector<std::pair<std::uint32_t, std::uint32_t>>& list) {
    for (auto left = from.get<std::uint32_t>(); left > 0 && from.ok(); --left) {
      const auto first = from.get<std::uint32_t>();
      list.emplace_back(first, from.get<std::uint32_t>());
    }
  }
  void rest(ByteSpan& bytes) { bytes = from.get_raw(from.left()); }
};

template <class T, class F>
void fields(T& of, F& f) {
  using E = std::remove_const_t<T>;
  if constexpr (std::is_same_v<E, Joined> || std::is_same_v<E, LongHead> ||
                std::is_same_v<E, Dropped>) {
    f(of.newcomer);
  } else if constexpr (std::is_same_v<E, Lost>) {
    f(of.newcomer);
    f(of.reason);
  } else if constexpr (std::is_same_v<E, Carried>) {
    f(of.newcomer);
    f(of.long_head);
    f(of.place);
    f(of.body);
    f(of.keep_from);
    f.rest(of.head);
  } else if constexpr (std::is_same_v<E, Departed>) {
    f(of.counts);
  } else if constexpr (std::is_same_v<E, GatewayOrders>) {
    f(of.token);
    f(of.let_in);
    f(of.master_lost_after);
  } else if constexpr (std::is_same_v<E, SpawnOrder>) {
    f(of.count);
    f(of.host);
  } else if constexpr (std::is_same_v<E, GatewayNote>) {
    f(of.kind);
    f(of.address);
    f(of.port);
    f(of.count);
    f(of.text);
  }
}

bool makes_sense(const AnyEnvelope& envelope) {
  if (const auto* carried = std::get_if<Carried>(&envelope)) {
    return carried->place <= Carried::Body::kept && (!carried->long_head || carried->head.empty());
  }
  if (const auto* note = std::get_if<GatewayNote>(&envelope)) {
    return note->kind <= GatewayNote::Kind::last;
  }
  return true;
}

template <std::size_t... I>
AnyEnvelope of_kind(std::size_t kind, std::index_sequence<I...>) {
  AnyEnvelope envelope;
  ((kind == I ? void(envelope.emplace<I>()) : void()), ...);
  return envelope;
}

}  // namespace

Bytes encode(const AnyEnvelope& envelope) {
  Writer writer;
  writer(magic);
  writer(std::uint32_t{0});
  writer(static_cast<std::uint8_t>(envelope.index()));
  std::visit([&](const auto& e) { fields(e, writer); }, envelope);
  Bytes bytes = writer.to.take();
  const std::uint32_t sum = checksum(ByteSpan(bytes).subspan(8));
  std::memcpy(bytes.data() + 4, &sum, sizeof sum);
  return bytes;
}

std::optional<AnyEnvelope> decode(ByteSpan head) {
  Reader reader{ByteReader(head)};
  if (reader.from.get<std::uint32_t>() != magic) return std::nullopt;
  const auto sum = reader.from.get<std::uint32_t>();
  if (!reader.from.ok() || sum != checksum(head.subspan(8))) return std::nullopt;
  const auto kind = reader.from.get<std::uint8_t>();
  constexpr std::size_t kinds = std::variant_size_v<AnyEnvelope>;
  if (!reader.from.ok() || kind >= kinds) return std::nullopt;
  AnyEnvelope envelope = of_kind(kind, std::make_index_sequence<kinds>());
  std::visit([&](auto& e) { fields(e, reader); }, envelope);
  if (!reader.from.done() || !makes_sense(envelope)) return std::nullopt;
  return envelope;
}

}  // namespace raven::relay
