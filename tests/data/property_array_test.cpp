// Arrays made from numbers and strings that are known, in the types, byte orders and headers that
// npy files have; imported and read back: the same values, names and counts.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>

#include "data/byte_strings.hpp"
#include "data/property.hpp"
#include "data/temporary_folder.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/import.hpp"
#include "raven/data/verify.hpp"

namespace raven {
namespace {

using Strings = std::vector<std::string>;

/// Elements as the file holds them, and what they are.
struct Elements {
  std::string type;      // without its byte order
  std::size_t unit = 1;  // bytes that a byte order turns around
  std::string bytes{};   // little-endian
  std::vector<double> values{};
  Strings names{};  // of strings
};

template <class T>
void put(std::string& bytes, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof value);
  bytes.append(raw, sizeof value);
}

/// A half from its three parts, by the formula of IEEE 754.
void put_half(Choices& choose, Elements& out) {
  const std::size_t sign = choose.below(2);
  const std::size_t exponent = choose.below(31);
  const std::size_t fraction = choose.below(1024);
  put(out.bytes, static_cast<std::uint16_t>(sign << 15 | exponent << 10 | fraction));
  const double part = static_cast<double>(fraction) / 1024;
  const double value = exponent == 0 ? part * std::pow(2, -14)
                                     : (1 + part) * std::pow(2, static_cast<double>(exponent) - 15);
  out.values.push_back(sign == 1 ? -value : value);
}

template <class T>
void put_whole(Choices& choose, Elements& out, std::size_t below) {
  const auto value = static_cast<T>(choose.below(below));
  put(out.bytes, value);
  out.values.push_back(static_cast<double>(value));
}

double made_real(Choices& choose) {
  return (static_cast<double>(choose.below(2000001)) - 1000000) / 1024;
}

void put_element(Choices& choose, Elements& out, std::size_t below) {
  if (out.type == "f2") return put_half(choose, out);
  if (out.type == "b1") return put_whole<std::uint8_t>(choose, out, 2);
  if (out.type == "u1")
    return put_whole<std::uint8_t>(choose, out, std::min<std::size_t>(below, 256));
  if (out.type == "i1")
    return put_whole<std::int8_t>(choose, out, std::min<std::size_t>(below, 128));
  if (out.type == "u2") return put_whole<std::uint16_t>(choose, out, below);
  if (out.type == "i2") return put_whole<std::int16_t>(choose, out, below);
  if (out.type == "u4") return put_whole<std::uint32_t>(choose, out, below);
  if (out.type == "i4") return put_whole<std::int32_t>(choose, out, below);
  if (out.type == "u8") return put_whole<std::uint64_t>(choose, out, below);
  if (out.type == "i8") return put_whole<std::int64_t>(choose, out, below);
  out.values.push_back(made_real(choose));
  if (out.type == "f4") return put(out.bytes, static_cast<float>(out.values.back()));
  put(out.bytes, out.values.back());
}

Elements made_numbers(Choices& choose, const Strings& types, std::size_t count, std::size_t below) {
  Elements made{.type = choose.of(types)};
  made.unit = static_cast<std::size_t>(made.type[1] - '0');
  for (std::size_t i = 0; i < count; ++i) put_element(choose, made, below);
  return made;
}

/// Code points, and their UTF-8.
const std::vector<std::pair<std::u32string, std::string>> words{{U"ant", "ant"},
                                                                {U"b\u00eate", "b\u00eate"},
                                                                {U"\u732b", "\u732b"},
                                                                {U"x y", "x y"},
                                                                {U"\U0001F431", "\U0001F431"}};

Elements made_strings(Choices& choose, std::size_t count) {
  const bool unicode = choose.one_in(2);
  const std::size_t length = choose.between(4, 6);
  Elements made{.type = (unicode ? "U" : "S") + std::to_string(length)};
  made.unit = unicode ? 4 : 1;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [codes, utf8] = words[choose.below(unicode ? words.size() : 1)];
    if (unicode) {
      for (std::size_t at = 0; at < length; ++at) {
        put(made.bytes, static_cast<std::uint32_t>(at < codes.size() ? codes[at] : 0));
      }
      made.names.push_back(utf8);
    } else {
      const std::string name = choose.of(Strings{"ox", "cat", "it's"});
      made.bytes += name + std::string(length - name.size(), '\0');
      made.names.push_back(name);
    }
  }
  return made;
}

