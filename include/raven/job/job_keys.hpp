#pragma once

#include <string>
#include <vector>

namespace raven {

/// A key of a job file, as `--set` names it, whose value differs between two jobs.
struct JobDifference {
  std::string key;     ///< "train.batch", "model.7.linear.bias"
  std::string before;  ///< its value, or "not given"
  std::string now;
};

/// The text of a job and what `--set` said.
struct JobText {
  std::string text;
  std::vector<std::string> overrides;
};

/// In what two jobs differ, in the order of their files, of the keys that decide the bits of a
/// run; data sets are not compared. A text that can't be understood has no keys.
[[nodiscard]] std::vector<JobDifference> job_differences(const JobText& before, const JobText& now);

}  // namespace raven
