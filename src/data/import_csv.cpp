#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "data/csv_reader.hpp"
#include "data/moments.hpp"
#include "data/split_writer.hpp"
#include "raven/core/error.hpp"
#include "raven/data/import.hpp"

namespace raven {
namespace {

constexpr std::size_t most_guessed_classes =
    1000;  // more different numbers than this look like a measurement
constexpr std::size_t most_classes = 65536;
constexpr std::int64_t progress_rows = 4096;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// A finite number that float32 can hold.
std::optional<double> number_of(std::string_view text) {
  text = trimmed(text);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (!std::isfinite(value) || std::abs(value) > std::numeric_limits<float>::max())
    return std::nullopt;
  return value;
}

std::string shown(const std::string& text) {
  return "'" + (text.size() <= 40 ? text : text.substr(0, 37) + "...") + "'";
}

/// Which column is what, from the header line.
struct Columns {
  std::vector<std::string> names;
  std::vector<std::size_t> features;
  std::size_t target = 0;
};

Columns read_header(CsvReader& reader, const CsvOptions& csv) {
  Columns columns;
  if (!reader.next(columns.names))
    reader.refuse(1, "the file is empty", "give a header line and rows");
  for (std::string& name : columns.names) name = std::string(trimmed(name));
  const auto find = [&](const std::string& name, const char* what) {
    const auto at = std::find(columns.names.begin(), columns.names.end(), name);
    if (at == columns.names.end()) {
      std::string all;
      for (const std::string& known : columns.names) {
        if (all.size() < 300) all += (all.empty() ? "" : ", ") + known;
      }
      reader.refuse(reader.line(),
                    std::string("there is no column ") + shown(name) + " (" + what + ")",
                    "the columns are " + all);
    }
    return static_cast<std::size_t>(at - columns.names.begin());
  };
  std::set<std::string> seen;
  for (const std::string& name : columns.names) {
    if (!seen.insert(name).second) {
      reader.refuse(reader.line(), "two columns are called " + shown(name),
                    "give each its own name in the header line");
    }
  }
  columns.target = csv.target.empty() ? columns.names.size() - 1 : find(csv.target, "the target");
  std::set<std::size_t> left_out{columns.target};
  for (const std::string& name : csv.ignore) left_out.insert(find(name, "to be ignored"));
  for (std::size_t i = 0; i < columns.names.size(); ++i) {
    if (!left_out.contains(i)) columns.features.push_back(i);
  }
  if (columns.features.empty()) {
    reader.refuse(reader.line(), "no feature column is left beside the target",
                  "check the separator and the ignored columns");
  }
  return columns;
}

/// Reads records and hands each to visit(features, target text); every field is checked here.
template <class Visit>
Columns visit_rows(const InputFile& file, const CsvOptions& csv, Visit visit) {
  CsvReader reader(open_file_source(file), csv.separator);
  Columns columns = read_header(reader, csv);
  std::vector<std::string> fields;
  std::vector<float> features(columns.features.size());
  while (reader.next(fields)) {
    if (fields.size() != columns.names.size()) {
      reader.refuse(reader.line(),
                    "there are " + std::to_string(fields.size()) + " fields, but the header has " +
                        std::to_string(columns.names.size()),
                    "complete the row, or quote fields that hold the separator");
    }
    for (std::size_t i = 0; i < features.size(); ++i) {
      const std::string& text = fields[columns.features[i]];
      const std::string& name = columns.names[columns.features[i]];
      const auto value = number_of(text);
      if (!value) {
        const bool missing = trimmed(text).empty();
        reader.refuse(reader.line(),
                      missing ? "the value of column " + shown(name) + " is missing"
                              : "column " + shown(name) + " has " + shown(text) +
                                    ", which is no finite number",
                      "fill it in, remove the row, or ignore the column");
      }
      features[i] = static_cast<float>(*value);
    }
    const std::string target(trimmed(fields[columns.target]));
    if (target.empty())
      reader.refuse(reader.line(), "the target is missing", "fill it in or remove the row");
    visit(reader, features, target);
  }
  return columns;
}

/// What the first reading learns about the targets.
class TargetSurvey {
 public:
  explicit TargetSurvey(std::optional<TargetKind> kind) : kind_(kind) {}

