#include "data/moments.hpp"

#include <cstring>

namespace raven {
namespace {

constexpr std::int64_t most_columns = 65536;
constexpr std::int64_t most_channels = 16;

}  // namespace

std::size_t normalised_channels(const SampleSchema& schema) {
  const Shape& shape = schema.feature_shape;
  if (shape.rank() == 0) return 1;
  const bool table = shape.rank() == 1 && schema.feature_type == FeatureType::f32;
  const bool few = shape.rank() > 1 && shape.back() <= most_channels;
  return (table && shape.back() <= most_columns) || few ? static_cast<std::size_t>(shape.back())
                                                        : 1;
}

NormalisationCollector::NormalisationCollector(const SampleSchema& schema)
    : type_(schema.feature_type),
      channels_(schema.feature_type == FeatureType::i32 ? 0 : normalised_channels(schema)) {}

void NormalisationCollector::add(ByteSpan row) {
  if (channels_.empty()) return;
  const std::size_t count = row.size() / bytes_of(type_);
  for (std::size_t i = 0; i < count; ++i) {
    Moments& moments = channels_[i % channels_.size()];
    if (type_ == FeatureType::u8) {
      moments.add(static_cast<double>(std::to_integer<int>(row[i])));
    } else {
      float value = 0;
      std::memcpy(&value, row.data() + 4 * i, 4);
      moments.add(static_cast<double>(value));
    }
  }
}

Normalisation NormalisationCollector::result() const {
  Normalisation found;
  if (channels_.empty()) return found;
  found.scale = type_ == FeatureType::u8 ? 1.0 / 255 : 1.0;
  found.mean.clear();
  found.std.clear();
  for (const Moments& moments : channels_) {
    found.mean.push_back(moments.mean() * found.scale);
    // Rounding leaves a trace of deviation in a column of one value; dividing by that would blow it
    // up.
    const bool varies = moments.std() > 1e-12 * std::abs(moments.mean()) && moments.std() > 1e-30;
    found.std.push_back(varies ? moments.std() * found.scale : 1.0);
  }
  return found;
}

}  // namespace raven
