#include "cli/another_job.hpp"

#include <fmt/format.h>

#include "cli/run_directory.hpp"
#include "cli/run_files.hpp"
#include "raven/job/job_keys.hpp"

namespace raven {
namespace {

constexpr std::size_t most_told = 5;

/// "train.batch is 32 here and was 48": as many as a sentence holds.
std::vector<std::string> differences(const std::filesystem::path& run, const JobSpec& job,
                                     const std::vector<std::string>& overrides,
                                     const Manifest& training_data) {
  std::vector<std::string> told;
  const Folder folder = open_run(run);
  const auto kept = folder.text(run_files::job, run_files::most_job);
  if (kept) {
    for (const JobDifference& one :
         job_differences({*kept, overrides_of(run)}, {job.text, overrides})) {
      told.push_back(one.key + " is " + one.now + " here and was " + one.before);
    }
  }
  if (!folder.has(run_files::training_data)) return told;
  const Manifest before = training_data_of(run);
  if (before.identity() == training_data.identity()) return told;
  const auto in_words = [](const Manifest& manifest) {
    return std::to_string(manifest.rows()) + " samples, identity " +
           to_hex(manifest.identity()).substr(0, 12);
  };
  told.push_back("the training data is another one (" + in_words(training_data) + " here, " +
                 in_words(before) + " then)");
  return told;
}

}  // namespace

void refuse_another_job(const std::filesystem::path& run, const JobSpec& job,
                        const std::vector<std::string>& overrides, const Manifest& training_data) {
  std::vector<std::string> told;
  try {
    told = differences(run, job, overrides, training_data);
  } catch (const InputError&) {
    // What the run directory has of the job can't be read: then it can't be told either.
  }
  std::string list;
  for (std::size_t i = 0; i < told.size() && i < most_told; ++i) {
    list += (i == 0 ? "" : "; ") + told[i];
  }
  if (told.size() > most_told) list += fmt::format("; and {} more", told.size() - most_told);
  if (told.empty()) {
    list = "its keys are the same, but this raven, or this program, makes another model of them";
  }
  throw InputError({run.string()},
                   "the run was begun with another job, so going on would mix two runs: " + list,
                   "take those back, choose another --run folder, or start this one anew with "
                   "--fresh");
}

}  // namespace raven
