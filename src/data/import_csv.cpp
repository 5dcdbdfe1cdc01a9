#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>

#include "data/column_survey.hpp"
#include "data/csv_table.hpp"
#include "data/line_reader.hpp"
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

/// The table, then the one to validate with, if there is one.
class Tables {
 public:
  Tables(const std::filesystem::path& file, const CsvOptions& csv, const ImportOptions& options)
      : options_(options) {
    const Targets targets = options.targets ? Targets::needed : Targets::unused;
    CsvOptions wanted = csv;
    if (options.like) take_from(*options.like, wanted);
    files_.push_back(std::make_unique<const InputFile>(file));
    tables_.push_back(std::make_unique<const CsvTable>(*files_.back(), wanted, targets));
    if (options.valid_files.empty()) return;
    wanted.features = first().feature_names();
    if (options.targets) wanted.target = first().target_name();
    files_.push_back(std::make_unique<const InputFile>(options.valid_files[0]));
    tables_.push_back(std::make_unique<const CsvTable>(*files_.back(), wanted, targets));
  }

  [[nodiscard]] const CsvTable& first() const { return *tables_.front(); }
  [[nodiscard]] const std::string& name() const { return files_.front()->name(); }
  [[nodiscard]] std::uint64_t bytes() const { return files_.front()->bytes(); }

  /// Calls visit(row, whether it is to validate with, a number that place_of() takes).
  template <class Visit>
  CsvCounts visit(Visit visit_row) const {
    CsvCounts all;
    for (std::size_t i = 0; i < tables_.size(); ++i) {
      const CsvCounts counts = tables_[i]->visit([&](const CsvRow& row) {
        const std::int64_t at = static_cast<std::int64_t>(i) * table_lines + row.reader.line();
        visit_row(row, i > 0 || is_validation_row(options_, row.number), at);
      });
      all.rows += counts.rows;
      all.left_out += counts.left_out;
    }
    return all;
  }
  [[nodiscard]] Place place_of(std::int64_t at) const {
    return {files_[static_cast<std::size_t>(at / table_lines)]->name(),
            static_cast<int>(at % table_lines)};
  }

 private:
  static constexpr std::int64_t table_lines = std::int64_t{1} << 40;

  static void take_from(const Manifest& like, CsvOptions& wanted) {
    if (like.column_names.empty()) {
      throw InputError({like.file.string()},
                       "does not say what its columns are called, so a table can't be like it",
                       "import its table once more with this raven");
    }
    wanted.features = like.column_names;
    if (wanted.target.empty()) wanted.target = like.target_name;
    if (like.schema.has_targets()) wanted.target_kind = like.schema.target_kind;
  }

  const ImportOptions& options_;
  std::vector<std::unique_ptr<const InputFile>> files_;
  std::vector<std::unique_ptr<const CsvTable>> tables_;
};

/// The other data set when its targets are to be taken.
const Manifest* model_of_targets(const ImportOptions& options) {
  const bool has_them = options.targets && options.like && options.like->schema.has_targets();
  return has_them ? options.like.get() : nullptr;
}

TableSurvey survey_of(const Tables& tables, const CsvOptions& csv, const ImportOptions& options) {
  TableSurvey survey;
  survey.columns.resize(tables.first().columns().features.size());
  const Manifest* like = model_of_targets(options);
  const auto refuse = [&](std::int64_t at, const std::string& problem, const std::string& remedy) {
    throw InputError(tables.place_of(at), problem, remedy);
  };
  TargetSurvey targets(like ? like->schema.target_kind : csv.target_kind, refuse);
  survey.counts = tables.visit([&](const CsvRow& row, bool valid, std::int64_t at) {
    for (std::size_t i = 0; i < survey.columns.size(); ++i) {
      survey.columns[i].add(row.features[i], !valid);
    }
    if (options.targets) targets.add(row.target, at);
  });
  if (survey.counts.rows == 0) {
    throw InputError({tables.name()}, "there are no rows below the header", "give some");
  }
  if (survey.kept() == 0) {
    throw InputError({tables.name()}, "each row lacks a value", "fill them in");
  }
  const bool by_name = like && like->schema.target_kind == TargetKind::classes;
  if (!options.targets) {
    survey.targets.kind = TargetKind::none;
  } else {
    survey.targets = by_name ? plan_like(*like) : targets.plan();
  }
  return survey;
}

