#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "data/column_survey.hpp"
#include "data/csv_table.hpp"
#include "data/moments.hpp"
#include "data/split_writer.hpp"
#include "data/target_survey.hpp"
#include "raven/core/error.hpp"
#include "raven/core/number.hpp"
#include "raven/data/import.hpp"

namespace raven {
namespace {

constexpr std::int64_t progress_rows = 4096;

/// What the first reading of a table learns.
struct TableSurvey {
  std::vector<ColumnSurvey> columns{};
  TargetPlan targets{};
  CsvCounts counts{};

  [[nodiscard]] std::int64_t kept() const { return counts.rows - counts.left_out; }
};

TableSurvey survey_of(const CsvTable& table, const InputFile& file, const CsvOptions& csv,
                      const ImportOptions& options) {
  TableSurvey survey;
  survey.columns.resize(table.columns().features.size());
  const auto refuse = [&](std::int64_t line, const std::string& problem,
                          const std::string& remedy) {
    throw InputError({file.name(), static_cast<int>(line)}, problem, remedy);
  };
  TargetSurvey targets(csv.target_kind, refuse);
  survey.counts = table.visit([&](const CsvRow& row) {
    const bool train = !is_validation_row(options, row.number);
    for (std::size_t i = 0; i < survey.columns.size(); ++i) {
      survey.columns[i].add(row.features[i], train);
    }
    targets.add(row.target, row.reader.line());
  });
  if (survey.counts.rows == 0) {
    throw InputError({file.name()}, "there are no rows below the header", "give some");
  }
  if (survey.kept() == 0) {
    throw InputError({file.name()}, "each row lacks a value", "fill them in");
  }
  survey.targets = targets.plan();
  return survey;
}

void tell(const TableSurvey& survey, const CsvTable& table, const ImportOptions& options) {
  if (!options.say) return;
  if (survey.counts.left_out > 0) {
    options.say(std::to_string(survey.counts.left_out) + " of " +
                std::to_string(survey.counts.rows) + " rows lack a value and are left out");
  }
  options.say("target '" + table.columns().names[table.columns().target] +
              "': " + survey.targets.note);
}

/// Turns the rows of a table into those of shards.
class RowMaker {
 public:
  RowMaker(const CsvTable& table, const TableSurvey& survey)
      : survey_(survey), names_(table.feature_names()), lost_(names_.size() + 1) {
    names_.push_back(table.columns().names[table.columns().target]);
    bool moved = false;
    for (const ColumnSurvey& column : survey.columns) {
      origin_.push_back(column.origin());
      moved = moved || origin_.back() != ColumnOrigin{};
    }
    features_.resize(origin_.size());
    if (moved) told_origin_ = origin_;
  }

  /// Of the manifest.
  [[nodiscard]] const std::vector<ColumnOrigin>& origin() const { return told_origin_; }
  [[nodiscard]] std::string losses() const { return lost_.note(names_); }

  ByteSpan features(const CsvRow& row) {
    for (std::size_t i = 0; i < features_.size(); ++i) {
      features_[i] = stored_value(row.features[i], origin_[i]);
      if (!std::isfinite(features_[i])) {
        row.reader.refuse(
            row.reader.line(),
            "the value of column '" + names_[i] + "' is too far from those of the rows to train on",
            "correct it or remove the row");
      }
      lost_.add(i, row.keys[i], features_[i]);
    }
    return std::as_bytes(std::span(features_));
  }

  std::array<std::byte, 4> target(const CsvRow& row) {
    if (survey_.targets.kind == TargetKind::real) {
      const double value = number_of(row.target).value_or(0);
      const auto stored = static_cast<float>(value);
      lost_.add(features_.size(), key_of(value), stored);
      return std::bit_cast<std::array<std::byte, 4>>(stored);
    }
    const auto number = survey_.targets.class_of(row.target);
    if (!number) refuse_changed(row.reader);
    return std::bit_cast<std::array<std::byte, 4>>(*number);
  }

  [[noreturn]] static void refuse_changed(const CsvReader& reader) {
    reader.refuse(reader.line(), "the file changed while it was read", "try again");
  }

 private:
  const TableSurvey& survey_;
  std::vector<std::string> names_;  // of the features, then of the target
  std::vector<ColumnOrigin> origin_;
  std::vector<ColumnOrigin> told_origin_;
  std::vector<float> features_;
  CollapseSurvey lost_;
};

SampleSchema schema_of(const TableSurvey& survey) {
  SampleSchema schema;
  schema.feature_type = FeatureType::f32;
  schema.feature_shape = Shape{static_cast<std::int64_t>(survey.columns.size())};
  schema.target_kind = survey.targets.kind;
  schema.target_width = survey.targets.kind == TargetKind::real
                            ? 1
                            : static_cast<std::int32_t>(survey.targets.class_names.size());
  return schema;
}

}  // namespace

ImportReport import_csv(const std::filesystem::path& file, const CsvOptions& csv,
                        const ImportOptions& options) {
  if (csv.separator == '"' || csv.separator == '\n' || csv.separator == '\r') {
    throw InputError({file.string()}, "the separator can't be a quote or a line break",
                     "try , or ;");
  }
  const InputFile input(file);
  const CsvTable table(input, csv);
  const TableSurvey survey = survey_of(table, input, csv, options);
  tell(survey, table, options);

  const SampleSchema schema = schema_of(survey);
  RowMaker maker(table, survey);
  SplitWriter writer(options, schema,
                     {.classes = survey.targets.class_names,
                      .columns = table.feature_names(),
                      .target = table.columns().names[table.columns().target],
                      .origin = maker.origin()});
  NormalisationCollector collector(schema);
  const std::uint64_t total = input.bytes();
  table.visit([&](const CsvRow& row) {
    if (writer.rows() == survey.kept()) RowMaker::refuse_changed(row.reader);
    const ByteSpan features = maker.features(row);
    const bool valid = is_validation_row(options, row.number);
    if (!valid) collector.add(features);
    writer.add(valid, features, maker.target(row));
    if (options.progress && writer.rows() % progress_rows == 0) {
      options.progress({writer.rows(), row.reader.stored_offset(), total});
    }
  });
  const std::string losses = maker.losses();
  if (options.say && !losses.empty()) options.say(losses);
  return writer.finish(collector.result());
}

}  // namespace raven