std::string npy_of(Choices& choose, const Elements& elements,
                   const std::vector<std::size_t>& dims) {
  const bool big = choose.one_in(2) && elements.unit > 1;
  std::string bytes = elements.bytes;
  for (std::size_t at = 0; big && at < bytes.size(); at += elements.unit) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                 bytes.begin() + static_cast<std::ptrdiff_t>(at + elements.unit));
  }
  const std::string suffix = choose.one_in(4) ? "L" : "";
  std::string shape;
  for (const std::size_t dim : dims) shape += std::to_string(dim) + suffix + ", ";
  if (dims.size() > 1) shape.resize(shape.size() - 2);
  const bool either = dims.size() == 1 && choose.one_in(2);
  Strings entries{"'descr': '" +
                      std::string(elements.unit == 1 ? "|"
                                  : big              ? ">"
                                                     : "<") +
                      elements.type + "'",
                  "'fortran_order': " + std::string(either ? "True" : "False"),
                  "'shape': (" + shape + ")"};
  std::swap(entries[choose.below(3)], entries[choose.below(3)]);
  std::string header = "{" + entries[0] + ", " + entries[1] + ", " + entries[2] +
                       choose.of(Strings{", }", "}"}) + std::string(choose.below(40), ' ') + "\n";
  const std::string file = npy_file(header) + bytes;
  return choose.one_in(5) ? gzipped(file) : file;
}

/// What is stored, by rows: features, then the target.
struct Stored {
  std::vector<std::vector<double>> features{};
  std::vector<double> targets{};
};

template <class T>
double number_at(const Bytes& rows, std::size_t at) {
  T value{};
  std::memcpy(&value, rows.data() + at, sizeof value);
  return static_cast<double>(value);
}

