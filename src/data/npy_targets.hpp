#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/npy_features.hpp"
#include "data/target_survey.hpp"

namespace raven {

/// How the rows of an array become targets as they are stored.
class NpyTargets {
 public:
  /// Reads the whole array once, unless it holds values. @param like another data set whose classes
  /// to take; null: as found @param schema gets kind and width @throws InputError
  NpyTargets(const OpenArray& open, const ArrayOptions& arrays, const Manifest* like,
             SampleSchema& schema);

  /// Empty when the classes are numbers from 0 on.
  [[nodiscard]] std::vector<std::string> class_names() const;
  /// For the user, before anything is written.
  [[nodiscard]] const std::string& note() const { return note_; }
  /// A row as it is stored. @throws InputError for what is not finite in float32
  void convert(const NpyReader& reader, ByteSpan row, Bytes& out) const;

 private:
  void survey_names(NpyReader& reader, const ArrayOptions& arrays, SampleSchema& schema);
  [[nodiscard]] static TargetPlan surveyed_names(NpyReader& reader, const ArrayOptions& arrays);
  void take_classes(NpyReader& reader, const Manifest& like, SampleSchema& schema);
  void survey_numbers(NpyReader& reader, const ArrayOptions& arrays, SampleSchema& schema);

  std::optional<TargetPlan> plan_;  ///< of named classes, and of values written as strings
  TargetKind kind_ = TargetKind::real;
  std::string note_;
};

}  // namespace raven
