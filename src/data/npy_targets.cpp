#include "data/npy_targets.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "data/line_reader.hpp"
#include "raven/core/number.hpp"

namespace raven {
namespace {

constexpr std::int64_t most_classes = std::int64_t{1} << 24;  // as many as a schema allows
constexpr std::size_t most_counted = 65536;                   // more are surely doubtful

/// Whether any element is negative: such classes need names.
bool any_negative(const OpenArray& open) {
  NpyReader reader(open());
  for (std::int64_t row = 0; row < reader.rows(); ++row) {
    if (reader.whole_at(reader.next_row(), 0) < 0) return true;
  }
  return false;
}

double value_at(const NpyReader& reader, ByteSpan row, std::size_t i) {
  const double value = reader.real_at(row, i);
  if (!std::isfinite(value) || !fits_float(value)) {
    reader.refuse_row("it holds a number that is not finite in float32",
                      "remove or repair the row");
  }
  return value;
}

/// Targets are stored as they are, so float32 must tell them apart.
void refuse_collapse(NpyReader& reader) {
  std::vector<ColumnSurvey> columns(reader.row_elements());
  for (std::int64_t row = 0; row < reader.rows(); ++row) {
    const ByteSpan raw = reader.next_row();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      columns[i].add(value_at(reader, raw, i), true);
    }
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i].drowns()) continue;
    reader.source().refuse(
        "the targets of column " + std::to_string(i + 1) +
            " can't be told apart in float32 (they vary too little for their size)",
        "subtract a number near their mean first, and add it to what is predicted");
  }
}

}  // namespace

NpyTargets::NpyTargets(const OpenArray& open, const ArrayOptions& arrays, const Manifest* like,
                       SampleSchema& schema) {
  NpyReader reader(open());
  const NpyType type = reader.type();
  const std::optional<TargetKind> kind = like ? like->schema.target_kind : arrays.target_kind;
  const bool values = kind == TargetKind::real || (is_real(type) && kind != TargetKind::classes);
  if (values && !is_text(type)) {
    schema.target_kind = TargetKind::real;
    schema.target_width = static_cast<std::int32_t>(reader.row_elements());
    note_ = "targets: real numbers, " + std::to_string(reader.row_elements()) + " a row";
    refuse_collapse(reader);
    return;
  }
  if (reader.row_elements() != 1) {
    reader.source().refuse(
        "targets of this type are classes, one per row, but a row has " +
            std::to_string(reader.row_elements()),
        "take them as values with --kind real, or turn one-hot rows into class numbers");
  }
  const bool named = is_text(type) || is_real(type) || type == NpyType::b1 || any_negative(open);
  if (like != nullptr && kind == TargetKind::classes) {
    take_classes(reader, *like, schema);
  } else if (named) {
    survey_names(reader, arrays, schema);
  } else {
    survey_numbers(reader, arrays, schema);
  }
}

void NpyTargets::take_classes(NpyReader& reader, const Manifest& like, SampleSchema& schema) {
  plan_ = plan_like(like);
  kind_ = schema.target_kind = TargetKind::classes;
  schema.target_width = like.schema.target_width;
  note_ = "targets: " + plan_->note;
  for (std::int64_t row = 0; row < reader.rows(); ++row) {
    const std::string text = reader.text_at(reader.next_row(), 0);
    if (plan_->class_of(text)) continue;
    reader.refuse_row("the target " + shown(text) + " is " + none_of_classes(like),
                      "correct it, leave the row out, or import all rows as one data set");
  }
}

TargetPlan NpyTargets::surveyed_names(NpyReader& reader, const ArrayOptions& arrays) {
  TargetSurvey survey(arrays.target_kind, [&](std::int64_t row, const std::string& problem,
                                              const std::string& remedy) {
    reader.source().refuse("row " + std::to_string(row) + ": " + problem, remedy);
  });
  for (std::int64_t row = 0; row < reader.rows(); ++row) {
    const ByteSpan raw = reader.next_row();
    if (is_real(reader.type())) (void)value_at(reader, raw, 0);
    const std::string text = reader.text_at(raw, 0);
    if (text.empty()) reader.refuse_row("the target is an empty string", "fill it in");
    survey.add(text, row);
  }
  return survey.plan();
}

void NpyTargets::survey_names(NpyReader& reader, const ArrayOptions& arrays, SampleSchema& schema) {
  if (reader.type() == NpyType::b1) {
    plan_ = TargetPlan::of_classes({"False", "True"});
    plan_->note = "2 classes (False, True); --kind real takes 0 and 1 as values";
  } else {
    plan_ = surveyed_names(reader, arrays);
  }
  kind_ = schema.target_kind = plan_->kind;
  schema.target_width =
      kind_ == TargetKind::real ? 1 : static_cast<std::int32_t>(plan_->class_names.size());
  note_ = "targets: " + plan_->note;
}

void NpyTargets::survey_numbers(NpyReader& reader, const ArrayOptions& arrays,
                                SampleSchema& schema) {
  std::set<std::int64_t> seen;
  std::int64_t largest = 0;
  for (std::int64_t row = 0; row < reader.rows(); ++row) {
    const std::int64_t value = reader.whole_at(reader.next_row(), 0);
    if (value >= most_classes) {
      reader.refuse_row(
          std::to_string(value) + " can't be a class",
          "number the classes from 0, or take the numbers as values with --kind real");
    }
    largest = std::max(largest, value);
    if (seen.size() < most_counted) seen.insert(value);
  }
  const std::int64_t classes = largest + 1;
  const auto different = static_cast<std::int64_t>(seen.size());
  const bool conventional = classes <= 3 && different <= 2;
  const bool consecutive = *seen.begin() <= 1 && largest - *seen.begin() == different - 1;
  if (!arrays.target_kind && !conventional &&
      doubtful_classes(different, reader.rows(), consecutive)) {
    reader.source().refuse("the targets of " + std::to_string(reader.rows()) + " rows are " +
                               std::to_string(different) + " different whole numbers from " +
                               std::to_string(*seen.begin()) + " to " + std::to_string(largest) +
                               ": they may be classes or values",
                           "say which: --kind classes or --kind real");
  }
  kind_ = schema.target_kind = TargetKind::classes;
  schema.target_width = static_cast<std::int32_t>(classes);
  note_ = "targets: " + std::to_string(classes) + (classes == 1 ? " class" : " classes") +
          " by their numbers from 0";
  if (different < classes && seen.size() < most_counted)
    note_ += ", of which " + std::to_string(different) + " occur";
  note_ += "; --kind real takes these numbers as values";
}

std::vector<std::string> NpyTargets::class_names() const {
  return plan_ ? plan_->class_names : std::vector<std::string>{};
}

void NpyTargets::convert(const NpyReader& reader, ByteSpan row, Bytes& out) const {
  for (std::size_t i = 0; i < reader.row_elements(); ++i) {
    if (kind_ == TargetKind::real) {
      const double value =
          plan_ ? number_of(reader.text_at(row, i)).value_or(0) : value_at(reader, row, i);
      const auto stored = static_cast<float>(value);
      std::memcpy(out.data() + 4 * i, &stored, 4);
      continue;
    }
    const auto number = plan_ ? plan_->class_of(reader.text_at(row, i))
                              : std::optional(static_cast<std::int32_t>(reader.whole_at(row, i)));
    if (!number || *number < 0)
      reader.refuse_row("the file changed while it was read", "try again");
    std::memcpy(out.data() + 4 * i, &*number, 4);
  }
}

}  // namespace raven
