#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <set>

#include "data/new_dataset.hpp"
#include "data/yaml_reader.hpp"
#include "raven/data/manifest.hpp"

namespace raven {
namespace {

constexpr std::int64_t max_rows = std::int64_t{1} << 40;
constexpr std::int32_t max_width = std::numeric_limits<std::int32_t>::max();

/// The text of a plain file, of which no more is taken than a manifest may have.
std::string whole_text(const std::filesystem::path& file) {
  const int handle = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat status {};
  const bool plain = handle >= 0 && ::fstat(handle, &status) == 0 && S_ISREG(status.st_mode);
  std::string text;
  bool failed = false;
  if (plain) {
    text.resize(std::min(static_cast<std::size_t>(status.st_size), ManifestLimits::bytes) + 1);
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t count = ::read(handle, text.data() + done, text.size() - done);
      if (count < 0 && errno == EINTR) continue;
      failed = count < 0;
      if (count <= 0) break;
      done += static_cast<std::size_t>(count);
    }
    text.resize(done);
  }
  if (handle >= 0) ::close(handle);
  if (handle < 0 && errno == EACCES) failed = true;
  if (failed) {
    throw InputError({file.string()}, "this manifest can't be read", "check that you may read it");
  }
  if (!plain) {
    throw InputError({file.string()}, "there is no such manifest file",
                     "check the path; raven data import makes one");
  }
  return text;
}

enum class Empty : std::uint8_t { refused, allowed };

/// Names of which each stands there once, as many as there are things to name.
std::vector<std::string> read_names(YamlReader& reader, const YamlValue& list, const char* what,
                                    const char* twice, Empty empty = Empty::refused) {
  std::vector<std::string> names;
  if (list.size() > ManifestLimits::names) {
    reader.mistake(list, "more than " + std::to_string(ManifestLimits::names) + " names",
                   "give their number alone");
    return names;
  }
  std::set<std::string_view> seen;
  for (const YamlValue& node : list) {
    // A table's column may have a heading without letters.
    const bool blank = empty == Empty::allowed && node.is_scalar() && node.scalar().empty();
    const auto name = blank ? std::string() : reader.text(node, what);
    if (name && !seen.insert(node.scalar()).second)
      reader.mistake(node, twice, "give each its own");
    names.push_back(name.value_or("?"));
  }
  return names;
}

void read_columns(YamlReader& reader, const YamlValue& columns, Manifest& manifest) {
  const SampleSchema& schema = manifest.schema;
  const bool table = schema.feature_shape.rank() == 1 && schema.feature_type != FeatureType::i32;
  if (!columns.is_list() || !table ||
      static_cast<std::int64_t>(columns.size()) != schema.feature_shape.count()) {
    reader.mistake(columns, "columns must be a list with a name for each number of a table's row",
                   "name as many as shape says, or leave it out");
    return;
  }
  manifest.column_names = read_names(reader, columns, "a column's name",
                                     "two columns have the same name", Empty::allowed);
}

void read_features(YamlReader& reader, const YamlValue& node, Manifest& manifest) {
  SampleSchema& schema = manifest.schema;
  if (!node.is_defined() ||
      !reader.check_map(node, "features", {"shape", "type", "vocabulary", "columns"})) {
    return;
  }
  if (const YamlValue shape = reader.required(node, "shape"); shape.is_defined()) {
    if (!shape.is_list() || shape.size() >= Shape::max_rank) {
      reader.mistake(shape, "shape must be a list of at most five numbers",
                     "write it like [28, 28, 1], channels last");
    } else {
      std::vector<std::int64_t> dims;
      for (const YamlValue& dim : shape) {
        dims.push_back(
            reader.whole(dim, "a dimension", 1, SampleSchema::max_row_bytes).value_or(1));
      }
      schema.feature_shape = Shape(dims);
    }
  }
  if (const YamlValue type = reader.required(node, "type"); type.is_defined()) {
    const std::string_view name = type.scalar();
    bool known = false;
    for (const auto candidate : {FeatureType::u8, FeatureType::f32, FeatureType::i32}) {
      if (name == to_string(candidate)) {
        schema.feature_type = candidate;
        known = true;
      }
    }
    if (!known) reader.mistake(type, "unknown feature type", "choose u8, f32 or i32");
    if (known && schema.feature_type == FeatureType::i32) reader.required(node, "vocabulary");
  }
  if (const YamlValue vocabulary = node["vocabulary"]; vocabulary.is_defined()) {
    schema.vocabulary =
        static_cast<std::int32_t>(reader.whole(vocabulary, "vocabulary", 1, max_width).value_or(1));
  }
  if (const YamlValue columns = node["columns"]; columns.is_defined()) {
    read_columns(reader, columns, manifest);
  }
}

void read_form(YamlReader& reader, const YamlValue& node, SampleSchema& schema) {
  if (!node.is_defined()) return;
  const std::string_view name = node.scalar();
  for (const auto candidate : {SampleForm::fixed, SampleForm::sequence, SampleForm::tree}) {
    if (name != to_string(candidate)) continue;
    schema.form = candidate;
    return;
  }
  reader.mistake(node, "unknown form of samples", "choose fixed, sequence or tree");
}

void read_classes(YamlReader& reader, const YamlValue& classes, Manifest& manifest) {
  if (!classes.is_list()) {
    manifest.schema.target_width =
        static_cast<std::int32_t>(reader.whole(classes, "classes", 1, max_width).value_or(1));
    return;
  }
  manifest.class_names =
      read_names(reader, classes, "a class name", "two classes have the same name");
  if (classes.size() == 0) reader.mistake(classes, "there are no classes", "name at least one");
  manifest.schema.target_width =
      static_cast<std::int32_t>(std::max<std::size_t>(1, classes.size()));
}

void read_targets(YamlReader& reader, const YamlValue& node, Manifest& manifest) {
  if (!node.is_defined() ||
      !reader.check_map(node, "targets", {"kind", "classes", "width", "name"})) {
    return;
  }
  const YamlValue kind = reader.required(node, "kind");
  if (!kind.is_defined()) return;
  const std::string_view name = kind.scalar();
  const bool next = name == to_string(TargetKind::next);
  if (next || name == to_string(TargetKind::none)) {
    for (const char* other : {"classes", "width", "name"}) {
      if (const YamlValue extra = node[other]; extra.is_defined()) {
        reader.mistake(extra,
                       next ? "next tokens are as many as the vocabulary"
                            : "where there are no targets there is nothing to say of them",
                       "leave it out");
      }
    }
    manifest.schema.target_kind = next ? TargetKind::next : TargetKind::none;
    manifest.schema.target_width = next ? manifest.schema.vocabulary : 0;
    return;
  }
  if (const YamlValue called = node["name"]; called.is_defined()) {
    manifest.target_name = reader.text(called, "the target's name").value_or("?");
  }
  const bool real = name == to_string(TargetKind::real);
  const bool tags = name == to_string(TargetKind::tags);
  if (!real && !tags && name != to_string(TargetKind::classes)) {
    reader.mistake(kind, "unknown kind of target", "choose class, tags, real, next or none");
    return;
  }
  if (const YamlValue extra = node[real ? "classes" : "width"]; extra.is_defined()) {
    reader.mistake(extra, real ? "real targets have no classes" : "classes and tags have no width",
                   real ? "give width instead" : "give classes instead");
  }
  manifest.schema.target_kind = real   ? TargetKind::real
                                : tags ? TargetKind::tags
                                       : TargetKind::classes;
  const YamlValue size = reader.required(node, real ? "width" : "classes");
  if (!size.is_defined()) return;
  if (real) {
    manifest.schema.target_width =
        static_cast<std::int32_t>(reader.whole(size, "width", 1, max_width).value_or(1));
  } else {
    read_classes(reader, size, manifest);
  }
}

std::vector<double> read_list(YamlReader& reader, const YamlValue& node, std::string_view what) {
  std::vector<double> values;
  if (node.is_list()) {
    for (const YamlValue& value : node) values.push_back(reader.real(value, what).value_or(1));
  } else {
    values.push_back(reader.real(node, what).value_or(1));
  }
  return values;
}

void read_normalisation(YamlReader& reader, const YamlValue& node, Normalisation& normalisation) {
  if (!node.is_defined() || !reader.check_map(node, "normalisation", {"scale", "mean", "std"}))
    return;
  if (node["scale"].is_defined())
    normalisation.scale = reader.real(node["scale"], "scale").value_or(1);
  if (node["mean"].is_defined()) normalisation.mean = read_list(reader, node["mean"], "mean");
  if (node["std"].is_defined()) normalisation.std = read_list(reader, node["std"], "std");
}

void read_origin(YamlReader& reader, const YamlValue& node, Manifest& manifest) {
  if (!node.is_defined() || !reader.check_map(node, "origin", {"offset", "scale"})) return;
  const YamlValue offset = reader.required(node, "offset");
  const YamlValue scale = reader.required(node, "scale");
  if (!offset.is_defined() || !scale.is_defined()) return;
  const std::vector<double> offsets = read_list(reader, offset, "offset");
  const std::vector<double> scales = read_list(reader, scale, "scale");
  const Normalisation& normalisation = manifest.schema.normalisation;
  if (offsets.size() != scales.size() || offsets.size() != normalisation.mean.size() ||
      manifest.schema.feature_type != FeatureType::f32) {
    reader.mistake(node,
                   "origin must have as many offsets and scales as the normalisation has means",
                   "give one for each column or channel of features of type f32");
    return;
  }
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (!(scales[i] > 0)) {
      reader.mistake(scale, "a scale of origin must be positive", "correct it");
      return;
    }
    manifest.origin.push_back({.offset = offsets[i], .scale = scales[i]});
  }
}

