#include <cstring>

#include "data/ragged_rows.hpp"
#include "raven/core/contract.hpp"
#include "raven/data/schema.hpp"

namespace raven {
namespace {

/// Element `i` of values that may stand at any address.
template <class T>
T load(const std::byte* from, std::size_t i) {
  T value;
  std::memcpy(&value, from + i * sizeof(T), sizeof(T));
  return value;
}

template <class T>
void normalise(const std::byte* from, std::size_t count, float centre, float factor, float* to) {
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = (static_cast<float>(load<T>(from, i)) - centre) * factor;
  }
}

/// As above with one centre and factor per channel, laid out as a pattern that repeats.
template <class T>
void normalise(const std::byte* from, std::size_t count, const std::vector<float>& centre,
               const std::vector<float>& factor, float* to) {
  for (std::size_t first = 0; first < count; first += centre.size()) {
    const std::size_t length = std::min(centre.size(), count - first);
    const std::byte* in = from + first * sizeof(T);
    float* out = to + first;
    for (std::size_t i = 0; i < length; ++i) {
      out[i] = (static_cast<float>(load<T>(in, i)) - centre[i]) * factor[i];
    }
  }
}

std::int32_t token_at(const std::byte* from, std::size_t i) { return load<std::int32_t>(from, i); }

/// A window from elsewhere: tokens of the vocabulary, at least two, then nothing but no_token.
bool sound_window(const std::byte* from, std::size_t count, std::int32_t vocabulary) {
  const auto known = [&](std::int32_t token) { return token >= 0 && token < vocabulary; };
  std::size_t length = 0;
  while (length < count && known(token_at(from, length))) ++length;
  for (std::size_t i = length; i < count; ++i) {
    if (token_at(from, i) != SampleSchema::no_token) return false;
  }
  return length >= 2;
}

bool all_below(const std::byte* values, std::size_t count, std::int32_t bound) {
  bool below = true;
  for (std::size_t i = 0; i < count; ++i) {
    below &= static_cast<std::uint32_t>(token_at(values, i)) < static_cast<std::uint32_t>(bound);
  }
  return below;
}

/// Whether tokens and class of a fixed row from elsewhere are ones that the schema has.
bool sound_row(const SampleSchema& schema, const std::byte* row, std::size_t elements) {
  if (schema.of_sequences()) return sound_window(row, elements + 1, schema.vocabulary);
  bool sound = true;
  if (schema.feature_type == FeatureType::i32) {
    sound = all_below(row, elements, schema.vocabulary);
  }
  if (schema.target_kind == TargetKind::classes) {
    sound &= all_below(row + schema.feature_bytes(), 1, schema.target_width);
  }
  return sound;
}

}  // namespace

Unpacker::Unpacker(SampleSchema schema) : schema_(std::move(schema)) {
  expects(schema_.flaw().empty(), "an unpacker needs a sound schema");
  const Normalisation& n = schema_.normalisation;
  const std::size_t channels = std::max(n.mean.size(), n.std.size());
  // Three channels alone would make loops of three; whole registers want a longer period.
  constexpr std::size_t period = 64;
  const std::size_t repeats = channels == 1 ? 1 : (period + channels - 1) / channels;
  for (std::size_t r = 0; r < repeats; ++r) {
    for (std::size_t c = 0; c < channels; ++c) {
      const double mean = n.mean[n.mean.size() == 1 ? 0 : c];
      const double std = n.std[n.std.size() == 1 ? 0 : c];
      centre_.push_back(static_cast<float>(mean / n.scale));
      factor_.push_back(static_cast<float>(n.scale / std));
    }
  }
}

void Unpacker::unpack_features(const std::byte* stored, void* out, std::int64_t rows) const {
  const auto count = static_cast<std::size_t>(schema_.feature_shape.count() * rows);
  auto* to = static_cast<float*>(out);
  const bool one = centre_.size() == 1;
  switch (schema_.feature_type) {
    case FeatureType::u8:
      if (one) return normalise<std::uint8_t>(stored, count, centre_[0], factor_[0], to);
      return normalise<std::uint8_t>(stored, count, centre_, factor_, to);
    case FeatureType::f32:
      if (one) return normalise<float>(stored, count, centre_[0], factor_[0], to);
      return normalise<float>(stored, count, centre_, factor_, to);
    case FeatureType::i32:
      std::memcpy(out, stored, count * sizeof(std::int32_t));
      if (schema_.of_sequences()) {
        // Any token will do where there is none: nothing is asked of it.
        auto* tokens = static_cast<std::int32_t*>(out);
        for (std::size_t i = 0; i < count; ++i) tokens[i] = std::max(tokens[i], 0);
      }
      return;
  }
}

