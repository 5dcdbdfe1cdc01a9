#include "data/csv_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <span>

#include "data/column_survey.hpp"
#include "data/line_reader.hpp"
#include "raven/core/error.hpp"
#include "raven/core/number.hpp"

namespace raven {
namespace {

/// What tables of other programs have for a missing value. Never taken for one unasked.
constexpr std::array<std::string_view, 13> usual_missing{
    "NA", "N/A", "na", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "?", "-", "."};

constexpr std::size_t longest_name = 1024;
constexpr double first_gap = 0x1p53;  // from here on float64 can't hold every whole number

bool usually_missing(std::string_view text) {
  return std::ranges::find(usual_missing, text) != usual_missing.end();
}

/// A cell that a row of data may have.
bool like_data(const std::string& cell) {
  const std::string_view text = without_blanks(cell);
  return text.empty() || number_of(text) || usually_missing(text);
}

}  // namespace

CsvTable::CsvTable(const InputFile& file, CsvOptions csv, Targets targets)
    : file_(file), csv_(std::move(csv)), targets_(targets) {
  for (const std::string& word : csv_.missing) missing_.insert(plain_name(word));
  CsvReader reader(open_file_source(file_), csv_.separator);
  std::vector<std::string> first;
  if (!reader.next(first)) reader.refuse(1, "the file is empty", "give a header line and rows");
  header_ = csv_.header != CsvOptions::Header::no;
  if (csv_.header == CsvOptions::Header::ask) check_header(reader, first);
  name_columns(reader, first);
  choose_columns(reader);
}

bool CsvTable::names_a_column(const std::vector<std::string>& first) const {
  const auto stands_there = [&](const std::string& name) {
    return !like_data(name) && std::ranges::any_of(first, [&](const std::string& cell) {
      return without_blanks(cell) == name;
    });
  };
  return stands_there(csv_.target) || std::ranges::any_of(csv_.ignore, stands_there) ||
         std::ranges::any_of(csv_.features, stands_there);
}

void CsvTable::check_header(const CsvReader& reader, const std::vector<std::string>& first) const {
  if (names_a_column(first)) return;
  // The last cell is the target's unless the user names another, and a target may be a word. The
  // index that pandas writes has no name.
  const bool last_is_target = csv_.target.empty() && targets_ == Targets::needed;
  const std::size_t begin = without_blanks(first.front()).empty() ? 1 : 0;
  const std::size_t end = first.size() - (last_is_target ? 1 : 0);
  const std::span features = std::span(first).subspan(begin, end > begin ? end - begin : 0);
  if (features.empty() || 2 * std::ranges::count_if(features, like_data) < std::ssize(features)) {
    return;
  }
  std::string cells;
  for (std::size_t i = 0; i < first.size() && i < 6; ++i) {
    cells += (i == 0 ? "" : ", ") + shown(first[i]);
  }
  reader.refuse(
      reader.line(),
      "the first line may be a header or data (" + cells + (first.size() > 6 ? ", ...)" : ")"),
      "say which: --header yes or --header no");
}

void CsvTable::name_columns(const CsvReader& reader, const std::vector<std::string>& first) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < first.size(); ++i) {
    // The index that pandas writes has no name.
    const std::string_view name = header_ ? without_blanks(first[i]) : std::string_view{};
    columns_.names.push_back(name.empty() ? "x" + std::to_string(i + 1) : std::string(name));
    if (name.size() > longest_name) {
      reader.refuse(reader.line(), "the name " + shown(name) + " is longer than 1024 bytes",
                    "check the separator, and that the first line is a header");
    }
  }
  for (const std::string& name : columns_.names) {
    if (!seen.insert(name).second) {
      reader.refuse(reader.line(), "two columns are called " + shown(name),
                    "give each its own name in the header line, or add --header no if it is data");
    }
  }
}

std::size_t CsvTable::find(const CsvReader& reader, const std::string& name,
                           const char* what) const {
  const auto at = std::ranges::find(columns_.names, name);
  if (at != columns_.names.end()) return static_cast<std::size_t>(at - columns_.names.begin());
  if (!header_) {
    const auto by_number = std::ranges::find(columns_.names, "x" + name);
    if (by_number != columns_.names.end()) {
      return static_cast<std::size_t>(by_number - columns_.names.begin());
    }
  }
  std::string all;
  for (const std::string& known : columns_.names) {
    if (all.size() < 300) all += (all.empty() ? "" : ", ") + known;
  }
  reader.refuse(reader.line(), std::string("there is no column ") + shown(name) + " (" + what + ")",
                "the columns are " + all);
}

void CsvTable::choose_columns(const CsvReader& reader) {
  choose_target(reader);
  std::set<std::size_t> left_out;
  if (columns_.target) left_out.insert(*columns_.target);
  const bool has_it = std::ranges::find(columns_.names, csv_.target) != columns_.names.end();
  if (targets_ == Targets::unused && has_it) {
    left_out.insert(find(reader, csv_.target, "the target"));
  }
  for (const std::string& name : csv_.ignore) {
    left_out.insert(find(reader, name, "to be ignored"));
  }
  if (!csv_.features.empty()) return take_features(reader, left_out);
  for (std::size_t i = 0; i < columns_.names.size(); ++i) {
    if (!left_out.contains(i)) columns_.features.push_back(i);
  }
  if (columns_.features.empty()) {
    reader.refuse(reader.line(), "no feature column is left beside the target",
                  "check the separator and the ignored columns");
  }
}

