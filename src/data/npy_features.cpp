#include "data/npy_features.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "data/moments.hpp"
#include "data/split_writer.hpp"
#include "raven/core/number.hpp"

namespace raven {
namespace {

ChannelOrder order_of(const OpenArray& open, const ArrayOptions& arrays) {
  const NpyReader reader(open());
  return {{reader.dims().begin() + 1, reader.dims().end()},
          arrays.channels,
          [&](const std::string& problem, const std::string& remedy) {
            reader.source().refuse(problem, remedy);
          }};
}

bool of_bytes(NpyType type) { return type == NpyType::u1 || type == NpyType::b1; }

}  // namespace

NpyFeatures::NpyFeatures(const OpenArray& open, const ArrayOptions& arrays,
                         const ImportOptions& options, const Manifest* like, SampleSchema& schema)
    : order_(order_of(open, arrays)) {
  NpyReader reader(open());
  if (is_text(reader.type())) {
    reader.source().refuse("the features are strings", "give numbers; strings may be targets");
  }
  const bool whole = !is_real(reader.type()) && !of_bytes(reader.type());
  std::vector<std::int64_t> dims = order_.dims();
  if (of_bytes(reader.type())) {
    type_ = FeatureType::u8;
    if (dims.size() == 2) dims.push_back(1);  // grey images without a channel dimension
  } else if (whole && (like ? like->schema.feature_type == FeatureType::i32
                            : arrays.integers != ArrayOptions::Integers::values)) {
    type_ = FeatureType::i32;
  }
  if (dims.size() >= Shape::max_rank)
    reader.source().refuse("a row has more than five dimensions", "reshape the array");
  schema.feature_type = type_;
  schema.feature_shape = Shape(dims);
  channels_ = normalised_channels(schema);
  if (type_ == FeatureType::i32) survey_tokens(reader, arrays, like, schema);
  // What is narrower than float32 fits it.
  const bool wide = reader.type() == NpyType::f8 || whole;
  if (type_ == FeatureType::f32 && wide) survey_values(reader, options);
  if (like != nullptr) {
    origin_ = like->origin;
    if (!origin_.empty()) origin_.resize(channels_);  // another shape is refused later
  }
}

void NpyFeatures::survey_tokens(NpyReader& reader, const ArrayOptions& arrays, const Manifest* like,
                                SampleSchema& schema) {
  constexpr char remedy[] =
      "if they are measurements, add --integers values; token ids count from 0";
  std::int64_t largest = 0;
  for (std::int64_t row = 0; row < reader.rows(); ++row) {
    const ByteSpan raw = reader.next_row();
    for (std::size_t i = 0; i < reader.row_elements(); ++i) {
      const std::int64_t value = reader.whole_at(raw, i);
      if (value < 0 || value >= std::numeric_limits<std::int32_t>::max()) {
        reader.refuse_row(std::to_string(value) + " can't be a token id", remedy);
      }
      if (like != nullptr && value >= like->schema.vocabulary) {
        reader.refuse_row("the token id " + std::to_string(value) + " is none of the " +
                              std::to_string(like->schema.vocabulary) + " of " +
                              like->file.string(),
                          "correct it, or import all rows as one data set");
      }
      largest = std::max(largest, value);
    }
  }
  if (like != nullptr) {
    schema.vocabulary = like->schema.vocabulary;
    note_ = "features: token ids as in " + like->file.string();
    return;
  }
  const auto elements =
      static_cast<double>(reader.row_elements()) * static_cast<double>(reader.rows());
  if (arrays.integers == ArrayOptions::Integers::ask && static_cast<double>(largest) >= elements) {
    reader.source().refuse(
        "the features are whole numbers up to " + std::to_string(largest) +
            ", more than there are numbers: they may be token ids or measurements",
        "say which: --integers tokens or --integers values");
  }
  schema.vocabulary = static_cast<std::int32_t>(largest + 1);
  note_ = "features: token ids below " + std::to_string(schema.vocabulary) +
          "; --integers values takes whole numbers as measurements";
}

double NpyFeatures::value_at(const NpyReader& reader, ByteSpan row, std::size_t i) const {
  const double value = reader.real_at(row, i);
  if (!std::isfinite(value) || !fits_float(value)) {
    reader.refuse_row("it holds a number that is not finite in float32",
                      "remove or repair the row");
  }
  return value;
}

void NpyFeatures::survey_values(NpyReader& reader, const ImportOptions& options) {
  std::vector<ColumnSurvey> columns(channels_);
  for (std::int64_t row = 0; row < reader.rows(); ++row) {
    const ByteSpan raw = reader.next_row();
    const bool train = !is_validation_row(options, row);
    for (std::size_t i = 0; i < reader.row_elements(); ++i) {
      columns[place_of(i) % channels_].add(value_at(reader, raw, i), train);
    }
  }
  lost_ = CollapseSurvey(channels_);
  counts_losses_ = true;
  for (const ColumnSurvey& column : columns) origin_.push_back(column.origin());
  if (std::ranges::count(origin_, ColumnOrigin{}) == std::ssize(origin_)) origin_.clear();
}

void NpyFeatures::convert(const NpyReader& reader, ByteSpan row, Bytes& out) {
  for (std::size_t i = 0; i < reader.row_elements(); ++i) {
    const std::size_t place = place_of(i);
    if (type_ == FeatureType::u8) {
      out[place] = row[i];
      continue;
    }
    if (type_ == FeatureType::i32) {
      const auto stored = static_cast<std::int32_t>(reader.whole_at(row, i));
      std::memcpy(out.data() + 4 * place, &stored, 4);
      continue;
    }
    const std::size_t channel = place % channels_;
    const double value = value_at(reader, row, i);
    const float stored = stored_value(value, origin_.empty() ? ColumnOrigin{} : origin_[channel]);
    if (!std::isfinite(stored)) {
      reader.refuse_row("it holds a number too far from those of the rows to train on",
                        "remove or repair the row");
    }
    if (counts_losses_) {
      const bool whole = !is_real(reader.type());
      lost_.add(channel,
                whole ? std::bit_cast<std::uint64_t>(reader.whole_at(row, i)) : key_of(value),
                stored);
    }
    std::memcpy(out.data() + 4 * place, &stored, 4);
  }
}

}  // namespace raven
