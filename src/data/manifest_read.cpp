#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "data/new_dataset.hpp"
#include "data/yaml_reader.hpp"
#include "raven/data/manifest.hpp"

namespace raven {
namespace {

constexpr std::uintmax_t max_file_bytes = std::uintmax_t{16} << 20;
constexpr std::int64_t max_rows = std::int64_t{1} << 40;
constexpr std::int32_t max_width = std::numeric_limits<std::int32_t>::max();

std::string whole_text(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    throw InputError({file.string()}, "there is no such manifest file",
                     "check the path; raven data import makes one");
  }
  if (std::filesystem::file_size(file, error) > max_file_bytes) {
    throw InputError({file.string()}, "a manifest larger than 16 MiB is surely no manifest",
                     "check the path");
  }
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in)
    throw InputError({file.string()}, "this manifest can't be read", "check that you may read it");
  return text.str();
}

YAML::Node parsed(const std::filesystem::path& file) {
  const std::string text = whole_text(file);
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    throw InputError({file.string(), error.mark.line + 1, error.mark.column + 1},
                     "this is no valid YAML (" + error.msg + ")",
                     "correct it there or just before");
  }
}

enum class Empty : std::uint8_t { refused, allowed };

/// Names of which each stands there once, as many as there are things to name.
std::vector<std::string> read_names(YamlReader& reader, const YAML::Node& list, const char* what,
                                    const char* twice, Empty empty = Empty::refused) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const YAML::Node& node : list) {
    // A table's column may have a heading without letters.
    const bool blank = empty == Empty::allowed && node.IsScalar() && node.Scalar().empty();
    const auto name = blank ? std::string() : reader.text(node, what);
    if (name && !seen.insert(*name).second) reader.mistake(node, twice, "give each its own");
    names.push_back(name.value_or("?"));
  }
  return names;
}

void read_columns(YamlReader& reader, const YAML::Node& columns, Manifest& manifest) {
  const SampleSchema& schema = manifest.schema;
  const bool table = schema.feature_shape.rank() == 1 && schema.feature_type != FeatureType::i32;
  if (!columns.IsSequence() || !table ||
      static_cast<std::int64_t>(columns.size()) != schema.feature_shape.count()) {
    reader.mistake(columns, "columns must be a list with a name for each number of a table's row",
                   "name as many as shape says, or leave it out");
    return;
  }
  manifest.column_names = read_names(reader, columns, "a column's name",
                                     "two columns have the same name", Empty::allowed);
}

