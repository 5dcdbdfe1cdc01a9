#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace raven {

/// What a manifest may be at most, so that reading one takes less than 512 MiB whatever it holds;
/// the writer keeps to it, too. A value is a scalar, a list or a map.
struct ManifestLimits {
  static constexpr std::size_t bytes = std::size_t{64} << 20;
  static constexpr std::size_t values = std::size_t{1} << 22;
  static constexpr std::size_t depth = 16;                    ///< lists and maps inside each other
  static constexpr std::size_t texts = std::size_t{1} << 21;  ///< in a vocabulary
  static constexpr std::size_t names = std::size_t{1} << 20;  ///< of classes or columns
  static constexpr std::size_t text_bytes = 4096;             ///< of a name, a class or a word
};

/// A parsed text: values in the order of their beginnings, 28 bytes each.
struct YamlDocument {
  enum class Kind : std::uint8_t { nothing, scalar, list, map };
  struct Value {
    Kind kind = Kind::nothing;
    bool own = false;        ///< a scalar whose characters are in `unescaped`
    std::uint32_t line = 0;  ///< from 0, as is the next
    std::uint32_t column = 0;
    std::uint32_t next = 0;   ///< the next of the same list or map; 0: none
    std::uint32_t from = 0;   ///< of a scalar: the first character; else the first value inside
    std::uint32_t count = 0;  ///< of a scalar: characters; of a map: keys and values
  };

  std::string text;       ///< as read
  std::string unescaped;  ///< scalars that do not stand in `text` as they are meant
  std::vector<Value> values;

  [[nodiscard]] std::string_view text_of(const Value& value) const {
    return std::string_view(value.own ? unescaped : text).substr(value.from, value.count);
  }
};

/// Parses the YAML that data files use: maps and lists in blocks or brackets, plain and quoted
/// scalars, comments. What YAML has beyond that, and a manifest does not need, is refused: anchors,
/// aliases, tags, block scalars, keys that are no scalars, several documents.
/// Time and memory are proportional to the text, and bounded by ManifestLimits.
/// @param name of the file, for messages @throws InputError with line and column
[[nodiscard]] YamlDocument parse_yaml_document(std::string text, const std::string& name);

/// A value in a document, which outlives it; or none, where a key was asked for that is not there.
class YamlValue {
 public:
  YamlValue() = default;
  /// The document's outermost value.
  explicit YamlValue(const YamlDocument& document) : document_(&document) {}

  [[nodiscard]] bool is_defined() const { return document_ != nullptr; }
  [[nodiscard]] bool is_scalar() const { return is(YamlDocument::Kind::scalar); }
  [[nodiscard]] bool is_list() const { return is(YamlDocument::Kind::list); }
  [[nodiscard]] bool is_map() const { return is(YamlDocument::Kind::map); }
  /// Line and column, from 1; 0 where there is no value.
  [[nodiscard]] int line() const { return is_defined() ? static_cast<int>(get().line) + 1 : 0; }
  [[nodiscard]] int column() const { return is_defined() ? static_cast<int>(get().column) + 1 : 0; }

  /// The characters of a scalar; none of other values.
  [[nodiscard]] std::string_view scalar() const {
    return is_scalar() ? document_->text_of(get()) : std::string_view();
  }
  /// Entries of a list or a map.
  [[nodiscard]] std::size_t size() const {
    if (is_map()) return get().count / 2;
    return is_list() ? get().count : 0;
  }
  /// The value of a key, the first one if it stands there twice.
  [[nodiscard]] YamlValue operator[](std::string_view key) const {
    if (!is_map()) return {};
    for (YamlValue entry = first(); entry.is_defined(); entry = entry.following().following()) {
      if (entry.scalar() == key) return entry.following();
    }
    return {};
  }

  /// Goes through the values of a list, or the keys of a map.
  class Iterator;
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;

 private:
  [[nodiscard]] const YamlDocument::Value& get() const { return document_->values[index_]; }
  [[nodiscard]] bool is(YamlDocument::Kind kind) const {
    return is_defined() && get().kind == kind;
  }
  [[nodiscard]] YamlValue at(std::uint32_t index) const {
    YamlValue value;
    if (index == 0) return value;  // the root follows nothing
    value.document_ = document_;
    value.index_ = index;
    return value;
  }
  [[nodiscard]] YamlValue first() const {
    return is_list() || is_map() ? at(get().from) : YamlValue();
  }
  [[nodiscard]] YamlValue following() const { return at(get().next); }

  const YamlDocument* document_ = nullptr;
  std::uint32_t index_ = 0;
};

class YamlValue::Iterator {
 public:
  Iterator(const YamlValue& at, bool of_map) : at_(at), of_map_(of_map) {}
  [[nodiscard]] const YamlValue& operator*() const { return at_; }
  Iterator& operator++() {
    at_ = of_map_ ? at_.following().following() : at_.following();
    return *this;
  }
  [[nodiscard]] bool operator==(const Iterator& other) const {
    return at_.document_ == other.at_.document_ && at_.index_ == other.at_.index_;
  }

 private:
  YamlValue at_;
  bool of_map_;
};

inline YamlValue::Iterator YamlValue::begin() const { return {first(), is_map()}; }
inline YamlValue::Iterator YamlValue::end() const { return {YamlValue(), is_map()}; }

}  // namespace raven
