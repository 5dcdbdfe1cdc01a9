#include <memory>
#include <optional>
#include <vector>

#include "data/moments.hpp"
#include "data/npy_features.hpp"
#include "data/npy_targets.hpp"
#include "data/split_writer.hpp"
#include "raven/data/import.hpp"

namespace raven {
namespace {

constexpr std::int64_t progress_rows = 4096;

void say(const ImportOptions& options, const std::string& line) {
  if (options.say && !line.empty()) options.say(line);
}

/// Before either array is read through.
void check_rows(const OpenArray& open_features, const OpenArray& open_targets) {
  const NpyReader features(open_features());
  const NpyReader targets(open_targets());
  if (features.rows() == targets.rows()) return;
  targets.source().refuse("there are " + std::to_string(targets.rows()) + " targets for " +
                              std::to_string(features.rows()) + " rows of features",
                          "check that the two arrays belong together");
}

/// Features and, unless there are none, targets of the same rows.
struct ArrayPart {
  OpenArray open_features;
  OpenArray open_targets;  ///< null without targets
};

/// How the arrays of a part become rows.
class ArrayRows {
 public:
  ArrayRows(ArrayPart part, const ArrayOptions& arrays, const ImportOptions& options,
            const Manifest* like)
      : part_(std::move(part)) {
    if (part_.open_targets) check_rows(part_.open_features, part_.open_targets);
    features_.emplace(part_.open_features, arrays, options, like, schema_);
    const Manifest* of_targets = like && like->schema.has_targets() ? like : nullptr;
    if (part_.open_targets) {
      targets_.emplace(part_.open_targets, arrays, of_targets, schema_);
    } else {
      schema_.target_kind = TargetKind::none;
    }
    say(options, features_->note());
    if (targets_) say(options, targets_->note());
  }

  [[nodiscard]] Manifest meaning() const {
    Manifest meaning;
    meaning.schema = schema_;
    if (targets_) meaning.class_names = targets_->class_names();
    meaning.origin = features_->origin();
    meaning.file = NpyReader(part_.open_features()).source().name();
    return meaning;
  }

  /// @param valid all rows are to validate with; else their number says
  void write(bool valid, std::uint64_t total, const ImportOptions& options, SplitWriter& writer,
             NormalisationCollector& collector) {
    NpyReader feature_reader(part_.open_features());
    std::optional<NpyReader> target_reader;
    if (targets_) target_reader.emplace(part_.open_targets());
    Bytes feature_row(schema_.feature_bytes());
    Bytes target_row(schema_.target_bytes());
    for (std::int64_t row = 0; row < feature_reader.rows(); ++row) {
      features_->convert(feature_reader, feature_reader.next_row(), feature_row);
      if (targets_) targets_->convert(*target_reader, target_reader->next_row(), target_row);
      const bool to_valid = valid || is_validation_row(options, row);
      if (!to_valid) collector.add(feature_row);
      writer.add(to_valid, feature_row, target_row);
      if (options.progress && writer.rows() % progress_rows == 0) {
        options.progress({writer.rows(), feature_reader.source().stored_offset(), total});
      }
    }
    feature_reader.source().expect_end();
    if (target_reader) target_reader->source().expect_end();
    say(options, features_->losses());
  }

 private:
  ArrayPart part_;
  SampleSchema schema_;
  std::optional<NpyFeatures> features_;
  std::optional<NpyTargets> targets_;
};

ImportReport import_arrays(std::vector<ArrayPart> parts, std::uint64_t total,
                           const ArrayOptions& arrays, const ImportOptions& options) {
  ArrayRows first(std::move(parts[0]), arrays, options, options.like.get());
  const Manifest meaning = first.meaning();
  std::optional<ArrayRows> second;
  if (parts.size() > 1) {
    // As if it came later with --like.
    ImportOptions valid = options;
    valid.like = std::make_shared<const Manifest>(meaning);
    valid.say = {};
    second.emplace(std::move(parts[1]), arrays, valid, valid.like.get());
    check_like(valid, second->meaning());
  }
  SplitWriter writer(options, meaning.schema,
                     {.classes = meaning.class_names, .origin = meaning.origin});
  NormalisationCollector collector(meaning.schema);
  first.write(false, total, options, writer, collector);
  if (second) second->write(true, total, options, writer, collector);
  return writer.finish(collector.result());
}

}  // namespace

ImportReport import_npy(const std::filesystem::path& features, const std::filesystem::path& targets,
                        const ImportOptions& options, const ArrayOptions& arrays) {
  std::vector<std::unique_ptr<const InputFile>> files;
  const auto opener = [&](const std::filesystem::path& file) -> OpenArray {
    files.push_back(std::make_unique<const InputFile>(file));
    return [input = files.back().get()] { return open_file_source(*input); };
  };
  std::vector<ArrayPart> parts;
  const auto add = [&](const std::filesystem::path& x, const std::filesystem::path& y) {
    OpenArray open_features = opener(x);
    parts.push_back({std::move(open_features), options.targets ? opener(y) : OpenArray{}});
  };
  add(features, targets);
  if (!options.valid_files.empty()) add(options.valid_files.front(), options.valid_files.back());
  return import_arrays(std::move(parts), files.front()->bytes(), arrays, options);
}

ImportReport import_npz(const std::filesystem::path& file, const NpzOptions& npz,
                        const ImportOptions& options) {
  const InputFile archive(file);
  std::optional<InputFile> valid_archive;
  const auto part = [&](const InputFile& input, const std::string& x, const std::string& y) {
    ArrayPart made;
    made.open_features = [&input, x] { return open_zip_source(input, x + ".npy"); };
    if (options.targets) {
      made.open_targets = [&input, y] { return open_zip_source(input, y + ".npy"); };
    }
    return made;
  };
  std::vector<ArrayPart> parts{part(archive, npz.features, npz.targets)};
  if (!options.valid_files.empty()) {
    valid_archive.emplace(options.valid_files.front());
    parts.push_back(part(*valid_archive,
                         npz.valid_features.empty() ? npz.features : npz.valid_features,
                         npz.valid_targets.empty() ? npz.targets : npz.valid_targets));
  }
  return import_arrays(std::move(parts), archive.bytes(), npz.arrays, options);
}

}  // namespace raven
