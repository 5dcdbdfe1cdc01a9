#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/csv_reader.hpp"
#include "raven/data/import.hpp"
#include "raven/data/meaning.hpp"

namespace raven {

/// Which column of a table is what.
struct CsvColumns {
  std::vector<std::string> names{};  ///< of all columns, in the file's order
  std::vector<std::size_t> features{};
  std::optional<std::size_t> target{};  ///< none: without targets
};

/// One row, checked; valid during a visit.
struct CsvRow {
  const CsvReader& reader;
  std::int64_t number;  ///< from 0, counting those that are left out as well
  std::span<const double> features;
  /// One for each feature that tells it from all others, even where float64 does not.
  std::span<const std::uint64_t> keys;
  std::string_view target;
};

struct CsvCounts {
  std::int64_t rows = 0;      ///< all below the header
  std::int64_t left_out = 0;  ///< of those, for want of a value
};

/// A table of numbers with a column of targets, read as often as wanted.
class CsvTable {
 public:
  /// Reads the first line: whether it is a header, and which column is what. @throws InputError
  /// when that can't be told
  /// @param targets none: none is wanted; the column of csv.target, if it is there, is left out
  CsvTable(const InputFile& file, CsvOptions csv, Targets targets = Targets::needed);

  [[nodiscard]] const CsvColumns& columns() const { return columns_; }
  /// Names of the feature columns in their order.
  [[nodiscard]] std::vector<std::string> feature_names() const;
  /// Empty without targets.
  [[nodiscard]] std::string target_name() const {
    return columns_.target ? columns_.names[*columns_.target] : std::string();
  }
  /// Calls `visit` for each row that lacks nothing. @throws InputError at file:line for whatever is
  /// no number, and for a missing value unless those rows are to be left out
  CsvCounts visit(const std::function<void(const CsvRow&)>& visit) const;

 private:
  struct Missing {
    int line = 0;
    std::size_t column = 0;
    std::string text{};
    std::int64_t rows = 0;
  };
  void check_header(const CsvReader& reader, const std::vector<std::string>& first) const;
  void name_columns(const CsvReader& reader, const std::vector<std::string>& first);
  void choose_columns(const CsvReader& reader);
  void choose_target(const CsvReader& reader);
  void take_features(const CsvReader& reader, const std::set<std::size_t>& left_out);
  [[nodiscard]] std::size_t find(const CsvReader& reader, const std::string& name,
                                 const char* what) const;
  [[nodiscard]] bool names_a_column(const std::vector<std::string>& first) const;
  [[nodiscard]] bool is_missing(std::string_view text) const;
  [[nodiscard]] bool lacks(const CsvReader& reader, const std::vector<std::string>& fields,
                           Missing& missing) const;
  void read_features(const CsvReader& reader, const std::vector<std::string>& fields,
                     std::vector<double>& features, std::vector<std::uint64_t>& keys) const;
  [[noreturn]] void refuse_missing(const CsvReader& reader, const Missing& missing,
                                   std::int64_t rows) const;
  [[noreturn]] void refuse_value(const CsvReader& reader, std::size_t column,
                                 const std::string& text) const;

  const InputFile& file_;
  CsvOptions csv_;
  Targets targets_;
  bool header_ = true;
  std::set<std::string, std::less<>> missing_;  ///< plain_name() of each word
  CsvColumns columns_;
};

}  // namespace raven
