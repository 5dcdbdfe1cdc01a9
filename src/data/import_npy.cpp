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

ImportReport import_arrays(const OpenArray& open_features, const OpenArray& open_targets,
                           std::uint64_t total, const ArrayOptions& arrays,
                           const ImportOptions& options) {
  check_rows(open_features, open_targets);
  SampleSchema schema;
  NpyFeatures features(open_features, arrays, options, schema);
  const NpyTargets targets(open_targets, arrays, schema);
  say(options, features.note());
  say(options, targets.note());
  SplitWriter writer(options, schema,
                     {.classes = targets.class_names(), .origin = features.origin()});
  NormalisationCollector collector(schema);
  NpyReader feature_reader(open_features());
  NpyReader target_reader(open_targets());
  Bytes feature_row(schema.feature_bytes());
  Bytes target_row(schema.target_bytes());
  for (std::int64_t row = 0; row < feature_reader.rows(); ++row) {
    features.convert(feature_reader, feature_reader.next_row(), feature_row);
    targets.convert(target_reader, target_reader.next_row(), target_row);
    if (!is_validation_row(options, row)) collector.add(feature_row);
    writer.add(feature_row, target_row);
    if (options.progress && writer.rows() % progress_rows == 0) {
      options.progress({writer.rows(), feature_reader.source().stored_offset(), total});
    }
  }
  feature_reader.source().expect_end();
  target_reader.source().expect_end();
  say(options, features.losses());
  return writer.finish(collector.result());
}

}  // namespace

ImportReport import_npy(const std::filesystem::path& features, const std::filesystem::path& targets,
                        const ImportOptions& options, const ArrayOptions& arrays) {
  const InputFile feature_file(features);
  const InputFile target_file(targets);
  return import_arrays([&] { return open_file_source(feature_file); },
                       [&] { return open_file_source(target_file); }, feature_file.bytes(), arrays,
                       options);
}

ImportReport import_npz(const std::filesystem::path& file, const NpzOptions& npz,
                        const ImportOptions& options) {
  const InputFile archive(file);
  return import_arrays([&] { return open_zip_source(archive, npz.features + ".npy"); },
                       [&] { return open_zip_source(archive, npz.targets + ".npy"); },
                       archive.bytes(), npz.arrays, options);
}

}  // namespace raven
