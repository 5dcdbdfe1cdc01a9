#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/new_dataset.hpp"
#include "raven/data/import.hpp"
#include "raven/data/manifest.hpp"

namespace raven {

/// A sentence or tree on its way into a shard, as SampleSchema has it.
struct TokenSample {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> parents;  ///< trees
  std::vector<std::int32_t> targets;
};

/// As SplitWriter for sentences and trees of tokens: takes them one by one, cuts them into shards
/// of two data sets, train and valid, and writes their manifests. Holds at most one shard per side
/// in memory.
class RaggedWriter {
 public:
  /// What an importer takes for a mistake, such as a bracket that is never closed.
  static constexpr std::size_t most_tokens = std::size_t{1} << 20;

  /// @throws InputError when the schema or the options make no sense.
  /// @param target_name empty: unknown
  RaggedWriter(ImportOptions options, SampleSchema schema, std::vector<std::string> class_names,
               Vocabulary vocabulary, std::string target_name = {});

  /// Adds the next sample to the side that is_validation_row tells.
  void add(const TokenSample& sample);
  /// Adds a sample to a given side. @pre it fits the schema
  void add(bool valid, const TokenSample& sample);
  /// Writes what is left and both manifests. @throws InputError when there was nothing to train on
  ImportReport finish();

  [[nodiscard]] std::int64_t rows() const { return rows_; }

 private:
  struct Side {
    const char* name;
    TokenSample together{};
    std::vector<std::int64_t> token_offsets{0};
    std::vector<std::int64_t> node_offsets{0};
    std::vector<ShardEntry> shards{};
  };
  void flush(Side& side);
  [[nodiscard]] Manifest manifest_of(const Side& side) const;

  ImportOptions options_;
  SampleSchema schema_;
  std::vector<std::string> class_names_;
  Vocabulary vocabulary_;
  std::string target_name_;
  NewDataset files_;
  std::int64_t rows_ = 0;
  Side train_{"train"};
  Side valid_{"valid"};
};

/// Samples of i32 tokens with no targets (TargetKind::none), a class for each, or for each token or
/// node.
[[nodiscard]] SampleSchema token_schema(SampleForm form, TargetKind kind, std::int32_t vocabulary,
                                        std::int32_t classes);

}  // namespace raven
