#include <algorithm>
#include <array>
#include <vector>

#include "data/byte_source.hpp"
#include "data/channel_order.hpp"
#include "data/moments.hpp"
#include "data/split_writer.hpp"
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
std::int32_t class_count(const InputFile& labels, std::int64_t rows) {
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
    for (std::size_t i = 0; i < now; ++i)
      largest = std::max(largest, std::to_integer<std::int32_t>(block[i]));
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

SampleSchema schema_of(const std::vector<std::int64_t>& sample, std::int32_t classes) {
  SampleSchema schema;
  schema.feature_type = FeatureType::u8;
  schema.feature_shape = Shape(sample);
  if (sample.size() == 2) schema.feature_shape = Shape{sample[0], sample[1], 1};
  schema.target_kind = TargetKind::classes;
  schema.target_width = classes;
  return schema;
}

}  // namespace

ImportReport import_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                        const ImportOptions& options, Channels channels) {
  const InputFile image_file(images);
  const InputFile label_file(labels);
  const auto image_source = open_file_source(image_file);
  const auto dims = read_dims(*image_source, 2, 4);
  const ChannelOrder order({dims.begin() + 1, dims.end()}, channels,
                           [&](const std::string& problem, const std::string& remedy) {
                             image_source->refuse(problem, remedy);
                           });
  const SampleSchema schema = schema_of(order.dims(), class_count(label_file, dims[0]));
  SplitWriter writer(options, schema, {});
  NormalisationCollector collector(schema);
  const auto label_source = open_file_source(label_file);
  (void)read_dims(*label_source, 1, 1);
  Bytes read(schema.feature_bytes());
  Bytes image(schema.feature_bytes());
  const std::uint64_t total = image_file.bytes();
  for (std::int64_t row = 0; row < dims[0]; ++row) {
    image_source->read_exactly(read, "the image data");
    turn(read, order.places(), image);
    std::array<std::byte, 1> label{};
    label_source->read_exactly(label, "the label data");
    const auto target = std::to_integer<std::int32_t>(label[0]);
    if (target >= schema.target_width)
      label_source->refuse("the labels changed while they were read", "try again");
    if (!is_validation_row(options, row)) collector.add(image);
    writer.add(image, std::as_bytes(std::span(&target, 1)));
    if (options.progress && writer.rows() % progress_rows == 0) {
      options.progress({writer.rows(), image_source->stored_offset(), total});
    }
  }
  image_source->expect_end();
  return writer.finish(collector.result());
}

}  // namespace raven
