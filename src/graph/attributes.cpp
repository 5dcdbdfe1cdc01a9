#include "raven/graph/attributes.hpp"

#include <algorithm>
#include <cmath>

#include "raven/core/contract.hpp"

namespace raven {
namespace {

constexpr std::size_t max_entries = 32;
constexpr std::size_t max_key = 64;
constexpr std::size_t max_text = 256;
// Decoding a list is bounded by the bytes at hand; runs of rows of a large batch are long.
constexpr std::size_t max_list = std::size_t{1} << 20U;

using Value = Attributes::Value;

/// On the wire a value begins with its place in the variant, from 1.
enum class Tag : std::uint8_t { integer = 1, real = 2, text = 3, integers = 4, reals = 5 };

/// NaN would make an attribute unequal to itself; minus zero would give one number two encodings.
double canonical(double value) { return value == 0 ? 0.0 : value; }

bool readable(double value) { return !std::isnan(value) && (value != 0 || !std::signbit(value)); }

std::optional<Value> decode_value(ByteReader& from) {
  switch (from.get<Tag>()) {
    case Tag::integer:
      return Value(from.get<std::int64_t>());
    case Tag::real: {
      const double value = from.get<double>();
      if (!readable(value)) return std::nullopt;
      return Value(value);
    }
    case Tag::text: {
      std::string text = from.get_string();
      if (text.size() > max_text) return std::nullopt;
      return Value(std::move(text));
    }
    case Tag::integers: {
      auto list = from.get_list<std::int64_t>();
      if (list.size() > max_list) return std::nullopt;
      return Value(std::move(list));
    }
    case Tag::reals: {
      auto list = from.get_list<double>();
      if (list.size() > max_list || !std::all_of(list.begin(), list.end(), readable)) {
        return std::nullopt;
      }
      return Value(std::move(list));
    }
  }
  return std::nullopt;
}

}  // namespace

Attributes::Attributes(std::initializer_list<std::pair<std::string, Value>> entries) {
  entries_.reserve(entries.size());
  for (const auto& [key, value] : entries) set(key, value);
}

Attributes& Attributes::set(std::string key, Value value) {
  if (auto* real = std::get_if<double>(&value)) *real = canonical(*real);
  if (auto* list = std::get_if<std::vector<double>>(&value)) {
    std::transform(list->begin(), list->end(), list->begin(), canonical);
  }
  const auto at =
      std::lower_bound(entries_.begin(), entries_.end(), key,
                       [](const auto& entry, const auto& k) { return entry.first < k; });
  if (at != entries_.end() && at->first == key) {
    at->second = std::move(value);
  } else {
    entries_.emplace(at, std::move(key), std::move(value));
  }
  return *this;
}

const Attributes::Value* Attributes::find(std::string_view key) const {
  for (const auto& [name, value] : entries_) {
    if (name == key) return &value;
  }
  return nullptr;
}

namespace {

template <class T>
const T& checked(const Value* value) {
  const T* typed = value ? std::get_if<T>(value) : nullptr;
  expects(typed != nullptr,
          "an attribute is asked for by the name and type that infer has checked");
  return *typed;
}

}  // namespace

std::int64_t Attributes::integer(std::string_view key) const {
  return checked<std::int64_t>(find(key));
}
double Attributes::real(std::string_view key) const { return checked<double>(find(key)); }
const std::string& Attributes::text(std::string_view key) const {
  return checked<std::string>(find(key));
}
const std::vector<std::int64_t>& Attributes::integers(std::string_view key) const {
  return checked<std::vector<std::int64_t>>(find(key));
}
const std::vector<double>& Attributes::reals(std::string_view key) const {
  return checked<std::vector<double>>(find(key));
}

void Attributes::encode(ByteWriter& to) const {
  to.put(static_cast<std::uint8_t>(entries_.size()));
  for (const auto& [key, value] : entries_) {
    to.put_string(key);
    to.put(static_cast<std::uint8_t>(value.index() + 1));
    if (const auto* integer = std::get_if<std::int64_t>(&value)) to.put(*integer);
    if (const auto* real = std::get_if<double>(&value)) to.put(*real);
    if (const auto* text = std::get_if<std::string>(&value)) to.put_string(*text);
    if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) {
      to.put_list(std::span(*list));
    }
    if (const auto* list = std::get_if<std::vector<double>>(&value)) to.put_list(std::span(*list));
  }
}

std::optional<Attributes> Attributes::decode(ByteReader& from) {
  Attributes attributes;
  const std::size_t count = from.get<std::uint8_t>();
  if (count > max_entries) return std::nullopt;
  for (std::size_t i = 0; i < count && from.ok(); ++i) {
    std::string key = from.get_string();
    if (key.empty() || key.size() > max_key) return std::nullopt;
    if (i > 0 && key <= attributes.entries_.back().first) return std::nullopt;
    std::optional<Value> value = decode_value(from);
    if (!value) return std::nullopt;
    attributes.entries_.emplace_back(std::move(key), std::move(*value));
  }
  if (!from.ok()) return std::nullopt;
  return attributes;
}

}  // namespace raven
