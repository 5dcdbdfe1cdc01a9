#include "raven/cluster/checkpoint.hpp"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "cluster/checkpoint_format.hpp"
#include "cluster/sealed_file.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/core/folder.hpp"

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
std::optional<std::uint64_t> step_of(const std::string& name) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  const char* begin = name.data() + prefix.size();
  const char* end = name.data() + name.size() - suffix.size();
  std::uint64_t step = 0;
  const auto [stop, error] = std::from_chars(begin, end, step);
  if (error != std::errc() || stop != end || name != name_of(step)) return std::nullopt;
  return step;
}

/// Newest first.
std::vector<std::uint64_t> steps_in(const Folder& folder) {
  std::vector<std::uint64_t> steps;
  for (const std::string& name : folder.names()) {
    if (const auto step = step_of(name)) steps.push_back(*step);
  }
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

bool is_left_by_a_writer(const std::string& name) {
  return is_leftover(name) && step_of(name.substr(0, name.rfind(".part-"))).has_value();
}

/// What a process that was killed while it wrote has left; this folder has one writer.
void remove_leftovers(const Folder& folder) {
  for (const std::string& name : folder.names()) {
    if (is_left_by_a_writer(name)) folder.remove(name);
  }
}

/// Files of later steps than `newest` are damaged ones that resuming passed over: they neither
/// count nor go.
void remove_old(const Folder& folder, std::uint64_t newest, int keep) {
  int kept = 0;
  for (const std::uint64_t step : steps_in(folder)) {
    if (step <= newest && ++kept > keep) folder.remove(name_of(step));
  }
}

}  // namespace

void write_checkpoint(const fs::path& path, const Checkpoint& checkpoint, int keep, SyncCall sync) {
  expects(keep >= 1, "at least one checkpoint is kept");
  const Folder folder = Folder::made(path, Folder::Links::refuse);
  remove_leftovers(folder);
  {
    FolderPart file(folder, name_of(checkpoint.step), sync);
    checkpoint_format::seal(file.handle(), file.place(),
                            checkpoint_format::lay_out(file.handle(), file.place(), checkpoint));
    file.commit();
  }
  remove_old(folder, checkpoint.step, keep);
}

Checkpoint read_checkpoint(const fs::path& file) {
  return checkpoint_format::read_sealed(checkpoint_format::SealedFile(file));
}

std::optional<LoadedCheckpoint> newest_checkpoint(const fs::path& path) {
  const std::optional<Folder> folder = Folder::find(path, Folder::Links::refuse);
  if (!folder) return std::nullopt;
  const std::vector<std::uint64_t> found = steps_in(*folder);
  std::vector<SkippedCheckpoint> skipped;
  for (const std::uint64_t step : found) {
    const fs::path file = path / name_of(step);
    try {
      const Descriptor open = folder->open(name_of(step), O_RDONLY);
      if (!open) continue;  // gone since
      Checkpoint checkpoint =
          checkpoint_format::read_sealed(checkpoint_format::SealedFile(file, open.number()));
      if (checkpoint.step == step)
        return LoadedCheckpoint{std::move(checkpoint), file, std::move(skipped)};
      skipped.push_back({file, "it holds step " + std::to_string(checkpoint.step) +
                                   ", not the step in its name"});
    } catch (const InputError& error) {
      skipped.push_back({file, error.problem()});
    }
  }
  if (skipped.empty()) return std::nullopt;
  throw InputError({path.string()},
                   "none of the " + std::to_string(skipped.size()) +
                       " checkpoints here can be read; of the newest, " +
                       skipped.front().file.filename().string() + ", " + skipped.front().reason,
                   "put a clean copy of a checkpoint here, or move the folder away to begin again");
}

std::optional<std::uint64_t> newest_checkpoint_step(const fs::path& path) {
  const std::optional<Folder> folder = Folder::find(path, Folder::Links::refuse);
  const std::vector<std::uint64_t> steps =
      folder ? steps_in(*folder) : std::vector<std::uint64_t>();
  return steps.empty() ? std::nullopt : std::optional(steps.front());
}

void remove_checkpoints(const fs::path& path) {
  const Folder folder(path, Folder::Links::refuse);
  std::vector<std::string> ours;
  for (std::string& name : folder.names()) {
    if (step_of(name) || is_left_by_a_writer(name)) ours.push_back(std::move(name));
  }
  // All or nothing: what is in the way of one keeps the others, too.
  for (const std::string& name : ours) (void)folder.has(name);
  for (const std::string& name : ours) folder.remove(name);
}

}  // namespace raven
