#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "raven/data/import.hpp"
#include "raven/data/manifest.hpp"

namespace raven {

/// The files of a data set on their way into a folder, perhaps in place of one that is there. That
/// one stays whole until commit(): new shards stand beside its shards, under names of a new
/// generation.
class NewDataset {
 public:
  explicit NewDataset(std::filesystem::path folder);
  /// Without commit() nothing stays behind.
  ~NewDataset();
  NewDataset(const NewDataset&) = delete;
  NewDataset& operator=(const NewDataset&) = delete;

  /// A name for the next shard of a side, "train" or "valid", that nothing in the folder has.
  [[nodiscard]] std::string next_shard(const std::string& side);
  [[nodiscard]] std::filesystem::path path_of(const std::string& name) const {
    return folder_ / name;
  }

  /// Puts both manifests in place, or the one and no valid.yaml, and removes shards that no
  /// manifest of the folder names any more. Between two renames the file import.pending tells
  /// readers of a process that ended there (check_replaced). @throws InputError
  ImportReport commit(const Manifest& train, const std::optional<Manifest>& valid);

 private:
  void remove_stale() const;

  std::filesystem::path folder_;
  std::int64_t generation_ = 1;
  std::map<std::string, std::size_t> counts_;  ///< shards by side
  std::vector<std::string> shards_;
  bool committed_ = false;
};

/// Refuses train.yaml and valid.yaml of a folder where the process that replaced both ended between
/// the two. @throws InputError
void check_replaced(const std::filesystem::path& manifest);

}  // namespace raven