Stored stored_in(const Manifest& manifest) {
  EXPECT_TRUE(verify(manifest).problems.empty());
  const Dataset data(manifest);
  const SampleSchema& schema = manifest.schema;
  std::vector<std::int64_t> all(static_cast<std::size_t>(data.size()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  Bytes rows(all.size() * schema.row_bytes());
  data.gather_raw(all, rows);
  Stored stored;
  for (std::size_t row = 0; row < all.size(); ++row) {
    const std::size_t begin = row * schema.row_bytes();
    std::vector<double> features;
    for (std::size_t i = 0; i < static_cast<std::size_t>(schema.feature_shape.count()); ++i) {
      const std::size_t at = begin + i * bytes_of(schema.feature_type);
      features.push_back(schema.feature_type == FeatureType::u8 ? number_at<std::uint8_t>(rows, at)
                         : schema.feature_type == FeatureType::f32
                             ? number_at<float>(rows, at)
                             : number_at<std::int32_t>(rows, at));
    }
    stored.features.push_back(features);
    const std::size_t at = begin + schema.feature_bytes();
    stored.targets.push_back(schema.target_kind == TargetKind::real
                                 ? number_at<float>(rows, at)
                                 : number_at<std::int32_t>(rows, at));
  }
  return stored;
}

/// Arrays that belong together, and what is meant by them.
struct Arrays {
  std::size_t rows = 1;
  std::vector<std::size_t> sample{};
  Elements features{};
  Elements targets{};
  ArrayOptions options{};
};

Arrays made_arrays(Choices& choose) {
  Arrays made;
  made.rows = choose.between(1, 20);
  const std::size_t rank = choose.below(4);
  for (std::size_t i = 0; i < rank; ++i) made.sample.push_back(choose.between(1, 7));
  std::size_t width = 1;
  for (const std::size_t dim : made.sample) width *= dim;
  made.features =
      made_numbers(choose, {"f2", "f4", "f8", "u1", "b1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"},
                   made.rows * width, 30000);
  made.options.channels = rank == 3 && choose.one_in(2) ? Channels::first : Channels::last;
  made.options.integers =
      choose.one_in(2) ? ArrayOptions::Integers::tokens : ArrayOptions::Integers::values;
  if (choose.one_in(3)) {
    made.targets = made_strings(choose, made.rows);
  } else if (choose.one_in(2)) {
    made.targets = made_numbers(choose, {"u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "b1"},
                                made.rows, 100);
    made.options.target_kind = choose.one_in(2) ? TargetKind::classes : TargetKind::real;
  } else {
    made.targets = made_numbers(choose, {"f2", "f4", "f8"}, made.rows, 1);
    made.options.target_kind = TargetKind::real;
  }
  return made;
}

/// A sample's features in raven's order.
std::vector<double> meant_features(const Arrays& arrays, std::size_t row) {
  const std::size_t width = arrays.features.values.size() / arrays.rows;
  std::vector<double> values;
  for (std::size_t i = 0; i < width; ++i) {
    std::size_t from = i;
    if (arrays.options.channels == Channels::first) {
      const std::size_t channels = arrays.sample[0];
      const std::size_t pixels = width / channels;
      from = i % channels * pixels + i / channels;
    }
    values.push_back(
        static_cast<double>(static_cast<float>(arrays.features.values[row * width + from])));
  }
  return values;
}

void check_targets(const Arrays& arrays, const Manifest& manifest, const Stored& stored) {
  for (std::size_t row = 0; row < arrays.rows; ++row) {
    if (!arrays.targets.names.empty()) {
      EXPECT_EQ(manifest.class_names[static_cast<std::size_t>(stored.targets[row])],
                arrays.targets.names[row]);
    } else {
      EXPECT_EQ(stored.targets[row],
                static_cast<double>(static_cast<float>(arrays.targets.values[row])));
    }
  }
  if (!arrays.targets.names.empty()) {
    const std::set<std::string> different(arrays.targets.names.begin(), arrays.targets.names.end());
    EXPECT_EQ(manifest.class_names, Strings(different.begin(), different.end()));
  } else if (arrays.targets.type == "b1" && arrays.options.target_kind == TargetKind::classes) {
    EXPECT_EQ(manifest.class_names, (Strings{"False", "True"}));
  }
}

TEST(Property, an_array_is_read_back_as_it_was_meant) {
  for_each_made_up_input([](Choices& choose) {
    Arrays arrays = made_arrays(choose);
    std::vector<std::size_t> dims{arrays.rows};
    dims.insert(dims.end(), arrays.sample.begin(), arrays.sample.end());
    const TemporaryFolder folder;
    const auto x = folder.put("x.npy", npy_of(choose, arrays.features, dims));
    const auto y = folder.put("y.npy", npy_of(choose, arrays.targets, {arrays.rows}));
    const ImportOptions options{.folder = folder / "out",
                                .rows_per_shard = static_cast<std::int64_t>(choose.between(1, 9)),
                                .valid_fraction = 0};
    const Manifest manifest = read_manifest(import_npy(x, y, options, arrays.options).train);
    const Stored stored = stored_in(manifest);
    ASSERT_EQ(stored.features.size(), arrays.rows);
    EXPECT_TRUE(manifest.origin.empty());
    for (std::size_t row = 0; row < arrays.rows; ++row) {
      EXPECT_EQ(stored.features[row], meant_features(arrays, row));
    }
    check_targets(arrays, manifest, stored);
  });
}

}  // namespace
}  // namespace raven
