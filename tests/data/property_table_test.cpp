// Tables made from numbers and names that are known, written in all the ways in which such files
// write them; imported and read back: the same values, names and counts. The meant values are those
// of strtod.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "data/byte_strings.hpp"
#include "data/property.hpp"
#include "data/temporary_folder.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/import.hpp"
#include "raven/data/verify.hpp"

namespace raven {
namespace {

using Strings = std::vector<std::string>;
using Rows = std::vector<std::vector<double>>;

/// A decimal of some form; strtod says what it is.
std::string made_number(Choices& choose) {
  std::string text = choose.of(Strings{"", "", "-", "+"});
  if (choose.one_in(8)) text += "00";
  const std::size_t whole = choose.below(9);
  for (std::size_t i = 0; i < whole; ++i) text += static_cast<char>('0' + choose.below(10));
  if (whole == 0 || choose.one_in(2)) {
    text += '.';
    const std::size_t digits = choose.between(whole == 0 ? 1 : 0, 9);
    for (std::size_t i = 0; i < digits; ++i) text += static_cast<char>('0' + choose.below(10));
  }
  if (choose.one_in(6)) {
    text += choose.of(Strings{"e", "E"}) + choose.of(Strings{"", "-", "+"}) +
            std::to_string(choose.below(20));
  }
  // That one stands for a missing value.
  return std::strtod(text.c_str(), nullptr) == -999 ? "-998" : text;
}

/// A whole number in one of its ways to be written.
std::string made_whole(Choices& choose, std::int64_t value) {
  const std::string digits = std::to_string(std::abs(value));
  const std::string sign = value < 0 ? "-" : choose.of(Strings{"", "+"});
  return sign +
         choose.of(Strings{digits, "0" + digits, digits + ".0", digits + ".", digits + "e0"});
}

/// What is written, and what is meant.
struct Table {
  char separator = ',';
  bool header = true;
  std::size_t target = 0;
  Strings names{};  // of all columns
  std::set<std::size_t> ignored{};
  std::vector<Strings> cells{};  // as the file has them
  Rows features{};               // of the rows that lack nothing
  Strings labels{};              // of those, as classes are named
  std::vector<double> values{};  // of those, as values
  std::size_t left_out = 0;
  bool real = false;
  bool times = false;  // the first feature holds whole numbers near 1.7e9
};

const Strings labels{"cat", "dog", "caf\u00e9", "a \"b\"", "two\nlines", "x,y;z", "-", "ant 7"};

void add_target(Choices& choose, Table& table, bool words, Strings& row) {
  if (table.real) {
    row.push_back(made_number(choose));
    table.values.push_back(std::strtod(row.back().c_str(), nullptr));
  } else if (words) {
    row.push_back(choose.of(labels));
    table.labels.push_back(row.back());
  } else {
    const auto value = static_cast<std::int64_t>(choose.below(5)) - 2;
    row.push_back(made_whole(choose, value));
    table.labels.push_back(std::to_string(value));
  }
}

void add_row(Choices& choose, Table& table, bool words, double base) {
  Strings row;
  std::vector<double> features;
  const Table before = table;
  for (std::size_t column = 0; column < table.names.size(); ++column) {
    if (column == table.target) {
      add_target(choose, table, words, row);
    } else if (table.ignored.contains(column)) {
      row.push_back(choose.of(labels));
    } else if (column == 0 && base > 0) {
      row.push_back(std::to_string(static_cast<std::int64_t>(base) +
                                   static_cast<std::int64_t>(choose.below(1000))));
      features.push_back(std::strtod(row.back().c_str(), nullptr));
    } else {
      row.push_back(made_number(choose));
      features.push_back(std::strtod(row.back().c_str(), nullptr));
    }
  }
  if (choose.one_in(12)) {
    std::size_t lacking = choose.below(row.size());
    while (table.ignored.contains(lacking)) lacking = (lacking + 1) % row.size();
    row[lacking] = choose.of(Strings{"", "NA", "?", "-999.0"});
    table.labels = before.labels;
    table.values = before.values;
    ++table.left_out;
  } else {
    table.features.push_back(features);
  }
  table.cells.push_back(row);
}

Table made_table(Choices& choose) {
  Table table;
  table.separator = choose.of(std::vector<char>{',', ';', '\t', '|'});
  table.header = !choose.one_in(3);
  const std::size_t columns = choose.between(2, 6);
  for (std::size_t i = 0; i < columns; ++i) {
    table.names.push_back(table.header ? "n" + std::to_string(i) +
                                             choose.of(Strings{"", " \u00e9", ",", "\""})
                                       : "x" + std::to_string(i + 1));
  }
  table.target = choose.below(columns);
  const std::size_t ignored = choose.below(columns);
  if (columns > 2 && ignored != table.target && choose.one_in(3)) table.ignored.insert(ignored);
  table.real = choose.one_in(2);
  const bool words = choose.one_in(2);
  const double base = choose.one_in(3) ? 1.7e9 + static_cast<double>(choose.below(1000000)) : 0;
  table.times = base > 0 && table.target != 0 && !table.ignored.contains(0);
  const std::size_t rows = choose.between(1, 30);
  while (table.cells.size() < rows || table.features.empty()) add_row(choose, table, words, base);
  return table;
}

std::string written_cell(Choices& choose, const Table& table, const std::string& cell) {
  const bool must =
      cell.find_first_of(std::string("\"\n\r") + table.separator) != std::string::npos;
  if (!must && !choose.one_in(6)) {
    const std::string blank = choose.one_in(6) && !cell.empty() ? " " : "";
    return blank + cell + blank;
  }
  std::string text = "\"";
  for (const char c : cell) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + "\"";
}

std::string written(Choices& choose, const Table& table) {
  const std::string line_end = choose.of(Strings{"\n", "\n", "\r\n", "\r"});
  std::string text = choose.one_in(4) ? "\xEF\xBB\xBF" : "";
  const auto line = [&](const Strings& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) text += table.separator;
      text += written_cell(choose, table, cells[i]);
    }
    text += line_end;
    if (choose.one_in(10)) text += line_end;
  };
  if (table.header) line(table.names);
  for (const Strings& row : table.cells) line(row);
  if (choose.one_in(4)) text.erase(text.find_last_not_of("\r\n") + 1);
  return choose.one_in(4) ? gzipped(text) : text;
}