void read_features(YamlReader& reader, const YAML::Node& node, Manifest& manifest) {
  SampleSchema& schema = manifest.schema;
  if (!node.IsDefined() ||
      !reader.check_map(node, "features", {"shape", "type", "vocabulary", "columns"})) {
    return;
  }
  if (const YAML::Node shape = reader.required(node, "shape"); shape.IsDefined()) {
    if (!shape.IsSequence() || shape.size() >= Shape::max_rank) {
      reader.mistake(shape, "shape must be a list of at most five numbers",
                     "write it like [28, 28, 1], channels last");
    } else {
      std::vector<std::int64_t> dims;
      for (const YAML::Node& dim : shape) {
        dims.push_back(
            reader.whole(dim, "a dimension", 1, SampleSchema::max_row_bytes).value_or(1));
      }
      schema.feature_shape = Shape(dims);
    }
  }
  if (const YAML::Node type = reader.required(node, "type"); type.IsDefined()) {
    const std::string name = type.IsScalar() ? type.Scalar() : "";
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
  if (const YAML::Node vocabulary = node["vocabulary"]; vocabulary.IsDefined()) {
    schema.vocabulary =
        static_cast<std::int32_t>(reader.whole(vocabulary, "vocabulary", 1, max_width).value_or(1));
  }
  if (const YAML::Node columns = node["columns"]; columns.IsDefined()) {
    read_columns(reader, columns, manifest);
  }
}

void read_form(YamlReader& reader, const YAML::Node& node, SampleSchema& schema) {
  if (!node.IsDefined()) return;
  const std::string name = node.IsScalar() ? node.Scalar() : "";
  for (const auto candidate : {SampleForm::fixed, SampleForm::sequence, SampleForm::tree}) {
    if (name != to_string(candidate)) continue;
    schema.form = candidate;
    return;
  }
  reader.mistake(node, "unknown form of samples", "choose fixed, sequence or tree");
}

void read_classes(YamlReader& reader, const YAML::Node& classes, Manifest& manifest) {
  if (!classes.IsSequence()) {
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

void read_targets(YamlReader& reader, const YAML::Node& node, Manifest& manifest) {
  if (!node.IsDefined() ||
      !reader.check_map(node, "targets", {"kind", "classes", "width", "name"})) {
    return;
  }
  const YAML::Node kind = reader.required(node, "kind");
  if (!kind.IsDefined()) return;
  const std::string name = kind.IsScalar() ? kind.Scalar() : "";
  const bool next = name == to_string(TargetKind::next);
  if (next || name == to_string(TargetKind::none)) {
    for (const char* other : {"classes", "width", "name"}) {
      if (const YAML::Node extra = node[other]; extra.IsDefined()) {
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
  if (const YAML::Node called = node["name"]; called.IsDefined()) {
    manifest.target_name = reader.text(called, "the target's name").value_or("?");
  }
  const bool real = name == to_string(TargetKind::real);
  const bool tags = name == to_string(TargetKind::tags);
  if (!real && !tags && name != to_string(TargetKind::classes)) {
    reader.mistake(kind, "unknown kind of target", "choose class, tags, real, next or none");
    return;
  }
  if (const YAML::Node extra = node[real ? "classes" : "width"]; extra.IsDefined()) {
    reader.mistake(extra, real ? "real targets have no classes" : "classes and tags have no width",
                   real ? "give width instead" : "give classes instead");
  }
  manifest.schema.target_kind = real   ? TargetKind::real
                                : tags ? TargetKind::tags
                                       : TargetKind::classes;
  const YAML::Node size = reader.required(node, real ? "width" : "classes");
  if (!size.IsDefined()) return;
  if (real) {
    manifest.schema.target_width =
        static_cast<std::int32_t>(reader.whole(size, "width", 1, max_width).value_or(1));
  } else {
    read_classes(reader, size, manifest);
  }
}

std::vector<double> read_list(YamlReader& reader, const YAML::Node& node, std::string_view what) {
  std::vector<double> values;
  if (node.IsSequence()) {
    for (const YAML::Node& value : node) values.push_back(reader.real(value, what).value_or(1));
  } else {
    values.push_back(reader.real(node, what).value_or(1));
  }
  return values;
}

void read_normalisation(YamlReader& reader, const YAML::Node& node, Normalisation& normalisation) {
  if (!node.IsDefined() || !reader.check_map(node, "normalisation", {"scale", "mean", "std"}))
    return;
  if (node["scale"].IsDefined())
    normalisation.scale = reader.real(node["scale"], "scale").value_or(1);
  if (node["mean"].IsDefined()) normalisation.mean = read_list(reader, node["mean"], "mean");
  if (node["std"].IsDefined()) normalisation.std = read_list(reader, node["std"], "std");
}

void read_origin(YamlReader& reader, const YAML::Node& node, Manifest& manifest) {
  if (!node.IsDefined() || !reader.check_map(node, "origin", {"offset", "scale"})) return;
  const YAML::Node offset = reader.required(node, "offset");
  const YAML::Node scale = reader.required(node, "scale");
  if (!offset.IsDefined() || !scale.IsDefined()) return;
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
std::optional<Vocabulary> vocabulary_in(YamlReader& reader, const YAML::Node& node) {
  const YAML::Node unit = reader.required(node, "unit");
  if (!unit.IsDefined()) return std::nullopt;
  const std::string name = unit.IsScalar() ? unit.Scalar() : "";
  const bool pairs = name == to_string(TokenUnit::byte_pair);
  const bool words = name == to_string(TokenUnit::word);
  if (!pairs && !words && name != to_string(TokenUnit::character)) {
    reader.mistake(unit, "unknown unit of tokens", "choose char, word or byte_pair");
    return std::nullopt;
  }
  const YAML::Node list = reader.required(node, pairs ? "merges" : "texts");
  if (!list.IsDefined()) return std::nullopt;
  if (!list.IsSequence()) {
    reader.mistake(list, "this must be a list", "list the tokens in their order");
    return std::nullopt;
  }
  std::vector<std::string> texts;
  std::vector<Vocabulary::Merge> merges;
  for (const YAML::Node& entry : list) {
    if (!pairs) {
      texts.push_back(reader.text(entry, "a token").value_or("?"));
    } else if (entry.IsSequence() && entry.size() == 2) {
      const auto part = [&](std::size_t i) {
        return static_cast<std::int32_t>(
            reader.whole(entry[i], "a token", 0, max_width).value_or(0));
      };
      merges.push_back({part(0), part(1)});
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

void read_vocabulary(YamlReader& reader, const YAML::Node& node, Manifest& manifest) {
  if (!node.IsDefined() || !reader.check_map(node, "vocabulary", {"unit", "texts", "merges"})) {
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

void read_shard(YamlReader& reader, const YAML::Node& node, Manifest& manifest) {
  if (!reader.check_map(node, "a shard",
                        {"file", "rows", "sha256", "sequences", "tokens", "nodes"})) {
    return;
  }
  ShardEntry entry;
  entry.line = reader.line_of(node);
  if (const YAML::Node file = reader.required(node, "file"); file.IsDefined()) {
    entry.file = reader.text(file, "file").value_or("?");
    bool leaves = entry.file.is_absolute() || entry.file.native().find('\0') != std::string::npos;
    for (const auto& part : entry.file) leaves |= part == "..";
    if (leaves) {
      reader.mistake(file, "a shard's path must stay inside the manifest's folder",
                     "give a relative path without '..'");
    }
  }
  if (const YAML::Node rows = reader.required(node, "rows"); rows.IsDefined()) {
    entry.rows = reader.whole(rows, "rows", 1, max_rows).value_or(1);
  }
  if (const YAML::Node sha256 = reader.required(node, "sha256"); sha256.IsDefined()) {
    const auto digest = sha256.IsScalar() ? digest_from_hex(sha256.Scalar()) : std::nullopt;
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
      if (const YAML::Node told = reader.required(node, count.key); told.IsDefined()) {
        *count.into = reader.whole(told, count.key, 1, max_rows).value_or(1);
      }
    } else if (const YAML::Node extra = node[count.key]; extra.IsDefined()) {
      reader.mistake(extra, count.of, "leave it out");
    }
  }
  manifest.shards.push_back(std::move(entry));
}

void read_shards(YamlReader& reader, const YAML::Node& root, Manifest& manifest) {
  const YAML::Node shards = reader.required(root, "shards");
  if (!shards.IsDefined()) return;
  if (!shards.IsSequence() || shards.size() == 0) {
    reader.mistake(shards, "shards must be a list of at least one shard",
                   "list each as {file: ..., rows: ..., sha256: ...}");
    return;
  }
  for (const YAML::Node& node : shards) read_shard(reader, node, manifest);
  std::int64_t sum = 0;
  for (const ShardEntry& entry : manifest.shards) {
    sum += entry.rows;
    if (sum > max_rows) {
      reader.mistake(shards, "the shards have more than 2^40 rows", "correct their rows");
      return;
    }
  }
  if (const YAML::Node rows = root["rows"]; rows.IsDefined()) {
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
  const YAML::Node root = parsed(file);
  YamlReader reader(file.string());
  Manifest manifest;
  manifest.file = file;
  if (!reader.check_map(root, "the manifest",
                        {"format_version", "name", "form", "features", "targets", "normalisation",
                         "origin", "vocabulary", "rows", "shards"})) {
    reader.throw_mistakes();
  }
  if (const YAML::Node version = reader.required(root, "format_version"); version.IsDefined()) {
    reader.whole(version, "format_version (of manifests that this raven reads)",
                 Manifest::oldest_version, Manifest::format_version);
  }
  if (const YAML::Node name = reader.required(root, "name"); name.IsDefined()) {
    manifest.name = reader.text(name, "name").value_or("?");
  }
  read_form(reader, root["form"], manifest.schema);
  const YAML::Node features = reader.required(root, "features");
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