void Unpacker::unpack_target(const std::byte* stored, const std::byte* target, void* out) const {
  if (!schema_.of_sequences()) {
    std::memcpy(out, target, schema_.target_bytes());
    return;
  }
  auto* next = static_cast<std::int32_t*>(out);
  const auto count = static_cast<std::size_t>(schema_.context());
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t token = token_at(stored, i + 1);
    next[i] = token < 0 ? SampleSchema::no_target : token;
  }
}

bool Unpacker::unpack_ragged(ByteSpan rows, const RowViews& to) const {
  // A first look at all counts: not a byte is written until the views are known to have room.
  SampleExtent all{0, 0};
  std::int64_t samples = 0;
  for (ByteSpan rest = rows; !rest.empty(); ++samples) {
    const auto row = first_ragged_row(schema_, rest);
    if (!row) return false;
    all += row->extent;
    rest = rest.subspan(row->bytes);
  }
  if (!views_fit(schema_, samples, all, to)) return false;
  RaggedCursor at;
  for (ByteSpan rest = rows; !rest.empty();) {
    const RaggedRow row = *first_ragged_row(schema_, rest);
    if (!sound_ragged_row(schema_, row)) return false;
    put_ragged_row(*this, row, at, to);
    at.pass(schema_, row.extent);
    rest = rest.subspan(row.bytes);
  }
  return true;
}

bool Unpacker::unpack(ByteSpan rows, const RowViews& to) const {
  if (schema_.ragged()) return unpack_ragged(rows, to);
  const std::size_t row_bytes = schema_.row_bytes();
  const auto count = static_cast<std::int64_t>(rows.size() / row_bytes);
  if (rows.size() % row_bytes != 0 || !views_fit(schema_, count, {.tokens = count}, to)) {
    return false;
  }
  const std::size_t feature_bytes = schema_.feature_bytes();
  const std::size_t target_bytes = schema_.targets(1).bytes();
  const auto elements = static_cast<std::size_t>(schema_.feature_shape.count());
  bool sound = true;
  for (std::int64_t r = 0; r < count; ++r) {
    const auto row = static_cast<std::size_t>(r);
    const std::byte* raw = rows.data() + row * row_bytes;
    sound &= sound_row(schema_, raw, elements);
    if (to.features) {
      unpack_features(raw,
                      static_cast<std::byte*>(to.features.data) + row * elements * element_bytes);
    }
    if (to.targets) {
      unpack_target(raw, raw + feature_bytes,
                    static_cast<std::byte*>(to.targets.data) + row * target_bytes);
    }
  }
  return sound;
}

bool unpack(const SampleSchema& schema, ByteSpan rows, const RowViews& to) {
  return Unpacker(schema).unpack(rows, to);
}

std::optional<std::vector<std::size_t>> ends_of_rows(const SampleSchema& schema, ByteSpan rows,
                                                     std::int64_t count) {
  if (schema.ragged()) {
    std::vector<std::size_t> ends;  // grows with what is there, not with what is asked for
    for (std::size_t end = 0; end < rows.size();) {
      const auto row = first_ragged_row(schema, rows.subspan(end));
      if (!row || static_cast<std::int64_t>(ends.size()) >= count) return std::nullopt;
      ends.push_back(end += row->bytes);
    }
    if (static_cast<std::int64_t>(ends.size()) != count) return std::nullopt;
    return ends;
  }
  const std::size_t size = schema.row_bytes();
  if (count < 0 || rows.size() % size != 0 ||
      rows.size() / size != static_cast<std::size_t>(count)) {
    return std::nullopt;
  }
  std::vector<std::size_t> ends(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < ends.size(); ++i) ends[i] = (i + 1) * size;
  return ends;
}

}  // namespace raven