/// What the tokens mean. @param place of the whole, for what is wrong with several of them
std::optional<Vocabulary> vocabulary_in(YamlReader& reader, const YamlValue& node) {
  const YamlValue unit = reader.required(node, "unit");
  if (!unit.is_defined()) return std::nullopt;
  const std::string_view name = unit.scalar();
  const bool pairs = name == to_string(TokenUnit::byte_pair);
  const bool words = name == to_string(TokenUnit::word);
  if (!pairs && !words && name != to_string(TokenUnit::character)) {
    reader.mistake(unit, "unknown unit of tokens", "choose char, word or byte_pair");
    return std::nullopt;
  }
  const YamlValue list = reader.required(node, pairs ? "merges" : "texts");
  if (!list.is_defined()) return std::nullopt;
  if (!list.is_list()) {
    reader.mistake(list, "this must be a list", "list the tokens in their order");
    return std::nullopt;
  }
  if (list.size() > ManifestLimits::texts) {
    reader.mistake(list, "more than " + std::to_string(ManifestLimits::texts) + " tokens",
                   "take a smaller vocabulary, or byte pairs");
    return std::nullopt;
  }
  std::vector<std::string> texts;
  std::vector<Vocabulary::Merge> merges;
  for (const YamlValue& entry : list) {
    if (!pairs) {
      texts.push_back(reader.text(entry, "a token").value_or("?"));
    } else if (entry.is_list() && entry.size() == 2) {
      auto part = merges.emplace_back().begin();
      for (const YamlValue& token : entry) {
        *part++ =
            static_cast<std::int32_t>(reader.whole(token, "a token", 0, max_width).value_or(0));
      }
    } else {
      reader.mistake(entry, "a merge must be two tokens", "write it like [116, 104]");
    }
    if (!reader.clean()) return std::nullopt;
  }
  try {
    if (pairs) return Vocabulary::of_merges(std::move(merges));
    return Vocabulary::of_texts(words ? TokenUnit::word : TokenUnit::character, std::move(texts));
  } catch (const InputError& error) {
    reader.mistake(list, error.problem(), error.remedy());
    return std::nullopt;
  }
}

