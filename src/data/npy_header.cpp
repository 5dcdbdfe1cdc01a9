#include "data/npy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "raven/tensor/shape.hpp"

namespace raven {
namespace {

constexpr std::size_t max_header_bytes = 65536;

struct TypeName {
  std::string_view name;
  NpyType type;
  std::size_t bytes;
};
constexpr TypeName numbers[] = {
    {"b1", NpyType::b1, 1}, {"u1", NpyType::u1, 1}, {"i1", NpyType::i1, 1}, {"u2", NpyType::u2, 2},
    {"i2", NpyType::i2, 2}, {"u4", NpyType::u4, 4}, {"i4", NpyType::i4, 4}, {"u8", NpyType::u8, 8},
    {"i8", NpyType::i8, 8}, {"f2", NpyType::f2, 2}, {"f4", NpyType::f4, 4}, {"f8", NpyType::f8, 8}};

/// Steps through the Python dictionary that an npy header is: only the few forms that NumPy writes.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool accept(char c) {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n'))
      rest_.remove_prefix(1);
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::optional<std::string_view> quoted() {
    const char quote = accept('\'') ? '\'' : accept('"') ? '"' : '\0';
    const std::size_t end = rest_.find(quote);
    if (quote == '\0' || end == std::string_view::npos) return std::nullopt;
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::optional<bool> truth() {
    (void)accept(' ');
    for (const auto& [word, value] :
         {std::pair{std::string_view("True"), true}, {"False", false}}) {
      if (rest_.starts_with(word)) {
        rest_.remove_prefix(word.size());
        return value;
      }
    }
    return std::nullopt;
  }
  std::optional<std::vector<std::int64_t>> sizes() {
    if (!accept('(')) return std::nullopt;
    std::vector<std::int64_t> dims;
    while (!accept(')')) {
      (void)accept(' ');
      std::int64_t size = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc{} || dims.size() == Shape::max_rank) return std::nullopt;
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      (void)accept('L');  // as Python 2 wrote long integers
      dims.push_back(size);
      if (accept(',')) continue;
      if (!accept(')')) return std::nullopt;
      break;
    }
    return dims;
  }

 private:
  std::string_view rest_;
};

/// What `descr` says: an order of bytes, a kind and a size. @return false when it can't be imported
bool read_type(std::string_view descr, NpyHeader& header) {
  if (descr.size() < 3 || std::string_view("<>|=").find(descr.front()) == std::string_view::npos) {
    return false;
  }
  const std::string_view name = descr.substr(1);
  header.big_endian = descr.front() == '>';
  for (const TypeName& known : numbers) {
    if (name != known.name) continue;
    if (known.bytes > 1 && descr.front() == '|') return false;
    header.type = known.type;
    header.item_bytes = known.bytes;
    return true;
  }
  const bool unicode = name.front() == 'U';
  if (!unicode && name.front() != 'S') return false;
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), length);
  constexpr std::size_t longest = std::size_t{1} << 20;
  if (error != std::errc{} || end != name.data() + name.size() || length < 1 || length > longest) {
    return false;
  }
  header.type = unicode ? NpyType::unicode : NpyType::bytes;
  header.item_bytes = length * (unicode ? 4 : 1);
  return true;
}

std::string read_header(ByteSource& source) {
  std::array<std::byte, 8> magic{};
  source.read_exactly(magic, "the header");
  if (std::memcmp(magic.data(), "\x93NUMPY", 6) != 0) {
    source.refuse("this is no npy file", "save the array with numpy.save");
  }
  const int version = std::to_integer<int>(magic[6]);
  if (version < 1 || version > 3)
    source.refuse("the npy version is unknown", "save the array with numpy.save");
  std::array<std::byte, 4> raw{};
  source.read_exactly(std::span(raw).first(version == 1 ? 2 : 4), "the header");
  std::uint32_t length = 0;
  std::memcpy(&length, raw.data(), raw.size());
  if (length > max_header_bytes)
    source.refuse("the header is longer than 64 KiB", "save a plain array of numbers");
  std::string header(length, '\0');
  source.read_exactly(std::as_writable_bytes(std::span(header)), "the header");
  return header;
}

/// The dictionary's three entries, each once, in any order.
class HeaderReader {
 public:
  explicit HeaderReader(ByteSource& source) : source_(source) {}

  NpyHeader read() {
    const std::string text = read_header(source_);
    Scanner scan(text);
    bool sound = scan.accept('{');
    while (sound && !scan.accept('}')) {
      const auto key = scan.quoted();
      sound = key && scan.accept(':') && read_entry(*key, scan);
      if (sound && !scan.accept(',')) {
        sound = scan.accept('}');
        break;
      }
    }
    if (!sound || !typed_ || !shaped_ || !ordered_) {
      source_.refuse("the npy header is not what NumPy writes", "save the array with numpy.save");
    }
    // With one dimension, or one that counts, both orders are the same.
    if (fortran_ && std::ranges::count_if(header_.dims, [](auto dim) { return dim != 1; }) > 1) {
      source_.refuse("the array is in Fortran order", "save numpy.ascontiguousarray(array)");
    }
    return std::move(header_);
  }

 private:
  bool read_entry(std::string_view key, Scanner& scan) {
    if (key == "descr" && !typed_) {
      const auto name = scan.quoted();
      typed_ = name && read_type(*name, header_);
      if (!typed_) {
        source_.refuse("the element type " +
                           (name ? "'" + std::string(name->substr(0, 20)) + "'" : "") +
                           " can't be imported",
                       "convert the array to numbers (uint8, int64, float32) or strings");
      }
      return true;
    }
    if (key == "fortran_order" && !ordered_) {
      const auto fortran = scan.truth();
      fortran_ = fortran.value_or(false);
      return ordered_ = fortran.has_value();
    }
    if (key == "shape" && !shaped_) {
      auto sizes = scan.sizes();
      shaped_ = sizes.has_value();
      if (sizes) header_.dims = std::move(*sizes);
      return shaped_;
    }
    return false;
  }

  ByteSource& source_;
  NpyHeader header_;
  bool typed_ = false;
  bool shaped_ = false;
  bool ordered_ = false;
  bool fortran_ = false;
};

}  // namespace

NpyHeader read_npy_header(ByteSource& source) { return HeaderReader(source).read(); }

}  // namespace raven
