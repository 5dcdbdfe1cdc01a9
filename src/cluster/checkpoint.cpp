#include "raven/cluster/checkpoint.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "cluster/checkpoint_format.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/core/new_file.hpp"

namespace raven {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "step-";
constexpr std::string_view suffix = ".h5";
constexpr std::size_t min_digits = 10;

std::string name_of(std::uint64_t step) {
  std::string digits = std::to_string(step);
  if (digits.size() < min_digits) digits.insert(0, min_digits - digits.size(), '0');
  return std::string(prefix) + digits + std::string(suffix);
}

/// The step in the name of a checkpoint; none for any other file.
std::optional<std::uint64_t> step_of(const fs::path& file) {
  const std::string name = file.filename().string();
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  const char* begin = name.data() + prefix.size();
  const char* end = name.data() + name.size() - suffix.size();
  std::uint64_t step = 0;
  const auto [stop, error] = std::from_chars(begin, end, step);
  if (error != std::errc() || stop != end || name != name_of(step)) return std::nullopt;
  return step;
}

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    files.push_back(entry->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw InputError({folder.string()}, "this folder can't be listed (" + error.message() + ")",
                     "check that you may read it");
  }
  return files;
}

/// Newest first.
std::vector<std::pair<std::uint64_t, fs::path>> checkpoints_of(const fs::path& folder) {
  std::vector<std::pair<std::uint64_t, fs::path>> found;
  for (fs::path& file : files_of(folder)) {
    if (const auto step = step_of(file)) found.emplace_back(*step, std::move(file));
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

/// What a process that was killed while it wrote has left; this folder has one writer.
void remove_leftovers(const fs::path& folder) {
  for (const fs::path& file : files_of(folder)) {
    std::error_code ignored;
    if (is_leftover(file) && file.filename().string().starts_with(prefix))
      fs::remove(file, ignored);
  }
}

/// Files of later steps than `newest` are damaged ones that resuming passed over: they neither
/// count nor go.
void remove_old(const fs::path& folder, std::uint64_t newest, int keep) {
  int kept = 0;
  for (const auto& [step, file] : checkpoints_of(folder)) {
    std::error_code ignored;
    if (step <= newest && ++kept > keep) fs::remove(file, ignored);
  }
}

}  // namespace

void write_checkpoint(const fs::path& folder, const Checkpoint& checkpoint, int keep,
                      SyncCall sync) {
  expects(keep >= 1, "at least one checkpoint is kept");
  remove_leftovers(folder);
  NewFile file(folder / name_of(checkpoint.step), sync);
  checkpoint_format::seal(file.temporary(),
                          checkpoint_format::lay_out(file.temporary(), checkpoint));
  file.commit();
  remove_old(folder, checkpoint.step, keep);
}

Checkpoint read_checkpoint(const fs::path& file) { return checkpoint_format::read_sealed(file); }

std::optional<LoadedCheckpoint> newest_checkpoint(const fs::path& folder) {
  const auto found = checkpoints_of(folder);
  std::vector<SkippedCheckpoint> skipped;
  for (const auto& [step, file] : found) {
    try {
      Checkpoint checkpoint = read_checkpoint(file);
      if (checkpoint.step == step)
        return LoadedCheckpoint{std::move(checkpoint), file, std::move(skipped)};
      skipped.push_back({file, "it holds step " + std::to_string(checkpoint.step) +
                                   ", not the step in its name"});
    } catch (const InputError& error) {
      skipped.push_back({file, error.problem()});
    }
  }
  if (found.empty()) return std::nullopt;
  throw InputError({folder.string()},
                   "none of the " + std::to_string(found.size()) +
                       " checkpoints here can be read; of the newest, " +
                       found.front().second.filename().string() + ", " + skipped.front().reason,
                   "put a clean copy of a checkpoint here, or move the folder away to begin again");
}

}  // namespace raven
