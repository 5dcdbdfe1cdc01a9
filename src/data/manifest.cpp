#include "raven/data/manifest.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "data/yaml_value.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/core/new_file.hpp"

namespace raven {
namespace {

/// The shortest decimal that reads back as the same double.
std::string text_of(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

/// A double-quoted YAML scalar: whatever a name holds, it reads back as the same string.
std::string quoted(const std::string& text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (code < 0x20 || code == 0x7F) {
      out += "\\x";
      out += digits[code >> 4];
      out += digits[code & 15U];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string list_of(const std::vector<double>& values) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) text += (i == 0 ? "" : ", ") + text_of(values[i]);
  return text + "]";
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text = "[";
  for (std::size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "" : ", ") + quoted(names[i]);
  return text + "]";
}

/// The first one in which all that the manifest says has a meaning.
int version_of(const Manifest& manifest) {
  const bool plain = manifest.column_names.empty() && manifest.target_name.empty() &&
                     manifest.origin.empty() && manifest.schema.has_targets();
  return plain ? Manifest::oldest_version : Manifest::format_version;
}

std::string features_line(const Manifest& manifest) {
  const SampleSchema& schema = manifest.schema;
  std::string text = "features: {shape: [";
  for (std::size_t i = 0; i < schema.feature_shape.rank(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(schema.feature_shape[i]);
  }
  text += "], type: " + std::string(to_string(schema.feature_type));
  if (schema.feature_type == FeatureType::i32) {
    text += ", vocabulary: " + std::to_string(schema.vocabulary);
  }
  if (!manifest.column_names.empty()) text += ", columns: " + list_of(manifest.column_names);
  return text + "}\n";
}

/// What comes last in any kind of targets.
std::string target_name_of(const Manifest& manifest) {
  return manifest.target_name.empty() ? "" : ", name: " + quoted(manifest.target_name);
}

std::string targets_line(const Manifest& manifest) {
  const SampleSchema& schema = manifest.schema;
  if (schema.of_sequences()) return "targets: {kind: next}\n";
  if (!schema.has_targets()) return "targets: {kind: none}\n";
  if (schema.target_kind == TargetKind::real) {
    return "targets: {kind: real, width: " + std::to_string(schema.target_width) +
           target_name_of(manifest) + "}\n";
  }
  const std::string kind(to_string(schema.target_kind));
  if (manifest.class_names.empty()) {
    return "targets: {kind: " + kind + ", classes: " + std::to_string(schema.target_width) +
           target_name_of(manifest) + "}\n";
  }
  std::string text =
      "targets:\n  kind: " + kind + "\n  classes: " + list_of(manifest.class_names) + "\n";
  if (!manifest.target_name.empty()) text += "  name: " + quoted(manifest.target_name) + "\n";
  return text;
}

std::string origin_lines(const std::vector<ColumnOrigin>& origin) {
  std::vector<double> offsets;
  std::vector<double> scales;
  for (const ColumnOrigin& column : origin) {
    offsets.push_back(column.offset);
    scales.push_back(column.scale);
  }
  return "origin:\n  offset: " + list_of(offsets) + "\n  scale: " + list_of(scales) + "\n";
}

std::string vocabulary_lines(const Vocabulary& vocabulary) {
  const bool pairs = vocabulary.unit() == TokenUnit::byte_pair;
  std::string text = "vocabulary:\n  unit: " + std::string(to_string(vocabulary.unit())) + "\n  " +
                     (pairs ? "merges: [" : "texts: [");
  std::string between;
  if (pairs) {
    for (const Vocabulary::Merge& merge : vocabulary.merges()) {
      text += between + "[" + std::to_string(merge[0]) + ", " + std::to_string(merge[1]) + "]";
      between = ", ";
    }
  } else {
    for (const std::string& token : vocabulary.texts()) {
      text += between + quoted(token);
      between = ", ";
    }
  }
  return text + "]\n";
}

/// What read_manifest() would refuse is not written. @throws InputError
void check_limits(const Manifest& manifest, const std::string& text) {
  const auto refuse = [&](const std::string& problem, const std::string& remedy) {
    throw InputError({manifest.file.string()}, "this manifest could not be read back: " + problem,
                     remedy);
  };
  const auto check_text = [&](const char* what, const std::string& name) {
    if (!name.empty() && name.size() <= ManifestLimits::text_bytes) return;
    refuse(std::string(what) + " has " + std::to_string(name.size()) + " bytes, not 1 to " +
               std::to_string(ManifestLimits::text_bytes),
           "shorten it in the data");
  };
  check_text("the name of the data set", manifest.name);
  for (const std::string& name : manifest.class_names) check_text("the name of a class", name);
  for (const std::string& name : manifest.column_names) {
    if (!name.empty()) check_text("the name of a column", name);
  }
  if (!manifest.target_name.empty()) check_text("the name of the targets", manifest.target_name);
  if (std::max(manifest.class_names.size(), manifest.column_names.size()) > ManifestLimits::names) {
    refuse("more classes or columns have names than " + std::to_string(ManifestLimits::names),
           "check that the targets are classes and no numbers, or number the classes");
  }
  if (manifest.vocabulary && manifest.vocabulary->unit() != TokenUnit::byte_pair) {
    for (const std::string& word : manifest.vocabulary->texts()) check_text("a token", word);
    if (manifest.vocabulary->texts().size() > ManifestLimits::texts) {
      refuse("its vocabulary has more than " + std::to_string(ManifestLimits::texts) + " tokens",
             "take a smaller vocabulary, or byte pairs");
    }
  }
  if (text.size() > ManifestLimits::bytes) {
    refuse("it has " + std::to_string(text.size()) + " bytes, more than 64 MiB",
           "take a smaller vocabulary, fewer classes or larger shards");
  }
  (void)parse_yaml_document(text, manifest.file.string());
}

}  // namespace

std::int64_t Manifest::rows() const {
  std::int64_t sum = 0;
  for (const ShardEntry& shard : shards) sum += shard.rows;
  return sum;
}

std::filesystem::path Manifest::path_of(const ShardEntry& shard) const {
  return file.parent_path() / shard.file;
}

Digest Manifest::identity() const {
  ByteWriter out;
  schema.encode(out);
  for (const ShardEntry& shard : shards) {
    out.put(shard.rows);
    out.put_raw(shard.sha256.bytes);
  }
  if (mapping) {
    mapping->stored.encode(out);
    out.put_list(std::span<const std::int32_t>(mapping->columns));
    out.put_list(std::span<const std::int32_t>(mapping->classes));
  }
  return digest_of(out.bytes());
}

std::string text_of(const Manifest& manifest) {
  expects(manifest.schema.flaw().empty() && !manifest.mapping,
          "a manifest needs a sound schema, that of its shards");
  std::string text = "# A raven data set (docs/formats/manifest.md).\n";
  text += "format_version: " + std::to_string(version_of(manifest)) + "\n";
  text += "name: " + quoted(manifest.name) + "\n";
  if (manifest.schema.ragged()) {
    text += "form: " + std::string(to_string(manifest.schema.form)) + "\n";
  }
  text += features_line(manifest);
  text += targets_line(manifest);
  if (manifest.schema.normalisation != Normalisation{}) {
    const Normalisation& n = manifest.schema.normalisation;
    text += "normalisation:\n  scale: " + text_of(n.scale) + "\n  mean: " + list_of(n.mean) +
            "\n  std: " + list_of(n.std) + "\n";
  }
  if (!manifest.origin.empty()) text += origin_lines(manifest.origin);
  if (manifest.vocabulary) text += vocabulary_lines(*manifest.vocabulary);
  text += "rows: " + std::to_string(manifest.rows()) + "\nshards:\n";
  for (const ShardEntry& shard : manifest.shards) {
    text += "  - {file: " + quoted(shard.file.generic_string()) +
            ", rows: " + std::to_string(shard.rows);
    if (manifest.schema.of_sequences()) {
      text += ", sequences: " + std::to_string(shard.sequences) +
              ", tokens: " + std::to_string(shard.tokens);
    }
    if (manifest.schema.ragged()) text += ", tokens: " + std::to_string(shard.tokens);
    if (manifest.schema.form == SampleForm::tree) {
      text += ", nodes: " + std::to_string(shard.nodes);
    }
    text += ", sha256: " + to_hex(shard.sha256) + "}\n";
  }
  check_limits(manifest, text);
  return text;
}

void write_manifest(const Manifest& manifest, const std::filesystem::path& file) {
  write_whole_file(file, text_of(manifest));
}

}  // namespace raven
