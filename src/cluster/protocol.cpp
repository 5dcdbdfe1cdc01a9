#include "raven/cluster/protocol.hpp"

#include <type_traits>
#include <utility>

namespace raven {
namespace {

// One `fields` function per message lists its fields once; Writer and Reader walk the same list, so
// the two directions can't drift apart.

class Writer {
 public:
  explicit Writer(ByteWriter& to) : to_(to) {}

  template <Scalar T>
  void operator()(const T& value) {
    to_.put(value);
  }
  void operator()(const std::string& text) { to_.put_string(text); }
  void operator()(const Digest& digest) { to_.put_raw(digest.bytes); }
  void operator()(const std::chrono::milliseconds& time) { to_.put(std::int64_t{time.count()}); }
  void operator()(const ParameterId& id) { to_.put(id.value); }
  void operator()(const SnippetRange& range) {
    to_.put(range.first);
    to_.put(range.count);
  }
  void operator()(const Snippet& snippet) {
    to_.put(snippet.index);
    (*this)(snippet.graph);
    to_.put(snippet.first);
    to_.put(snippet.rows);
  }
  void operator()(const ValueType& type) {
    to_.put(type.dtype);
    to_.put(static_cast<std::uint8_t>(type.shape.rank()));
    for (const std::int64_t dim : type.shape) to_.put(dim);
  }
  void operator()(const SampleSchema& schema) { schema.encode(to_); }
  void operator()(const DatasetOffer& offer) {
    (*this)(offer.manifest);
    (*this)(offer.identity);
    to_.put(offer.rows);
    (*this)(offer.schema);
  }
  /// Versions come in runs: most parameters change in every step.
  void operator()(const std::vector<std::uint64_t>& versions) {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> runs;
    for (const std::uint64_t version : versions) {
      if (runs.empty() || runs.back().second != version) runs.emplace_back(0, version);
      ++runs.back().first;
    }
    to_.put(static_cast<std::uint32_t>(runs.size()));
    for (const auto& [count, version] : runs) {
      to_.put(count);
      to_.put(version);
    }
  }
  template <class T>
  void operator()(const std::vector<T>& list) {
    to_.put(static_cast<std::uint32_t>(list.size()));
    for (const T& item : list) (*this)(item);
  }

 private:
  ByteWriter& to_;
};

class Reader {
 public:
  explicit Reader(ByteReader& from) : from_(from) {}

