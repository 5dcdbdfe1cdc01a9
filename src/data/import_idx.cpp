#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "data/byte_source.hpp"
#include "data/channel_order.hpp"
#include "data/moments.hpp"
#include "data/split_writer.hpp"
#include "data/target_survey.hpp"
#include "raven/data/import.hpp"

namespace raven {
namespace {

constexpr std::int64_t progress_rows = 4096;

/// The head of an IDX file: two zero bytes, a type (8: unsigned byte), the number of dimensions,
/// big-endian sizes.
std::vector<std::int64_t> read_dims(ByteSource& source, std::size_t least, std::size_t most) {
  std::array<std::byte, 4> magic{};
  source.read_exactly(magic, "the header");
  const auto number = [](std::byte b) { return std::to_integer<std::size_t>(b); };
  if (number(magic[0]) != 0 || number(magic[1]) != 0) {
    source.refuse("this is no IDX file (it does not begin with two zero bytes)",
                  "check the order of the two files");
  }
  if (number(magic[2]) != 8)
    source.refuse("the elements are not unsigned bytes", "only those can be imported");
  const std::size_t rank = number(magic[3]);
  if (rank < least || rank > most) {
    source.refuse("it has " + std::to_string(rank) + " dimensions, not " + std::to_string(least) +
                      (least == most ? "" : " to " + std::to_string(most)),
                  "check that images come first, labels second");
  }
  std::vector<std::int64_t> dims;
  for (std::size_t i = 0; i < rank; ++i) {
    std::array<std::byte, 4> raw{};
    source.read_exactly(raw, "the header");
    std::int64_t size = 0;
    for (const std::byte b : raw) size = size << 8 | std::to_integer<std::int64_t>(b);
    if (size == 0) source.refuse("a dimension is 0", "check that the file is whole");
    dims.push_back(size);
  }
  return dims;
}

/// Reads all labels once to learn how many there are and the largest.
/// @param like the other data set whose classes to take; null: as many as there are
std::int32_t class_count(const InputFile& labels, std::int64_t rows, const Manifest* like) {
  const auto source = open_file_source(labels);
  const std::int64_t told = read_dims(*source, 1, 1)[0];
  if (told != rows) {
    source->refuse(
        "there are " + std::to_string(told) + " labels for " + std::to_string(rows) + " images",
        "check that the two files belong together");
  }
  std::int32_t largest = 0;
  std::vector<std::byte> block(1U << 16);
  for (std::int64_t left = rows; left > 0;) {
    const auto now = static_cast<std::size_t>(std::min<std::int64_t>(left, 1 << 16));
    source->read_exactly(std::span(block).first(now), "the label data");
    for (std::size_t i = 0; i < now; ++i) {
      const auto label = std::to_integer<std::int32_t>(block[i]);
      if (like != nullptr && like->schema.has_targets() && label >= like->schema.target_width) {
        source->refuse("row " + std::to_string(rows - left + static_cast<std::int64_t>(i)) +
                           ": the label " + std::to_string(label) + " is " + none_of_classes(*like),
                       "correct it, or import all rows as one data set");
      }
      largest = std::max(largest, label);
    }
    left -= static_cast<std::int64_t>(now);
  }
  source->expect_end();
  return largest + 1;
}

/// Each byte to its place.
void turn(const Bytes& from, const std::vector<std::uint32_t>& places, Bytes& to) {
  if (places.empty()) {
    std::ranges::copy(from, to.begin());
    return;
  }
  for (std::size_t i = 0; i < from.size(); ++i) to[places[i]] = from[i];
}

SampleSchema schema_of(const std::vector<std::int64_t>& sample, std::int32_t classes,
                       const ImportOptions& options) {
  SampleSchema schema;
  schema.feature_type = FeatureType::u8;
  schema.feature_shape = Shape(sample);
  if (sample.size() == 2) schema.feature_shape = Shape{sample[0], sample[1], 1};
  schema.target_kind = TargetKind::classes;
  schema.target_width = classes;
  settle_targets(options, schema);
  return schema;
}

/// Images and their labels, perhaps without those.
class ImagePart {
 public:
  ImagePart(const std::filesystem::path& images, const std::filesystem::path& labels,
            const ImportOptions& options, Channels channels)
      : images_(images), source_(open_file_source(images_)), dims_(read_dims(*source_, 2, 4)) {
    order_.emplace(std::vector<std::int64_t>(dims_.begin() + 1, dims_.end()), channels,
                   [&](const std::string& problem, const std::string& remedy) {
                     source_->refuse(problem, remedy);
                   });
    if (!options.targets) return;
    labels_.emplace(labels);
    classes_ = class_count(*labels_, dims_[0], options.like.get());
  }

