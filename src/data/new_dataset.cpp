#include "data/new_dataset.hpp"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/core/new_file.hpp"

namespace raven {
namespace {

namespace fs = std::filesystem;

constexpr const char* pending_file = "import.pending";
constexpr const char* train_file = "train.yaml";
constexpr const char* valid_file = "valid.yaml";
constexpr std::uintmax_t longest_pending = 1024;

/// The generation in a shard's name, train-00000.h5 or train-g2-00000.h5; 0 for other files.
std::int64_t generation_of(std::string_view name) {
  if (!name.starts_with("train-") && !name.starts_with("valid-")) return 0;
  name.remove_prefix(6);
  std::int64_t generation = 1;
  const char* const end = name.data() + name.size();
  if (name.starts_with('g')) {
    const auto [stop, error] = std::from_chars(name.data() + 1, end, generation);
    if (error != std::errc() || generation < 2 || stop == end || *stop != '-') return 0;
    name.remove_prefix(static_cast<std::size_t>(stop + 1 - name.data()));
  }
  const std::size_t digits = name.find_first_not_of("0123456789");
  const bool shard =
      digits != std::string_view::npos && digits >= 5 && name.substr(digits) == ".h5";
  return shard ? generation : 0;
}

/// Names of plain files in the folder; none when there is no such folder.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    if (fs::is_regular_file(entry->symlink_status(gone))) {
      names.push_back(entry->path().filename().string());
    }
  }
  return names;
}

std::string whole_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Digest of a file as import.pending has it; "none" when there is no such file.
std::string digest_text(const fs::path& file) {
  std::error_code error;
  return fs::is_regular_file(file, error) ? to_hex(digest_of_file(file)) : "none";
}

std::string pending_text(const std::string& train, const std::string& valid) {
  return "raven replaces train.yaml and valid.yaml of this folder by files with these SHA-256\n" +
         train + "\n" + valid + "\n";
}

void write_manifest_to(const NewFile& file, const Manifest& manifest) {
  std::ofstream out(file.temporary(), std::ios::binary | std::ios::trunc);
  out << text_of(manifest);
  out.close();
  if (!out) {
    throw InputError({manifest.file.string()}, "writing this manifest failed",
                     "check free space and permissions there");
  }
}

}  // namespace

NewDataset::NewDataset(fs::path folder) : folder_(std::move(folder)) {
  for (const std::string& name : names_in(folder_)) {
    generation_ = std::max(generation_, generation_of(name) + 1);
  }
}

NewDataset::~NewDataset() {
  if (committed_) return;
  for (const std::string& name : shards_) {
    std::error_code ignored;
    fs::remove(folder_ / name, ignored);
  }
}

std::string NewDataset::next_shard(const std::string& side) {
  char number[32];
  std::snprintf(number, sizeof number, "-%05zu.h5", counts_[side]++);
  const std::string generation = generation_ == 1 ? "" : "-g" + std::to_string(generation_);
  shards_.push_back(side + generation + number);
  return shards_.back();
}

ImportReport NewDataset::commit(const Manifest& train, const std::optional<Manifest>& valid) {
  ImportReport report{.train = folder_ / train_file, .valid = {}, .train_rows = train.rows()};
  NewFile new_train(report.train);
  write_manifest_to(new_train, train);
  std::optional<NewFile> new_valid;
  const fs::path valid_place = folder_ / valid_file;
  if (valid) {
    new_valid.emplace(valid_place);
    write_manifest_to(*new_valid, *valid);
    report.valid = valid_place;
    report.valid_rows = valid->rows();
  }
  std::error_code error;
  const bool alone = !valid && !fs::exists(fs::symlink_status(valid_place, error));
  const fs::path pending = folder_ / pending_file;
  if (!alone) {
    write_whole_file(pending, pending_text(digest_text(new_train.temporary()),
                                           valid ? digest_text(new_valid->temporary()) : "none"));
  }
  // From the first rename on the new shards are named by a manifest.
  committed_ = true;
  if (valid) new_valid->commit();
  new_train.commit();
  // One of an earlier import would pass for this one's.
  if (!valid) fs::remove(valid_place, error);
  fs::remove(pending, error);
  remove_stale();
  return report;
}

void NewDataset::remove_stale() const {
  const std::set<std::string> kept(shards_.begin(), shards_.end());
  std::vector<std::string> stale;
  std::string others;  // manifests that somebody else put there may name old shards
  for (const std::string& name : names_in(folder_)) {
    const bool leftover = is_leftover(name) && generation_of(name.substr(0, name.rfind(".part-")));
    if (leftover || (generation_of(name) > 0 && !kept.contains(name))) stale.push_back(name);
    const bool manifest = name.ends_with(".yaml") && name != train_file && name != valid_file;
    if (manifest) others += whole_text(folder_ / name);
  }
  for (const std::string& name : stale) {
    std::error_code ignored;
    if (others.find(name) == std::string::npos) fs::remove(folder_ / name, ignored);
  }
}

void check_replaced(const fs::path& manifest) {
  const std::string name = manifest.filename().string();
  if (name != train_file && name != valid_file) return;
  const fs::path folder = manifest.parent_path();
  const fs::path pending = folder / pending_file;
  std::error_code error;
  if (!fs::is_regular_file(fs::symlink_status(pending, error)) ||
      fs::file_size(pending, error) > longest_pending) {
    return;
  }
  std::istringstream in(whole_text(pending));
  std::string head;
  std::string train;
  std::string valid;
  std::getline(in, head);
  in >> train >> valid;
  const bool new_train = digest_text(folder / train_file) == train;
  const bool new_valid = digest_text(folder / valid_file) == valid;
  if (new_train == new_valid) return;  // neither was replaced yet, or both are
  throw InputError({manifest.string()},
                   "an import that replaced this data set ended before it was done, so train.yaml "
                   "and valid.yaml may be of two data sets",
                   "repeat the import with --replace");
}

}  // namespace raven