  template <Scalar T>
  void operator()(T& value) {
    value = from_.get<T>();
  }
  void operator()(bool& value) {
    const auto byte = from_.get<std::uint8_t>();
    if (byte > 1) from_.fail();
    value = byte == 1;
  }
  void operator()(Purpose& purpose) {
    const auto byte = from_.get<std::uint8_t>();
    if (byte < 1 || byte > 3) from_.fail();
    purpose = static_cast<Purpose>(byte);
  }
  void operator()(SampleOrder& order) {
    const auto byte = from_.get<std::uint8_t>();
    if (byte > static_cast<std::uint8_t>(SampleOrder::streams)) from_.fail();
    order = static_cast<SampleOrder>(byte);
  }
  void operator()(Gradient::Form& form) {
    const auto byte = from_.get<std::uint8_t>();
    if (byte > 1) from_.fail();
    form = static_cast<Gradient::Form>(byte);
  }
  void operator()(std::string& text) { text = from_.get_string(); }
  void operator()(Digest& digest) {
    const ByteSpan raw = from_.get_raw(digest.bytes.size());
    if (!raw.empty()) std::memcpy(digest.bytes.data(), raw.data(), raw.size());
  }
  void operator()(std::chrono::milliseconds& time) {
    const auto count = from_.get<std::int64_t>();
    if (count < 0 || count > std::int64_t{1} << 40) from_.fail();
    time = std::chrono::milliseconds(count);
  }
  void operator()(ParameterId& id) { id.value = from_.get<std::uint32_t>(); }
  void operator()(SnippetRange& range) {
    range.first = from_.get<std::uint32_t>();
    range.count = from_.get<std::uint32_t>();
    if (range.first > (1U << 30) || range.count > (1U << 30)) from_.fail();
  }
  void operator()(Snippet& snippet) {
    snippet.index = from_.get<std::uint32_t>();
    (*this)(snippet.graph);
    snippet.first = from_.get<std::int64_t>();
    snippet.rows = from_.get<std::int64_t>();
    if (snippet.first < 0 || snippet.rows < 0) from_.fail();
  }
  void operator()(ValueType& type) {
    const auto dtype = from_.get<std::uint8_t>();
    const auto rank = from_.get<std::uint8_t>();
    if ((dtype != 1 && dtype != 2) || rank > Shape::max_rank) {
      from_.fail();
      return;
    }
    type.dtype = static_cast<DType>(dtype);
    std::int64_t dims[Shape::max_rank] = {};
    std::int64_t left = std::int64_t{1} << 40;
    for (int i = 0; i < rank; ++i) {
      dims[i] = from_.get<std::int64_t>();
      if (dims[i] < 0 || dims[i] > left) return from_.fail();
      if (dims[i] > 0) left /= dims[i];
    }
    type.shape = Shape(std::span<const std::int64_t>(dims, rank));
  }
  void operator()(SampleSchema& schema) {
    if (auto read = SampleSchema::decode(from_)) schema = std::move(*read);
  }
  void operator()(DatasetOffer& offer) {
    (*this)(offer.manifest);
    (*this)(offer.identity);
    offer.rows = from_.get<std::int64_t>();
    if (offer.rows < 0) from_.fail();
    (*this)(offer.schema);
  }
  void operator()(std::vector<std::uint64_t>& versions) {
    versions.clear();
    for (auto runs = from_.get<std::uint32_t>(); runs > 0 && from_.ok(); --runs) {
      const auto count = from_.get<std::uint32_t>();
      const auto version = from_.get<std::uint64_t>();
      const bool continues = !versions.empty() && versions.back() == version;
      if (count == 0 || count > max_parameters - versions.size() || continues) return from_.fail();
      versions.insert(versions.end(), count, version);
    }
  }
  template <class T>
  void operator()(std::vector<T>& list) {
    const auto count = from_.get<std::uint32_t>();
    // Every item takes at least one byte, so a count above what is left is a lie.
    if (count > from_.left()) return from_.fail();
    list.clear();
    for (std::uint32_t i = 0; i < count && from_.ok(); ++i) (*this)(list.emplace_back());
  }

