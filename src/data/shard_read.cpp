#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "data/hdf5_input.hpp"
#include "data/ragged_shard.hpp"
#include "data/shard_array.hpp"
#include "data/shard_file.hpp"
#include "data/token_windows.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& problem,
                         const std::string& remedy = ShardFile::remake) {
  throw InputError({file.string()}, problem, remedy);
}

/// Before a byte is read: the file must be of a size that its rows can explain.
void check_size(const ShardFile& file, std::size_t raw_bytes) {
  // Room for HDF5's own structures and for data that deflate could not shrink.
  const std::uint64_t most = raw_bytes + raw_bytes / 8 + (std::uint64_t{16} << 20);
  if (file.size() > most) {
    file.refuse("the file has " + std::to_string(file.size()) +
                " bytes, but its rows explain at most " + std::to_string(most));
  }
}

/// Exactly these datasets, linked by hard links: nothing else can lead elsewhere.
/// @return the addresses of their headers, in the order of `wanted`
std::vector<std::uint64_t> checked_links(const ShardFile& file, const std::vector<Hdf5Link>& links,
                                         std::span<const ShardArray> wanted) {
  std::vector<std::uint64_t> addresses;
  std::string names;
  for (const ShardArray& array : wanted) {
    const std::string quoted = "'" + std::string(array.name) + "'";
    names += (names.empty() ? "" : ", ") + quoted;
    const auto link = std::ranges::find(links, array.name, &Hdf5Link::name);
    if (link == links.end()) file.refuse("there is no dataset " + quoted);
    if (!link->hard) {
      file.refuse(quoted + " is a soft or external link, which could lead to another file");
    }
    addresses.push_back(link->address);
  }
  if (links.size() != wanted.size()) {
    file.refuse("there are " + std::to_string(links.size()) +
                " objects in the root group; this shard has just " + names);
  }
  return addresses;
}

/// None when the attribute is not one whole number of up to 64 bits.
std::optional<std::int64_t> number_in(const Hdf5Attribute& attribute) {
  if (!attribute.plain || !attribute.type || !attribute.space) return std::nullopt;
  const Hdf5Type& type = *attribute.type;
  if (!attribute.space->is_array || !type.whole_number || type.bytes < 1 || type.bytes > 8 ||
      attribute.value.size() < type.bytes) {
    return std::nullopt;
  }
  for (const std::uint64_t dim : attribute.space->dims) {
    if (dim != 1) return std::nullopt;
  }
  Bytes digits(attribute.value.begin(), attribute.value.begin() + type.bytes);
  if (type.big_endian) std::ranges::reverse(digits);
  const bool negative = type.with_sign && (digits.back() & std::byte{0x80}) != std::byte{0};
  std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
  std::memcpy(&value, digits.data(), digits.size());
  return static_cast<std::int64_t>(value);
}

void check_version(const ShardFile& file, const std::vector<Hdf5Message>& root) {
  const std::string name = shard_version_attribute;
  for (const Hdf5Message& message : root) {
    if (message.kind != Hdf5Kind::attribute || message.shared) continue;
    const auto attribute = attribute_in(message.body);
    if (!attribute || attribute->name != name) continue;
    const auto version = number_in(*attribute);
    if (!version) file.refuse("the root attribute '" + name + "' is not one integer");
    if (*version == shard_version) return;
    file.refuse("the format version is " + std::to_string(*version) + ", but this raven reads " +
                    std::to_string(shard_version),
                "use a newer raven, or make the shard again");
  }
  file.refuse("the root attribute '" + name + "' (the format version) is missing",
              "set it to " + std::to_string(shard_version) + " as docs/formats/shard.md shows");
}

void check_below(const std::filesystem::path& path, const char* what, const std::byte* values,
                 std::size_t count, std::size_t per_row, std::int32_t bound,
                 bool none_allowed = false) {
  for (std::size_t i = 0; i < count; ++i) {
    std::int32_t value = 0;
    std::memcpy(&value, values + 4 * i, 4);
    if (none_allowed && value == SampleSchema::no_target) continue;
    if (value < 0 || value >= bound) {
      refuse(path,
             "row " + std::to_string(i / per_row) + ": " + what + " " + std::to_string(value) +
                 " is outside 0 .. " + std::to_string(bound - 1),
             "correct the row, or the number that the manifest gives");
    }
  }
}

void check_finite(const std::filesystem::path& path, const char* what, const std::byte* values,
                  std::size_t count, std::size_t per_row) {
  for (std::size_t i = 0; i < count; ++i) {
    float value = 0;
    std::memcpy(&value, values + 4 * i, 4);
    if (!std::isfinite(value)) {
      refuse(path,
             "row " + std::to_string(i / per_row) + ": a " + what +
                 " is not a finite number, which would spoil the model",
             "remove or repair the row");
    }
  }
}

/// Of ragged data a row of features is a token, and one of targets may be a token or a node.
void check_values(const std::filesystem::path& path, const ShardExpectation& expected,
                  const ShardRows& shard) {
  const SampleSchema& schema = expected.schema;
  const auto feature_rows =
      static_cast<std::size_t>(schema.ragged() ? expected.tokens : shard.rows);
  const auto target_rows =
      static_cast<std::size_t>(schema.target_rows(shard.rows, {expected.tokens, expected.nodes}));
  const std::size_t features = shard.feature_bytes / 4;
  const std::size_t targets = shard.target_bytes / 4;
  if (schema.feature_type == FeatureType::i32) {
    check_below(path, "token", shard.features.get(), feature_rows * features, features,
                schema.vocabulary);
  }
  if (schema.feature_type == FeatureType::f32) {
    check_finite(path, "feature", shard.features.get(), feature_rows * features, features);
  }
  if (!schema.has_targets()) return;
  if (schema.target_kind == TargetKind::real) {
    check_finite(path, "target", shard.targets.get(), target_rows * targets, targets);
  } else {
    const bool tags = schema.target_kind == TargetKind::tags;
    check_below(path, tags ? "tag" : "class", shard.targets.get(), target_rows, 1,
                schema.target_width, tags);
  }
}

