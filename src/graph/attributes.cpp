#include "raven/graph/attributes.hpp"

#include <algorithm>

#include "raven/core/contract.hpp"

namespace raven {
namespace {

constexpr std::size_t max_entries = 32;
constexpr std::size_t max_text = 256;
constexpr std::size_t max_list = 4096;

template <class T>
const T& get(const Attributes& attributes, std::string_view key) {
  const Attributes::Value* value = attributes.find(key);
  expects(value != nullptr && std::holds_alternative<T>(*value),
          "an attribute is asked for by its name and type");
  return std::get<T>(*value);
}

}  // namespace

Attributes::Attributes(std::initializer_list<std::pair<std::string, Value>> entries) {
  for (const auto& [key, value] : entries) set(key, value);
}

Attributes& Attributes::set(std::string key, Value value) {
  const auto place =
      std::lower_bound(entries_.begin(), entries_.end(), key,
                       [](const auto& entry, const std::string& k) { return entry.first < k; });
  if (place != entries_.end() && place->first == key) {
    place->second = std::move(value);
  } else {
    entries_.emplace(place, std::move(key), std::move(value));
  }
  return *this;
}

std::int64_t Attributes::integer(std::string_view key) const {
  return get<std::int64_t>(*this, key);
}
double Attributes::real(std::string_view key) const { return get<double>(*this, key); }
const std::string& Attributes::text(std::string_view key) const {
  return get<std::string>(*this, key);
}
const std::vector<std::int64_t>& Attributes::integers(std::string_view key) const {
  return get<std::vector<std::int64_t>>(*this, key);
}
const std::vector<double>& Attributes::reals(std::string_view key) const {
  return get<std::vector<double>>(*this, key);
}

const Attributes::Value* Attributes::find(std::string_view key) const {
  for (const auto& [name, value] : entries_) {
    if (name == key) return &value;
  }
  return nullptr;
}

void Attributes::encode(ByteWriter& to) const {
  to.put(static_cast<std::uint16_t>(entries_.size()));
  for (const auto& [key, value] : entries_) {
    to.put_string(key);
    to.put(static_cast<std::uint8_t>(value.index()));
    std::visit(
        [&](const auto& v) {
          using V = std::remove_cvref_t<decltype(v)>;
          if constexpr (std::is_same_v<V, std::string>) {
            to.put_string(v);
          } else if constexpr (std::is_arithmetic_v<V>) {
            to.put(v);
          } else {
            to.put_list(std::span(v));
          }
        },
        value);
  }
}

std::optional<Attributes> Attributes::decode(ByteReader& from) {
  Attributes attributes;
  const auto count = from.get<std::uint16_t>();
  if (count > max_entries) from.fail();
  for (std::uint16_t i = 0; i < count && from.ok(); ++i) {
    std::string key = from.get_string();
    Value value;
    bool sound = key.size() <= max_text;
    switch (from.get<std::uint8_t>()) {
      case 0:
        value = from.get<std::int64_t>();
        break;
      case 1:
        value = from.get<double>();
        break;
      case 2: {
        value = from.get_string();
        sound = sound && std::get<std::string>(value).size() <= max_text;
        break;
      }
      case 3: {
        value = from.get_list<std::int64_t>();
        sound = sound && std::get<std::vector<std::int64_t>>(value).size() <= max_list;
        break;
      }
      case 4: {
        value = from.get_list<double>();
        sound = sound && std::get<std::vector<double>>(value).size() <= max_list;
        break;
      }
      default:
        sound = false;
    }
    // Sorted and without repeats, or equal attributes could have unequal bytes.
    if (!attributes.entries_.empty() && key <= attributes.entries_.back().first) sound = false;
    if (!sound) from.fail();
    attributes.entries_.emplace_back(std::move(key), std::move(value));
  }
  if (!from.ok()) return std::nullopt;
  return attributes;
}

}  // namespace raven
