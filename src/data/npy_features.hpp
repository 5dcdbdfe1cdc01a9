#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/channel_order.hpp"
#include "data/column_survey.hpp"
#include "data/npy_reader.hpp"

namespace raven {

/// Opens an array from its start; some are read twice.
using OpenArray = std::function<std::unique_ptr<ByteSource>()>;

/// How the rows of an array become features as they are stored.
class NpyFeatures {
 public:
  /// Reads the whole array once when its values decide: token ids, and what float32 can't hold.
  /// @param like another data set whose type, vocabulary and origin to take; null: as found
  /// @param schema gets type, shape and vocabulary @throws InputError
  NpyFeatures(const OpenArray& open, const ArrayOptions& arrays, const ImportOptions& options,
              const Manifest* like, SampleSchema& schema);

  /// Of the manifest: empty when the stored numbers are the array's.
  [[nodiscard]] const std::vector<ColumnOrigin>& origin() const { return origin_; }
  /// For the user, before anything is written; may be empty.
  [[nodiscard]] const std::string& note() const { return note_; }
  /// For the user, afterwards.
  [[nodiscard]] std::string losses() const { return lost_.note({}); }
  /// A row as it is stored. @throws InputError for what is not finite in float32
  void convert(const NpyReader& reader, ByteSpan row, Bytes& out);

 private:
  void survey_tokens(NpyReader& reader, const ArrayOptions& arrays, const Manifest* like,
                     SampleSchema& schema);
  void survey_values(NpyReader& reader, const ImportOptions& options);
  [[nodiscard]] std::size_t place_of(std::size_t i) const {
    return order_.places().empty() ? i : order_.places()[i];
  }
  [[nodiscard]] double value_at(const NpyReader& reader, ByteSpan row, std::size_t i) const;

  ChannelOrder order_;
  FeatureType type_ = FeatureType::f32;
  std::size_t channels_ = 1;
  std::vector<ColumnOrigin> origin_;
  std::string note_;
  CollapseSurvey lost_{0};
  bool counts_losses_ = false;
};

}  // namespace raven
