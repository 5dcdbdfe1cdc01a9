#include "cli/run_files.hpp"

#include <array>
#include <optional>

#include "raven/core/error.hpp"

namespace raven {

std::span<const char* const> run_files::all() {
  static constexpr std::array names{job,     overrides, training_data, events,
                                    summary, status,    doors,         token};
  return names;
}

Folder open_run(const std::filesystem::path& run) {
  std::optional<Folder> folder = Folder::find(run);
  if (folder && folder->has(run_files::job)) return std::move(*folder);
  throw InputError({run.string()}, "is not a run directory (it has no job.yaml)",
                   "name the folder that 'raven train' wrote, for instance runs/digits_cnn");
}

void check_run_files(const Folder& run) {
  (void)run.has(run_files::lock);
  for (const char* name : run_files::all()) (void)run.has(name);
  (void)Folder::find(run.path() / run_files::checkpoints, Folder::Links::refuse);
}

}  // namespace raven