  [[nodiscard]] const std::vector<std::int64_t>& sample_dims() const { return order_->dims(); }
  [[nodiscard]] std::int32_t classes() const { return classes_; }
  void expect_dims(const ImagePart& first) const {
    if (sample_dims() == first.sample_dims()) return;
    source_->refuse("its images are " + to_string(Shape(sample_dims())) + ", those of " +
                        first.images_.name() + " " + to_string(Shape(first.sample_dims())),
                    "give images of one size");
  }

  /// @param part 0: rows go where their number says; else all are to validate with
  void write(std::size_t part, const ImportOptions& options, const SampleSchema& schema,
             SplitWriter& writer, NormalisationCollector& collector) {
    std::unique_ptr<ByteSource> label_source;
    if (labels_) label_source = open_file_source(*labels_);
    if (labels_) (void)read_dims(*label_source, 1, 1);
    Bytes read(schema.feature_bytes());
    Bytes image(schema.feature_bytes());
    const std::uint64_t total = images_.bytes();
    for (std::int64_t row = 0; row < dims_[0]; ++row) {
      source_->read_exactly(read, "the image data");
      turn(read, order_->places(), image);
      std::array<std::byte, 1> label{};
      if (labels_) label_source->read_exactly(label, "the label data");
      const auto target = std::to_integer<std::int32_t>(label[0]);
      if (labels_ && target >= schema.target_width)
        label_source->refuse("the labels changed while they were read", "try again");
      const bool valid = part > 0 || is_validation_row(options, row);
      if (!valid) collector.add(image);
      writer.add(valid, image, std::as_bytes(std::span(&target, 1)).first(schema.target_bytes()));
      if (options.progress && writer.rows() % progress_rows == 0) {
        options.progress({writer.rows(), source_->stored_offset(), total});
      }
    }
    source_->expect_end();
  }

 private:
  InputFile images_;
  std::unique_ptr<ByteSource> source_;
  std::vector<std::int64_t> dims_;
  std::optional<ChannelOrder> order_;
  std::optional<InputFile> labels_;
  std::int32_t classes_ = 0;
};

}  // namespace

ImportReport import_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                        const ImportOptions& options, Channels channels) {
  std::vector<std::unique_ptr<ImagePart>> parts;
  parts.push_back(std::make_unique<ImagePart>(images, labels, options, channels));
  std::int32_t classes = parts[0]->classes();
  if (!options.valid_files.empty()) {
    parts.push_back(std::make_unique<ImagePart>(options.valid_files.front(),
                                                options.valid_files.back(), options, channels));
    parts[1]->expect_dims(*parts[0]);
    classes = std::max(classes, parts[1]->classes());
  }
  const SampleSchema schema = schema_of(parts[0]->sample_dims(), classes, options);
  const bool named = options.like && options.targets;
  SplitWriter writer(options, schema,
                     {.classes = named ? options.like->class_names : std::vector<std::string>{}});
  NormalisationCollector collector(schema);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i]->write(i, options, schema, writer, collector);
  }
  return writer.finish(collector.result());
}

}  // namespace raven
