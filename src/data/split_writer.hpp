#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/new_dataset.hpp"
#include "raven/data/import.hpp"
#include "raven/data/manifest.hpp"

namespace raven {

/// True when row `row` of an input goes to the validation side: a hash of (seed, row), so the
/// answer never depends on the number or the content of the other rows.
[[nodiscard]] bool is_validation_row(const ImportOptions& options, std::int64_t row);

/// What a data set's numbers are called, as far as it is known, and how they were stored.
struct RowNames {
  std::vector<std::string> classes{};
  std::vector<std::string> columns{};  ///< of a table
  std::string target{};
  std::vector<ColumnOrigin> origin{};  ///< Manifest::origin
};

/// Makes targets what the other data set's are, if there is one, or none if none are wanted.
void settle_targets(const ImportOptions& options, SampleSchema& schema);

/// Throws unless such rows can belong to options.like, if there is one. @throws InputError
void check_like(const ImportOptions& options, const Manifest& rows);

/// Takes rows one by one, cuts them into shards of two data sets, train and valid, and writes their
/// manifests. Holds at most one shard per side in memory.
class SplitWriter {
 public:
  /// @throws InputError when the schema or the options make no sense.
  SplitWriter(ImportOptions options, SampleSchema schema, RowNames names);

  /// Adds the next row to the side that is_validation_row tells.
  void add(ByteSpan features, ByteSpan target);
  /// Adds a row to a given side.
  void add(bool valid, ByteSpan features, ByteSpan target);
  /// Writes what is left and both manifests. @throws InputError when there were no training rows
  ImportReport finish(const Normalisation& normalisation);

  [[nodiscard]] std::int64_t rows() const { return rows_; }

 private:
  struct Side {
    const char* name;
    Bytes features{};
    Bytes targets{};
    std::int64_t rows = 0;  // waiting in the buffers
    std::vector<ShardEntry> shards{};
  };
  void flush(Side& side);
  [[nodiscard]] Manifest manifest_of(Side& side) const;

  ImportOptions options_;
  SampleSchema schema_;
  RowNames names_;
  std::int64_t rows_per_shard_;
  NewDataset files_;
  std::int64_t rows_ = 0;
  Side train_{"train"};
  Side valid_{"valid"};
};

}  // namespace raven