  void add(const CsvReader& reader, const std::string& text) {
    const auto number = number_of(text);
    if (kind_ == TargetKind::real && !number) {
      reader.refuse(reader.line(), "the target " + shown(text) + " is no finite number",
                    "correct it, or import classes");
    }
    numbers_ &= number.has_value();
    whole_ &= number && *number == std::floor(*number);
    if (kind_ == TargetKind::real) return;
    if (labels_.size() <= most_classes) labels_.insert(text);
    if (labels_.size() > most_classes && kind() == TargetKind::classes) {
      reader.refuse(reader.line(), "there are more than 65536 different targets",
                    "import them as real numbers, or name another target");
    }
  }

  [[nodiscard]] TargetKind kind() const {
    if (kind_) return *kind_;
    const bool real = numbers_ && (!whole_ || labels_.size() > most_guessed_classes);
    return real ? TargetKind::real : TargetKind::classes;
  }

  /// Whole numbers in their order, other labels in alphabetical order.
  [[nodiscard]] std::vector<std::string> class_names() const {
    std::vector<std::string> names(labels_.begin(), labels_.end());
    if (numbers_) {
      std::stable_sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
        return number_of(a).value_or(0) < number_of(b).value_or(0);
      });
    }
    return names;
  }

 private:
  std::optional<TargetKind> kind_;
  std::set<std::string> labels_;
  bool numbers_ = true;
  bool whole_ = true;
};

}  // namespace

ImportReport import_csv(const std::filesystem::path& file, const CsvOptions& csv,
                        const ImportOptions& options) {
  if (csv.separator == '"' || csv.separator == '\n' || csv.separator == '\r') {
    throw InputError({file.string()}, "the separator can't be a quote or a line break",
                     "try , or ;");
  }
  const InputFile input(file);
  TargetSurvey survey(csv.target_kind);
  std::int64_t rows = 0;
  const Columns columns = visit_rows(
      input, csv,
      [&](const CsvReader& reader, const std::vector<float>&, const std::string& target) {
        survey.add(reader, target);
        ++rows;
      });
  if (rows == 0)
    throw InputError({file.string()}, "there are no rows below the header", "give some");

  SampleSchema schema;
  schema.feature_type = FeatureType::f32;
  schema.feature_shape = Shape{static_cast<std::int64_t>(columns.features.size())};
  schema.target_kind = survey.kind();
  const bool real = schema.target_kind == TargetKind::real;
  const std::vector<std::string> names = real ? std::vector<std::string>{} : survey.class_names();
  std::map<std::string, std::int32_t> number_by_name;
  for (const std::string& name : names)
    number_by_name.emplace(name, static_cast<std::int32_t>(number_by_name.size()));
  schema.target_width = real ? 1 : static_cast<std::int32_t>(names.size());

  RowNames row_names{.classes = names, .target = columns.names[columns.target]};
  for (const std::size_t i : columns.features) row_names.columns.push_back(columns.names[i]);
  SplitWriter writer(options, schema, std::move(row_names));
  NormalisationCollector collector(schema);
  visit_rows(
      input, csv,
      [&](const CsvReader& reader, const std::vector<float>& features, const std::string& target) {
        std::array<std::byte, 4> stored{};
        if (real) {
          const auto value = static_cast<float>(number_of(target).value_or(0));
          std::memcpy(stored.data(), &value, 4);
        } else {
          const auto found = number_by_name.find(target);
          if (found == number_by_name.end() || writer.rows() == rows) {
            reader.refuse(reader.line(), "the file changed while it was read", "try again");
          }
          std::memcpy(stored.data(), &found->second, 4);
        }
        const ByteSpan raw = std::as_bytes(std::span(features));
        if (!is_validation_row(options, writer.rows())) collector.add(raw);
        writer.add(raw, stored);
        if (options.progress && writer.rows() % progress_rows == 0) {
          options.progress({writer.rows(), reader.stored_offset(), input.bytes()});
        }
      });
  return writer.finish(collector.result());
}

}  // namespace raven