void CsvTable::choose_target(const CsvReader& reader) {
  if (targets_ == Targets::unused) return;
  columns_.target =
      csv_.target.empty() ? columns_.names.size() - 1 : find(reader, csv_.target, "the target");
}

void CsvTable::take_features(const CsvReader& reader, const std::set<std::size_t>& left_out) {
  std::set<std::size_t> taken = left_out;
  for (const std::string& name : csv_.features) {
    columns_.features.push_back(find(reader, name, "of the data set that this is to be like"));
    taken.insert(columns_.features.back());
  }
  for (std::size_t i = 0; i < columns_.names.size(); ++i) {
    if (taken.contains(i)) continue;
    reader.refuse(reader.line(),
                  "the column " + shown(columns_.names[i]) +
                      " is none of those of the data set that this is to be like",
                  "leave it out with --ignore '" + columns_.names[i] + "'");
  }
}

std::vector<std::string> CsvTable::feature_names() const {
  std::vector<std::string> names;
  for (const std::size_t column : columns_.features) names.push_back(columns_.names[column]);
  return names;
}

bool CsvTable::is_missing(std::string_view text) const {
  return text.empty() || (!missing_.empty() && missing_.contains(plain_name(text)));
}

bool CsvTable::lacks(const CsvReader& reader, const std::vector<std::string>& fields,
                     Missing& missing) const {
  const auto check = [&](std::size_t column) {
    const std::string_view text = without_blanks(fields[column]);
    if (!is_missing(text)) return false;
    if (missing.rows++ == 0) {
      missing.line = reader.line();
      missing.column = column;
      missing.text = text;
    }
    return true;
  };
  return std::ranges::any_of(columns_.features, check) ||
         (columns_.target && check(*columns_.target));
}

void CsvTable::refuse_missing(const CsvReader& reader, const Missing& missing,
                              std::int64_t rows) const {
  std::string problem =
      missing.column == columns_.target
          ? "the target is missing"
          : "the value of column " + shown(columns_.names[missing.column]) + " is missing";
  if (!missing.text.empty()) problem += " (" + shown(missing.text) + ")";
  reader.refuse(missing.line,
                problem + "; " + std::to_string(missing.rows) + " of " + std::to_string(rows) +
                    " rows lack a value",
                "fill them in, or leave these rows out with --drop-missing");
}

void CsvTable::refuse_value(const CsvReader& reader, std::size_t column,
                            const std::string& text) const {
  const std::string_view plain = without_blanks(text);
  std::string with_point(plain);
  std::ranges::replace(with_point, ',', '.');
  std::string remedy = "correct it, remove the row, or leave the column out with --ignore";
  if (usually_missing(plain)) {
    remedy = "if it stands for a missing value, add --missing '" + std::string(plain) +
             "', and --drop-missing to leave such rows out";
  } else if (number_of(plain)) {
    remedy = "correct it, or give the column in a larger unit (float32 ends at 3.4e38)";
  } else if (plain.find(',') != std::string_view::npos && number_of(with_point)) {
    remedy = "write decimals with a point";
  }
  reader.refuse(reader.line(),
                "column " + shown(columns_.names[column]) + " has " + shown(text) +
                    ", which is no finite number" + (number_of(plain) ? " in float32" : ""),
                remedy);
}

void CsvTable::read_features(const CsvReader& reader, const std::vector<std::string>& fields,
                             std::vector<double>& features,
                             std::vector<std::uint64_t>& keys) const {
  for (std::size_t i = 0; i < features.size(); ++i) {
    const std::size_t column = columns_.features[i];
    const auto value = number_of(fields[column]);
    if (!value || !fits_float(*value)) refuse_value(reader, column, fields[column]);
    features[i] = *value;
    keys[i] = key_of(*value);
    if (std::abs(*value) >= first_gap) {
      keys[i] = std::hash<std::string>{}(plain_number(fields[column]).value_or(""));
    }
  }
}

CsvCounts CsvTable::visit(const std::function<void(const CsvRow&)>& visit) const {
  CsvReader reader(open_file_source(file_), csv_.separator);
  std::vector<std::string> fields;
  if (header_) (void)reader.next(fields);
  std::vector<double> features(columns_.features.size());
  std::vector<std::uint64_t> keys(features.size());
  CsvCounts counts;
  Missing missing;
  while (reader.next(fields)) {
    const std::int64_t number = counts.rows++;
    if (columns_.names.size() == 1 && reader.empty_line() > 0) {
      reader.refuse(reader.empty_line(),
                    "an empty line among the rows of a table of one column may be a missing value",
                    "remove the line, or write a value");
    }
    if (fields.size() != columns_.names.size()) {
      reader.refuse(reader.line(),
                    "there are " + std::to_string(fields.size()) + " fields, but the " +
                        (header_ ? "header" : "first row") + " has " +
                        std::to_string(columns_.names.size()),
                    "complete the row, or quote fields that hold the separator");
    }
    if (lacks(reader, fields, missing)) continue;
    read_features(reader, fields, features, keys);
    // One missing value refuses the table; the rest is read on to count how many there are.
    if (missing.rows > 0 && !csv_.drop_missing) continue;
    visit({.reader = reader,
           .number = number,
           .features = features,
           .keys = keys,
           .target =
               columns_.target ? without_blanks(fields[*columns_.target]) : std::string_view{}});
  }
  if (missing.rows > 0 && !csv_.drop_missing) refuse_missing(reader, missing, counts.rows);
  counts.left_out = missing.rows;
  return counts;
}

}  // namespace raven