void tell(const TableSurvey& survey, const Tables& tables, const ImportOptions& options) {
  if (!options.say) return;
  if (survey.counts.left_out > 0) {
    options.say(std::to_string(survey.counts.left_out) + " of " +
                std::to_string(survey.counts.rows) + " rows lack a value and are left out");
  }
  if (options.targets) {
    options.say("target '" + tables.first().target_name() + "': " + survey.targets.note);
  }
}

/// Turns the rows of a table into those of shards.
class RowMaker {
 public:
  RowMaker(const CsvTable& table, const TableSurvey& survey, const ImportOptions& options)
      : survey_(survey),
        like_(options.like.get()),
        names_(table.feature_names()),
        lost_(names_.size() + 1) {
    names_.push_back(table.target_name());
    for (const ColumnSurvey& column : survey.columns) origin_.push_back(column.origin());
    if (like_ != nullptr) {
      origin_ = like_->origin;
      origin_.resize(survey.columns.size());
    }
    features_.resize(origin_.size());
    const auto unmoved = std::ranges::count(origin_, ColumnOrigin{});
    if (unmoved < std::ssize(origin_)) told_origin_ = origin_;
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

  /// @pre there are targets
  std::array<std::byte, 4> target(const CsvRow& row) {
    if (survey_.targets.kind == TargetKind::real) {
      const double value = number_of(row.target).value_or(0);
      const auto stored = static_cast<float>(value);
      lost_.add(features_.size(), key_of(value), stored);
      return std::bit_cast<std::array<std::byte, 4>>(stored);
    }
    const auto number = survey_.targets.class_of(row.target);
    if (!number && like_ != nullptr) {
      row.reader.refuse(row.reader.line(),
                        "the target " + shown(row.target) + " is " + none_of_classes(*like_),
                        "correct it, leave the row out, or import all rows as one data set");
    }
    if (!number) refuse_changed(row.reader);
    return std::bit_cast<std::array<std::byte, 4>>(*number);
  }

  [[noreturn]] static void refuse_changed(const CsvReader& reader) {
    reader.refuse(reader.line(), "the file changed while it was read", "try again");
  }

 private:
  const TableSurvey& survey_;
  const Manifest* like_;
  std::vector<std::string> names_;  // of the features, then of the target
  std::vector<ColumnOrigin> origin_;
  std::vector<ColumnOrigin> told_origin_;
  std::vector<float> features_;
  CollapseSurvey lost_;
};

SampleSchema schema_of(const TableSurvey& survey, const ImportOptions& options) {
  SampleSchema schema;
  schema.feature_type = FeatureType::f32;
  schema.feature_shape = Shape{static_cast<std::int64_t>(survey.columns.size())};
  schema.target_kind = survey.targets.kind;
  schema.target_width = survey.targets.kind == TargetKind::real
                            ? 1
                            : static_cast<std::int32_t>(survey.targets.class_names.size());
  settle_targets(options, schema);
  return schema;
}

}  // namespace

ImportReport import_csv(const std::filesystem::path& file, const CsvOptions& csv,
                        const ImportOptions& options) {
  if (csv.separator == '"' || csv.separator == '\n' || csv.separator == '\r') {
    throw InputError({file.string()}, "the separator can't be a quote or a line break",
                     "try , or ;");
  }
  const Tables tables(file, csv, options);
  const TableSurvey survey = survey_of(tables, csv, options);
  tell(survey, tables, options);

  const SampleSchema schema = schema_of(survey, options);
  RowMaker maker(tables.first(), survey, options);
  SplitWriter writer(options, schema,
                     {.classes = survey.targets.class_names,
                      .columns = tables.first().feature_names(),
                      .target = tables.first().target_name(),
                      .origin = maker.origin()});
  NormalisationCollector collector(schema);
  const std::uint64_t total = tables.bytes();
  tables.visit([&](const CsvRow& row, bool valid, std::int64_t) {
    if (writer.rows() == survey.kept()) RowMaker::refuse_changed(row.reader);
    const ByteSpan features = maker.features(row);
    if (!valid) collector.add(features);
    const std::array<std::byte, 4> target =
        options.targets ? maker.target(row) : std::array<std::byte, 4>{};
    writer.add(valid, features, ByteSpan(target).first(schema.target_bytes()));
    if (options.progress && writer.rows() % progress_rows == 0) {
      options.progress({writer.rows(), row.reader.stored_offset(), total});
    }
  });
  const std::string losses = maker.losses();
  if (options.say && !losses.empty()) options.say(losses);
  return writer.finish(collector.result());
}

}  // namespace raven