 private:
  ByteReader& from_;
};

void fields(auto& field, auto& m) {
  using M = std::remove_cvref_t<decltype(m)>;
  if constexpr (std::is_same_v<M, Hello>) {
    field(m.protocol), field(m.numerics.fingerprint), field(m.numerics.core);
    field(m.numerics.library), field(m.numerics.vectors);
    field(m.node), field(m.pid), field(m.threads);
  } else if constexpr (std::is_same_v<M, Welcome>) {
    field(m.seed), field(m.batch), field(m.order), field(m.carried), field(m.heartbeat);
    field(m.lost_after);
    field(m.cache_bytes), field(m.snippets), field(m.contributors), field(m.session);
  } else if constexpr (std::is_same_v<M, RunOffer>) {
    field(m.datasets), field(m.parameters);
  } else if constexpr (std::is_same_v<M, Ready>) {
    field(m.readable), field(m.graphs), field(m.versions);
  } else if constexpr (std::is_same_v<M, GraphMessage>) {
    field(m.digest);
  } else if constexpr (std::is_same_v<M, ParameterMessage>) {
    field(m.id), field(m.version);
  } else if constexpr (std::is_same_v<M, RowsMessage>) {
    field(m.id), field(m.from), field(m.version);
  } else if constexpr (std::is_same_v<M, Lease>) {
    field(m.work), field(m.purpose), field(m.step), field(m.dataset), field(m.inline_rows);
    field(m.node), field(m.root), field(m.snippets), field(m.versions);
  } else if constexpr (std::is_same_v<M, StatsMessage>) {
    field(m.work), field(m.node), field(m.index), field(m.loss), field(m.weight), field(m.metrics);
  } else if constexpr (std::is_same_v<M, GradientMessage>) {
    field(m.work), field(m.node), field(m.parameter), field(m.withheld);
    field(m.form);
  } else if constexpr (std::is_same_v<M, SumMessage>) {
    field(m.work), field(m.node), field(m.parameter), field(m.form);
  } else if constexpr (std::is_same_v<M, SendOn>) {
    field(m.work);
  } else if constexpr (std::is_same_v<M, DoneMessage>) {
    field(m.work), field(m.node), field(m.compute_ns), field(m.elapsed_ns);
  } else if constexpr (std::is_same_v<M, FailedMessage>) {
    field(m.work), field(m.node), field(m.reason);
  } else if constexpr (std::is_same_v<M, AssemblyMessage>) {
    field(m.digest), field(m.work);
  } else if constexpr (std::is_same_v<M, Heartbeat> || std::is_same_v<M, ForgetGraphs>) {
  } else if constexpr (std::is_same_v<M, Finish>) {
    field(m.refused), field(m.reason);
  } else {
    static_assert(std::is_same_v<M, Leave>);
    field(m.reason);
  }
}

/// FNV-1a over 64 bits (Fowler, Noll, Vo): any change within one byte changes it for certain. Heads
/// are short and decide everything; a wrong bit in a seed or a row number would reach the model
/// unseen.
std::uint64_t checksum(ByteSpan bytes) {
  std::uint64_t sum = 0xcbf29ce484222325U;
  for (const std::byte byte : bytes) {
    sum = (sum ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3U;
  }
  return sum;
}

/// What stands before the checksum at the end of `bytes`; none when that is wrong.
std::optional<ByteSpan> checked(ByteSpan bytes) {
  if (bytes.size() < sizeof(std::uint64_t)) return std::nullopt;
  const ByteSpan content = bytes.first(bytes.size() - sizeof(std::uint64_t));
  ByteReader end(bytes.subspan(content.size()));
  if (end.get<std::uint64_t>() != checksum(content)) return std::nullopt;
  return content;
}

constexpr std::uint8_t hello_kind = 0;
static_assert(std::is_same_v<std::variant_alternative_t<hello_kind, AnyMessage>, Hello>);

template <std::size_t I = 0>
std::optional<AnyMessage> decode_as(std::size_t kind, ByteReader& from) {
  if constexpr (I < std::variant_size_v<AnyMessage>) {
    if (kind != I) return decode_as<I + 1>(kind, from);
    std::variant_alternative_t<I, AnyMessage> message;
    Reader reader(from);
    fields(reader, message);
    if (!from.done()) return std::nullopt;
    return message;
  } else {
    return std::nullopt;
  }
}

}  // namespace

Message encode(const AnyMessage& message, Blob body) {
  ByteWriter bytes;
  bytes.put(static_cast<std::uint8_t>(message.index()));
  Writer writer(bytes);
  std::visit([&](const auto& m) { fields(writer, m); }, message);
  bytes.put(checksum(bytes.bytes()));
  return {bytes.take(), std::move(body)};
}

std::optional<AnyMessage> decode(ByteSpan head) {
  const auto content = checked(head);
  if (!content) return std::nullopt;
  ByteReader from(*content);
  const auto kind = from.get<std::uint8_t>();
  if (!from.ok()) return std::nullopt;
  if (kind == hello_kind) {
    // What follows may be anything in another version, which is to be told so.
    ByteReader ahead = from;
    const auto version = ahead.get<std::uint32_t>();
    if (ahead.ok() && version != protocol_version) {
      Hello other;
      other.protocol = version;
      return other;
    }
  }
  return decode_as(kind, from);
}

Blob encode(const RunOffer& offer) {
  ByteWriter bytes;
  Writer writer(bytes);
  fields(writer, offer);
  bytes.put(checksum(bytes.bytes()));
  return Blob(bytes.take());
}

std::optional<RunOffer> decode_offer(ByteSpan body) {
  const auto content = checked(body);
  if (!content) return std::nullopt;
  ByteReader from(*content);
  RunOffer offer;
  Reader reader(from);
  fields(reader, offer);
  if (!from.done() || offer.parameters.size() > max_parameters) return std::nullopt;
  return offer;
}

}  // namespace raven
