#include "data/npy_reader.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "raven/data/schema.hpp"

namespace raven {
namespace {

constexpr std::size_t max_header_bytes = 65536;
constexpr std::int64_t max_rows = std::int64_t{1} << 40;

struct TypeName {
  std::string_view name;
  NpyType type;
};
constexpr TypeName type_names[] = {{"|u1", NpyType::u1}, {"|i1", NpyType::i1}, {"<u2", NpyType::u2},
                                   {"<i2", NpyType::i2}, {"<u4", NpyType::u4}, {"<i4", NpyType::i4},
                                   {"<u8", NpyType::u8}, {"<i8", NpyType::i8}, {"<f4", NpyType::f4},
                                   {"<f8", NpyType::f8}, {"|b1", NpyType::u1}};

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

template <class T>
T load(ByteSpan row, std::size_t i) {
  T value{};
  std::memcpy(&value, row.data() + i * sizeof(T), sizeof(T));
  return value;
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

}  // namespace

std::size_t bytes_of(NpyType type) {
  switch (type) {
    case NpyType::u1:
    case NpyType::i1:
      return 1;
    case NpyType::u2:
    case NpyType::i2:
      return 2;
    case NpyType::u4:
    case NpyType::i4:
    case NpyType::f4:
      return 4;
    case NpyType::u8:
    case NpyType::i8:
    case NpyType::f8:
      return 8;
  }
  return 8;
}

bool is_real(NpyType type) { return type == NpyType::f4 || type == NpyType::f8; }

NpyReader::NpyReader(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {
  parse_header(read_header(*source_));
  std::size_t row_bytes = bytes_of(type_);
  for (std::size_t d = 0; d < dims_.size(); ++d) {
    const std::int64_t size = dims_[d];
    if (size < 1)
      source_->refuse("a dimension is not positive", "save an array that holds something");
    if (d == 0) {
      if (size > max_rows)
        source_->refuse("the header tells of more than 2^40 rows", "check the file");
      continue;
    }
    if (static_cast<std::size_t>(size) > SampleSchema::max_row_bytes / row_bytes) {
      source_->refuse("a row takes more than 256 MiB", "the first dimension must count the rows");
    }
    row_bytes *= static_cast<std::size_t>(size);
    row_elements_ *= static_cast<std::size_t>(size);
  }
  row_.resize(row_bytes);
}

void NpyReader::parse_header(const std::string& header) {
  Scanner scan(header);
  bool typed = false;
  bool shaped = false;
  bool ordered = false;
  bool sound = scan.accept('{');
  while (sound && !scan.accept('}')) {
    const auto key = scan.quoted();
    sound = key && scan.accept(':');
    if (!sound) break;
    if (*key == "descr" && !typed) {
      const auto name = scan.quoted();
      for (const TypeName& known : type_names) {
        if (name && *name == known.name) {
          type_ = known.type;
          typed = true;
        }
      }
      if (!typed) {
        source_->refuse("the element type " +
                            (name ? "'" + std::string(name->substr(0, 20)) + "'" : "") +
                            " can't be imported",
                        "convert the array to uint8, float32 or int64, little-endian");
      }
    } else if (*key == "fortran_order" && !ordered) {
      const auto fortran = scan.truth();
      sound = ordered = fortran.has_value();
      if (fortran.value_or(false))
        source_->refuse("the array is in Fortran order", "save numpy.ascontiguousarray(array)");
    } else if (*key == "shape" && !shaped) {
      const auto sizes = scan.sizes();
      sound = shaped = sizes.has_value();
      if (sizes) dims_ = *sizes;
    } else {
      sound = false;
    }
    if (!scan.accept(',') && sound) {
      sound = scan.accept('}');
      break;
    }
  }
  if (!sound || !typed || !shaped || !ordered) {
    source_->refuse("the npy header is not what NumPy writes", "save the array with numpy.save");
  }
  if (dims_.empty())
    source_->refuse("the array is a single number", "the first dimension must count the rows");
}

ByteSpan NpyReader::next_row() {
  source_->read_exactly(row_, "the array data");
  return row_;
}

std::int64_t NpyReader::whole_at(ByteSpan row, std::size_t i) const {
  switch (type_) {
    case NpyType::u1:
      return load<std::uint8_t>(row, i);
    case NpyType::i1:
      return load<std::int8_t>(row, i);
    case NpyType::u2:
      return load<std::uint16_t>(row, i);
    case NpyType::i2:
      return load<std::int16_t>(row, i);
    case NpyType::u4:
      return load<std::uint32_t>(row, i);
    case NpyType::i4:
      return load<std::int32_t>(row, i);
    case NpyType::u8: {
      const auto value = load<std::uint64_t>(row, i);
      constexpr auto top = std::numeric_limits<std::int64_t>::max();
      return value > static_cast<std::uint64_t>(top) ? top : static_cast<std::int64_t>(value);
    }
    case NpyType::i8:
      return load<std::int64_t>(row, i);
    case NpyType::f4:
    case NpyType::f8:
      return -1;
  }
  return -1;
}

double NpyReader::real_at(ByteSpan row, std::size_t i) const {
  if (type_ == NpyType::f4) return static_cast<double>(load<float>(row, i));
  if (type_ == NpyType::f8) return load<double>(row, i);
  return static_cast<double>(whole_at(row, i));
}

}  // namespace raven
