#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "data/moments.hpp"
#include "data/npy_reader.hpp"
#include "data/split_writer.hpp"
#include "raven/data/import.hpp"

namespace raven {
namespace {

constexpr std::int64_t progress_rows = 4096;
/// Opens one of the arrays from its start; some are read twice.
using Open = std::function<std::unique_ptr<ByteSource>()>;

/// Reads a whole array of integers to find how many classes or tokens there are.
std::int32_t bound_of(const Open& open, const char* what, const char* remedy) {
  NpyReader reader(open());
  std::int64_t largest = 0;
  for (std::int64_t row = 0; row < reader.rows(); ++row) {
    const ByteSpan raw = reader.next_row();
    for (std::size_t i = 0; i < reader.row_elements(); ++i) {
      const std::int64_t value = reader.whole_at(raw, i);
      if (value < 0 || value >= std::numeric_limits<std::int32_t>::max()) {
        reader.source().refuse(
            "row " + std::to_string(row) + ": " + std::to_string(value) + " can't be a " + what,
            remedy);
      }
      largest = std::max(largest, value);
    }
  }
  return static_cast<std::int32_t>(largest + 1);
}

void describe_features(const NpyReader& reader, const Open& open, SampleSchema& schema) {
  std::vector<std::int64_t> dims(reader.dims().begin() + 1, reader.dims().end());
  if (reader.type() == NpyType::u1) {
    schema.feature_type = FeatureType::u8;
    if (dims.size() == 2) dims.push_back(1);  // grey images without a channel dimension
  } else if (is_real(reader.type())) {
    schema.feature_type = FeatureType::f32;
  } else {
    schema.feature_type = FeatureType::i32;
    schema.vocabulary =
        bound_of(open, "token id", "convert measurements to float32; token ids count from 0");
  }
  if (dims.size() >= Shape::max_rank)
    reader.source().refuse("a row has more than five dimensions", "reshape the array");
  schema.feature_shape = Shape(dims);
}

void describe_targets(const NpyReader& reader, const Open& open, SampleSchema& schema) {
  if (is_real(reader.type())) {
    schema.target_kind = TargetKind::real;
    schema.target_width = static_cast<std::int32_t>(reader.row_elements());
    return;
  }
  if (reader.row_elements() != 1) {
    reader.source().refuse("integer targets are classes, one per row, but a row has " +
                               std::to_string(reader.row_elements()),
                           "convert real targets to float32; turn one-hot rows into class numbers");
  }
  schema.target_kind = TargetKind::classes;
  schema.target_width = bound_of(open, "class", "number the classes from 0");
}

/// A row as it is stored in a shard.
void convert(const NpyReader& reader, ByteSpan row, bool real, std::int64_t number, Bytes& out) {
  if (reader.type() == NpyType::u1 && !real && out.size() == row.size()) {
    std::copy(row.begin(), row.end(), out.begin());
    return;
  }
  for (std::size_t i = 0; i < reader.row_elements(); ++i) {
    if (real) {
      const double value = reader.real_at(row, i);
      if (!(std::abs(value) <= std::numeric_limits<float>::max())) {
        reader.source().refuse(
            "row " + std::to_string(number) + " holds a number that is not finite in float32",
            "remove or repair the row");
      }
      const auto stored = static_cast<float>(value);
      std::memcpy(out.data() + 4 * i, &stored, 4);
    } else {
      const auto stored = static_cast<std::int32_t>(reader.whole_at(row, i));
      std::memcpy(out.data() + 4 * i, &stored, 4);
    }
  }
}

ImportReport import_arrays(const Open& open_features, const Open& open_targets, std::uint64_t total,
                           const ImportOptions& options) {
  NpyReader features(open_features());
  NpyReader targets(open_targets());
  if (features.rows() != targets.rows()) {
    targets.source().refuse("there are " + std::to_string(targets.rows()) + " targets for " +
                                std::to_string(features.rows()) + " rows of features",
                            "check that the two arrays belong together");
  }
  SampleSchema schema;
  describe_features(features, open_features, schema);
  describe_targets(targets, open_targets, schema);
  SplitWriter writer(options, schema, {});
  NormalisationCollector collector(schema);
  Bytes feature_row(schema.feature_bytes());
  Bytes target_row(schema.target_bytes());
  for (std::int64_t row = 0; row < features.rows(); ++row) {
    convert(features, features.next_row(), schema.feature_type == FeatureType::f32, row,
            feature_row);
    convert(targets, targets.next_row(), schema.target_kind == TargetKind::real, row, target_row);
    if (!is_validation_row(options, row)) collector.add(feature_row);
    writer.add(feature_row, target_row);
    if (options.progress && writer.rows() % progress_rows == 0) {
      options.progress({writer.rows(), features.source().stored_offset(), total});
    }
  }
  features.source().expect_end();
  targets.source().expect_end();
  return writer.finish(collector.result());
}

}  // namespace

ImportReport import_npy(const std::filesystem::path& features, const std::filesystem::path& targets,
                        const ImportOptions& options) {
  const InputFile feature_file(features);
  const InputFile target_file(targets);
  return import_arrays([&] { return open_file_source(feature_file); },
                       [&] { return open_file_source(target_file); }, feature_file.bytes(),
                       options);
}

ImportReport import_npz(const std::filesystem::path& file, const NpzOptions& npz,
                        const ImportOptions& options) {
  const InputFile archive(file);
  return import_arrays([&] { return open_zip_source(archive, npz.features + ".npy"); },
                       [&] { return open_zip_source(archive, npz.targets + ".npy"); },
                       archive.bytes(), options);
}

}  // namespace raven