void read_vocabulary(YamlReader& reader, const YamlValue& node, Manifest& manifest) {
  if (!node.is_defined() || !reader.check_map(node, "vocabulary", {"unit", "texts", "merges"})) {
    return;
  }
  manifest.vocabulary = vocabulary_in(reader, node);
  if (manifest.vocabulary && manifest.vocabulary->size() != manifest.schema.vocabulary) {
    reader.mistake(node,
                   "the vocabulary lists " + std::to_string(manifest.vocabulary->size()) +
                       " tokens, but features.vocabulary is " +
                       std::to_string(manifest.schema.vocabulary),
                   "correct one of them");
  }
}

void read_shard(YamlReader& reader, const YamlValue& node, Manifest& manifest) {
  if (!reader.check_map(node, "a shard",
                        {"file", "rows", "sha256", "sequences", "tokens", "nodes"})) {
    return;
  }
  ShardEntry entry;
  entry.line = reader.line_of(node);
  if (const YamlValue file = reader.required(node, "file"); file.is_defined()) {
    entry.file = reader.text(file, "file").value_or("?");
    bool leaves = entry.file.is_absolute() || entry.file.native().find('\0') != std::string::npos;
    for (const auto& part : entry.file) leaves |= part == "..";
    if (leaves) {
      reader.mistake(file, "a shard's path must stay inside the manifest's folder",
                     "give a relative path without '..'");
    }
  }
  if (const YamlValue rows = reader.required(node, "rows"); rows.is_defined()) {
    entry.rows = reader.whole(rows, "rows", 1, max_rows).value_or(1);
  }
  if (const YamlValue sha256 = reader.required(node, "sha256"); sha256.is_defined()) {
    const auto digest = sha256.is_scalar() ? digest_from_hex(sha256.scalar()) : std::nullopt;
    if (!digest)
      reader.mistake(sha256, "sha256 must be 64 hexadecimal digits", "run sha256sum on the shard");
    entry.sha256 = digest.value_or(Digest{});
  }
  const SampleSchema& schema = manifest.schema;
  struct Count {
    const char* key;
    bool wanted;
    std::int64_t* into;
    const char* of;
  };
  for (const Count& count :
       {Count{"sequences", schema.of_sequences(), &entry.sequences,
              "sequences belong to targets of kind next"},
        Count{"tokens", schema.of_sequences() || schema.ragged(), &entry.tokens,
              "tokens belong to sequences and trees"},
        Count{"nodes", schema.form == SampleForm::tree, &entry.nodes, "nodes belong to trees"}}) {
    if (count.wanted) {
      if (const YamlValue told = reader.required(node, count.key); told.is_defined()) {
        *count.into = reader.whole(told, count.key, 1, max_rows).value_or(1);
      }
    } else if (const YamlValue extra = node[count.key]; extra.is_defined()) {
      reader.mistake(extra, count.of, "leave it out");
    }
  }
  manifest.shards.push_back(std::move(entry));
}