std::byte* bytes_for(std::unique_ptr<std::byte[]>& memory, const ShardArray& array) {
  memory = std::make_unique_for_overwrite<std::byte[]>(array.bytes());
  return memory.get();
}

std::byte* bytes_for(std::vector<std::int64_t>& memory, const ShardArray& array) {
  memory.resize(array.bytes() / 8);
  return std::as_writable_bytes(std::span(memory)).data();
}

/// Calls visit(array, memory) for each dataset of such a shard.
/// @param offsets takes those of sequences that are cut into windows
template <class Visit>
void visit_arrays(const ShardExpectation& expected, ShardRows& shard,
                  std::unique_ptr<std::byte[]>& offsets, Visit visit) {
  const SampleSchema& schema = expected.schema;
  if (schema.of_sequences()) {
    visit(tokens_array(expected.tokens), shard.features);
    visit(offsets_array(expected.sequences), offsets);
    return;
  }
  visit(features_array(schema, schema.ragged() ? expected.tokens : expected.rows), shard.features);
  if (schema.ragged()) visit(offsets_array(expected.rows), shard.token_offsets);
  if (schema.form == SampleForm::tree) {
    visit(parents_array(expected.nodes), shard.parents);
    visit(node_offsets_array(expected.rows), shard.node_offsets);
  }
  if (!schema.has_targets()) return;
  visit(targets_array(schema, schema.target_rows(expected.rows, {expected.tokens, expected.nodes})),
        shard.targets);
}

/// Fills `shard` with the datasets as stored. @param offsets those of sequences cut into windows
void read_arrays(const ShardFile& file, const ShardExpectation& expected, ShardRows& shard,
                 std::unique_ptr<std::byte[]>& offsets) {
  Hdf5Input input(file);
  std::vector<ShardArray> arrays;
  visit_arrays(expected, shard, offsets,
               [&](ShardArray array, auto&) { arrays.push_back(std::move(array)); });
  const std::vector<Hdf5Message> root = input.object_at(input.root());
  const auto addresses = checked_links(file, input.links_of(root), arrays);
  check_version(file, root);
  // All are judged before memory is taken for any.
  std::vector<CheckedArray> checked;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    checked.push_back(check_array(input, input.object_at(addresses[i]), arrays[i]));
  }
  std::size_t next = 0;
  visit_arrays(expected, shard, offsets, [&](const ShardArray& array, auto& memory) {
    read_array(input, checked[next++], array, bytes_for(memory, array));
  });
}

}  // namespace

std::size_t ShardExpectation::bytes() const {
  constexpr std::size_t beyond = std::numeric_limits<std::size_t>::max();
  std::size_t sum = 0;
  const auto add = [&](std::int64_t count, std::size_t each) {
    std::size_t all = 0;
    if (count < 0 || __builtin_mul_overflow(static_cast<std::size_t>(count), each, &all) ||
        __builtin_add_overflow(sum, all, &sum)) {
      sum = beyond;
    }
  };
  if (!schema.ragged()) {
    add(rows, schema.row_bytes());
    return sum;
  }
  const bool tree = schema.form == SampleForm::tree;
  add(tokens, schema.feature_bytes());
  add(schema.target_rows(rows, {tokens, nodes}), schema.target_bytes());
  add(rows, tree ? 16 : 8);
  if (tree) add(nodes, 4);
  return sum;
}

ShardRows load_shard(const std::filesystem::path& file, const ShardExpectation& expected) {
  const SampleSchema& schema = expected.schema;
  expects(schema.flaw().empty(), "a shard is read by a sound schema");
  ShardRows shard;
  shard.rows = expected.rows;
  shard.feature_bytes = schema.feature_bytes();
  shard.target_bytes = schema.target_bytes();
  shard.bytes = expected.bytes();
  if (schema.target_kind == TargetKind::tags) {
    shard.target_of =
        schema.form == SampleForm::tree ? ShardRows::TargetOf::node : ShardRows::TargetOf::token;
  }
  if (expected.rows < 1 || shard.bytes > expected.max_bytes) {
    refuse(file,
           std::to_string(expected.rows) + " rows are none, or take more than the limit of " +
               std::to_string(expected.max_bytes) + " bytes for one shard",
           "cut the data into smaller shards");
  }
  if (schema.of_sequences()) check_counts(file, expected);
  if (schema.ragged()) check_ragged_counts(file, expected);
  const ShardFile opened(file, expected.within);
  check_size(opened, schema.of_sequences() ? stored_bytes_of_sequences(expected) : shard.bytes);
  shard.stamp = opened.stamp();
  if (expected.sha256 && opened.stamp() != expected.hashed && opened.digest() != *expected.sha256) {
    refuse(file, "the SHA-256 differs from the manifest's, so this is another or a damaged file",
           "get the shard that belongs to the manifest, or make both again");
  }
  std::unique_ptr<std::byte[]> offsets;
  read_arrays(opened, expected, shard, offsets);
  if (schema.of_sequences()) {
    const auto tokens = std::move(shard.features);
    cut_windows(file, expected, tokens.get(), offsets.get(), shard);
    return shard;
  }
  if (schema.ragged()) check_ragged_structure(file, expected, shard);
  check_values(file, expected, shard);
  return shard;
}

}  // namespace raven
