#include "raven/data/schema.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "data/ragged_rows.hpp"
#include "raven/core/contract.hpp"

namespace raven {
namespace {

constexpr std::int32_t max_classes = 1 << 24;
constexpr std::size_t max_dims = Shape::max_rank - 1;  // one more is the batch

std::int64_t channels_of(const Shape& shape) { return shape.rank() == 0 ? 1 : shape.back(); }

double entry(const std::vector<double>& values, std::size_t channel) {
  return values.size() == 1 ? values[0] : values[channel];
}

bool is_finite_float(double value) {
  return std::isfinite(value) && std::abs(value) <= std::numeric_limits<float>::max();
}

std::string_view flaw_of(const Normalisation& n, std::size_t channels) {
  if (!std::isfinite(n.scale) || n.scale <= 0) return "scale must be a positive number";
  for (const auto* list : {&n.mean, &n.std}) {
    if (list->size() != 1 && list->size() != channels) {
      return "mean and std need one number for all or one per channel (the last dimension)";
    }
  }
  for (std::size_t c = 0; c < std::max(n.mean.size(), n.std.size()); ++c) {
    if (!std::isfinite(entry(n.std, c)) || entry(n.std, c) <= 0) return "std must be positive";
    if (!is_finite_float(entry(n.mean, c) / n.scale)) return "mean / scale is beyond float32";
    const double factor = n.scale / entry(n.std, c);
    if (!is_finite_float(factor) || static_cast<float>(factor) == 0) {
      return "scale / std is beyond float32";
    }
  }
  return {};
}

std::string_view flaw_of_features(const SampleSchema& schema) {
  switch (schema.feature_type) {
    case FeatureType::u8:
    case FeatureType::f32:
      if (schema.vocabulary != 0) return "a vocabulary belongs to i32 tokens only";
      break;
    case FeatureType::i32:
      if (schema.vocabulary < 1) return "i32 tokens need a vocabulary of at least 1";
      if (schema.normalisation != Normalisation{}) return "i32 tokens can't be normalised";
      break;
    default:
      return "unknown feature type";
  }
  if (schema.feature_shape.rank() > max_dims) return "a sample has at most five dimensions";
  std::size_t bytes = bytes_of(schema.feature_type);
  for (const std::int64_t dim : schema.feature_shape) {
    if (dim < 1) return "every dimension must be at least 1";
    if (static_cast<std::size_t>(dim) > SampleSchema::max_row_bytes / bytes) {
      return "a sample takes more than 256 MiB";
    }
    bytes *= static_cast<std::size_t>(dim);
  }
  return {};
}

}  // namespace

std::size_t bytes_of(FeatureType type) { return type == FeatureType::u8 ? 1 : 4; }

std::string_view to_string(FeatureType type) {
  switch (type) {
    case FeatureType::u8:
      return "u8";
    case FeatureType::f32:
      return "f32";
    case FeatureType::i32:
      return "i32";
  }
  return "unknown";
}

std::string_view to_string(TargetKind kind) {
  switch (kind) {
    case TargetKind::classes:
      return "class";
    case TargetKind::real:
      return "real";
    case TargetKind::next:
      return "next";
    case TargetKind::tags:
      return "tags";
    case TargetKind::none:
      return "none";
  }
  return "unknown";
}

std::string_view to_string(SampleForm form) {
  switch (form) {
    case SampleForm::fixed:
      return "fixed";
    case SampleForm::sequence:
      return "sequence";
    case SampleForm::tree:
      return "tree";
  }
  return "unknown";
}

std::size_t SampleSchema::feature_bytes() const {
  const std::size_t last = of_sequences() ? 1 : 0;  // what the last token is followed by
  return (static_cast<std::size_t>(feature_shape.count()) + last) * bytes_of(feature_type);
}

std::size_t SampleSchema::target_bytes() const {
  if (of_sequences() || !has_targets()) return 0;
  return target_kind == TargetKind::real ? static_cast<std::size_t>(target_width) * 4 : 4;
}

std::size_t SampleSchema::row_bytes(const SampleExtent& extent) const {
  expects(ragged(), "rows of other data are all alike");
  return raw_bytes_of(*this, 1, extent);
}

ValueType SampleSchema::features(std::int64_t rows) const {
  return {feature_type == FeatureType::i32 ? DType::i32 : DType::f32,
          feature_shape.with_first(rows)};
}

ValueType SampleSchema::targets(std::int64_t rows) const {
  if (target_kind == TargetKind::classes || target_kind == TargetKind::tags) {
    return {DType::i32, Shape{rows}};
  }
  if (of_sequences()) return {DType::i32, feature_shape.with_first(rows)};
  return {DType::f32, Shape{rows, target_width}};
}

std::int64_t SampleSchema::target_rows(std::int64_t samples, const SampleExtent& all) const {
  if (target_kind != TargetKind::tags) return samples;
  return form == SampleForm::tree ? all.nodes : all.tokens;
}

std::string_view SampleSchema::flaw() const {
  if (form > SampleForm::tree) return "unknown form of samples";
  if (const auto found = flaw_of_features(*this); !found.empty()) return found;
  if (target_kind < TargetKind::classes || target_kind > TargetKind::none) {
    return "unknown target kind";
  }
  if (target_kind == TargetKind::tags && !ragged()) {
    return "tags belong to samples of the form sequence or tree";
  }
  if (of_sequences() && ragged()) return "next tokens are asked for in windows, of the form fixed";
  if (of_sequences()) {
    if (feature_type != FeatureType::i32 || feature_shape.rank() != 1) {
      return "next tokens need features of i32 with one dimension, the length of a window";
    }
    if (target_width != vocabulary) return "the next token is one of the vocabulary";
  }
  if (!has_targets()) {
    if (target_width != 0) return "samples without targets have no classes and no width";
    return flaw_of(normalisation, static_cast<std::size_t>(channels_of(feature_shape)));
  }
  if (target_width < 1) return "there must be at least one class or one target number";
  if (target_kind != TargetKind::real && !of_sequences() && target_width > max_classes) {
    return "there are more than 2^24 classes";
  }
  if (target_kind == TargetKind::real &&
      static_cast<std::size_t>(target_width) > max_row_bytes / 4) {
    return "the targets of a sample take more than 256 MiB";
  }
  return flaw_of(normalisation, static_cast<std::size_t>(channels_of(feature_shape)));
}

void SampleSchema::encode(ByteWriter& out) const {
  out.put(feature_type);
  out.put_list(feature_shape.dims());
  out.put(vocabulary);
  out.put(normalisation.scale);
  out.put_list(std::span<const double>(normalisation.mean));
  out.put_list(std::span<const double>(normalisation.std));
  // In one byte, so that what is not ragged has the bytes, and a data set the identity, of old.
  out.put(static_cast<std::uint8_t>(static_cast<unsigned>(target_kind) | static_cast<unsigned>(form)
                                                                             << 4U));
  out.put(target_width);
}

std::optional<SampleSchema> SampleSchema::decode(ByteReader& in) {
  SampleSchema schema;
  schema.feature_type = in.get<FeatureType>();
  const auto dims = in.get_list<std::int64_t>();
  if (dims.size() > max_dims) in.fail();
  if (in.ok()) schema.feature_shape = Shape(dims);
  schema.vocabulary = in.get<std::int32_t>();
  schema.normalisation.scale = in.get<double>();
  schema.normalisation.mean = in.get_list<double>();
  schema.normalisation.std = in.get_list<double>();
  const auto kind_and_form = in.get<std::uint8_t>();
  schema.target_kind = static_cast<TargetKind>(kind_and_form & 15U);
  schema.form = static_cast<SampleForm>(kind_and_form >> 4U);
  schema.target_width = in.get<std::int32_t>();
  if (in.ok() && (!schema.flaw().empty() || !schema.has_targets())) in.fail();
  if (!in.ok()) return std::nullopt;
  return schema;
}

}  // namespace raven