CsvOptions options_for(const Table& table) {
  CsvOptions csv{.target = table.names[table.target],
                 .target_kind = table.real ? TargetKind::real : TargetKind::classes,
                 .separator = table.separator,
                 .header = table.header ? CsvOptions::Header::yes : CsvOptions::Header::no,
                 .missing = {"NA", "?", "-999"},
                 .drop_missing = true};
  for (const std::size_t column : table.ignored) csv.ignore.push_back(table.names[column]);
  return csv;
}

/// The rows of a data set: original features by what the manifest says of their origin, then the
/// target.
Rows rows_in(const Manifest& manifest) {
  EXPECT_TRUE(verify(manifest).problems.empty());
  const Dataset data(manifest);
  std::vector<std::int64_t> all(static_cast<std::size_t>(data.size()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  const auto width = static_cast<std::size_t>(manifest.schema.feature_shape.count());
  std::vector<float> stored(all.size() * (width + 1));
  data.gather_raw(all, std::as_writable_bytes(std::span(stored)));
  Rows rows;
  for (std::size_t row = 0; row < all.size(); ++row) {
    std::vector<double> values;
    for (std::size_t i = 0; i <= width; ++i) {
      const float value = stored[row * (width + 1) + i];
      std::int32_t number = 0;
      std::memcpy(&number, &value, 4);
      const bool class_number = i == width && manifest.schema.target_kind == TargetKind::classes;
      values.push_back(class_number ? number : static_cast<double>(value));
    }
    rows.push_back(values);
  }
  return rows;
}

std::vector<double> meant_row(const Table& table, const Manifest& manifest, std::size_t row) {
  std::vector<double> values = table.features[row];
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!manifest.origin.empty() && manifest.origin[i] != ColumnOrigin{}) {
      values[i] = (values[i] - manifest.origin[i].offset) / manifest.origin[i].scale;
    }
    values[i] = static_cast<double>(static_cast<float>(values[i]));
  }
  if (table.real) {
    values.push_back(static_cast<double>(static_cast<float>(table.values[row])));
  } else {
    const auto at = std::ranges::find(manifest.class_names, table.labels[row]);
    EXPECT_NE(at, manifest.class_names.end()) << table.labels[row];
    values.push_back(static_cast<double>(at - manifest.class_names.begin()));
  }
  return values;
}

/// Whole numbers near 1.7e9 that differ are stored as numbers that differ.
void expect_told_apart(const Table& table, const Rows& stored) {
  std::set<double> original;
  std::set<double> kept;
  for (const auto& row : table.features) original.insert(row[0]);
  for (const auto& row : stored) kept.insert(row[0]);
  EXPECT_EQ(kept.size(), original.size());
}

void check_names(const Table& table, const Manifest& manifest) {
  Strings columns;
  for (std::size_t i = 0; i < table.names.size(); ++i) {
    if (i != table.target && !table.ignored.contains(i)) columns.push_back(table.names[i]);
  }
  EXPECT_EQ(manifest.column_names, columns);
  EXPECT_EQ(manifest.target_name, table.names[table.target]);
  const std::set<std::string> different(table.labels.begin(), table.labels.end());
  EXPECT_EQ(std::set<std::string>(manifest.class_names.begin(), manifest.class_names.end()),
            different);
  EXPECT_EQ(manifest.class_names.size(), different.size());
}

TEST(Property, a_table_is_read_back_as_it_was_meant) {
  for_each_made_up_input([](Choices& choose) {
    const Table table = made_table(choose);
    const TemporaryFolder folder;
    std::string said;
    ImportOptions options{.folder = folder / "out",
                          .rows_per_shard = static_cast<std::int64_t>(choose.between(1, 9)),
                          .valid_fraction = choose.one_in(2) ? 0 : 0.3,
                          .say = [&](const std::string& line) { said += line + "\n"; }};
    const auto file = folder.put("table", written(choose, table));
    ImportReport report;
    const std::string complained =
        complaint([&] { report = import_csv(file, options_for(table), options); });
    if (complained.find("no row is left for training") != std::string::npos ||
        complained.find("can't be told apart in float32") != std::string::npos) {
      return;
    }
    ASSERT_EQ(complained, "") << content_of(file);
    const Manifest train = read_manifest(report.train);
    Rows rows = rows_in(train);
    if (report.valid) {
      const Rows valid = rows_in(read_manifest(*report.valid));
      rows.insert(rows.end(), valid.begin(), valid.end());
    }
    Rows meant;
    for (std::size_t row = 0; row < table.features.size(); ++row) {
      meant.push_back(meant_row(table, train, row));
    }
    check_names(table, train);
    if (table.times) expect_told_apart(table, rows);
    EXPECT_EQ(said.find("are left out") != std::string::npos, table.left_out > 0);
    if (options.valid_fraction > 0) {
      std::ranges::sort(rows);
      std::ranges::sort(meant);
    }
    EXPECT_EQ(rows, meant) << content_of(file);
  });
}

}  // namespace
}  // namespace raven