void read_shards(YamlReader& reader, const YamlValue& root, Manifest& manifest) {
  const YamlValue shards = reader.required(root, "shards");
  if (!shards.is_defined()) return;
  if (!shards.is_list() || shards.size() == 0) {
    reader.mistake(shards, "shards must be a list of at least one shard",
                   "list each as {file: ..., rows: ..., sha256: ...}");
    return;
  }
  for (const YamlValue& node : shards) read_shard(reader, node, manifest);
  std::int64_t sum = 0;
  for (const ShardEntry& entry : manifest.shards) {
    sum += entry.rows;
    if (sum > max_rows) {
      reader.mistake(shards, "the shards have more than 2^40 rows", "correct their rows");
      return;
    }
  }
  if (const YamlValue rows = root["rows"]; rows.is_defined()) {
    const auto told = reader.whole(rows, "rows", 1, max_rows);
    if (told && *told != sum) {
      reader.mistake(
          rows, "rows is " + std::to_string(*told) + ", but the shards have " + std::to_string(sum),
          "correct one of them");
    }
  }
}

}  // namespace

Manifest read_manifest(const std::filesystem::path& file) {
  check_replaced(file);
  const YamlDocument document = parse_yaml_document(whole_text(file), file.string());
  const YamlValue root(document);
  YamlReader reader(file.string());
  Manifest manifest;
  manifest.file = file;
  if (!reader.check_map(root, "the manifest",
                        {"format_version", "name", "form", "features", "targets", "normalisation",
                         "origin", "vocabulary", "rows", "shards"})) {
    reader.throw_mistakes();
  }
  if (const YamlValue version = reader.required(root, "format_version"); version.is_defined()) {
    reader.whole(version, "format_version (of manifests that this raven reads)",
                 Manifest::oldest_version, Manifest::format_version);
  }
  if (const YamlValue name = reader.required(root, "name"); name.is_defined()) {
    manifest.name = reader.text(name, "name").value_or("?");
  }
  read_form(reader, root["form"], manifest.schema);
  const YamlValue features = reader.required(root, "features");
  read_features(reader, features, manifest);
  read_targets(reader, reader.required(root, "targets"), manifest);
  read_normalisation(reader, root["normalisation"], manifest.schema.normalisation);
  read_origin(reader, root["origin"], manifest);
  read_vocabulary(reader, root["vocabulary"], manifest);
  read_shards(reader, root, manifest);
  if (reader.clean() && !manifest.schema.flaw().empty()) {
    reader.mistake(features, std::string(manifest.schema.flaw()),
                   "correct features, targets or normalisation");
  }
  reader.throw_mistakes();
  return manifest;
}

}  // namespace raven
