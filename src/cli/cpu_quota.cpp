#include "cli/cpu_quota.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace raven {
namespace {

namespace fs = std::filesystem;

/// A control group hierarchy that is mounted, and the part of it that is seen there.
struct Mount {
  int version = 0;
  fs::path part;  ///< of the hierarchy: "/" for all of it
  fs::path place;
};

bool has_word(const std::string& list, const std::string& word) {
  std::istringstream in(list);
  for (std::string one; std::getline(in, one, ',');) {
    if (one == word) return true;
  }
  return false;
}

/// The mounts of version 2, and of version 1's controller of processor time: proc(5), mountinfo.
std::vector<Mount> mounts(const fs::path& root) {
  std::vector<Mount> found;
  std::ifstream in(root / "proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line.substr(0, dash));
    std::istringstream after(line.substr(dash + 3));
    std::string skipped;
    std::string part;
    std::string place;
    std::string type;
    std::string options;
    before >> skipped >> skipped >> skipped >> part >> place;
    after >> type >> skipped >> options;
    if (type == "cgroup2") found.push_back({2, part, place});
    if (type == "cgroup" && has_word(options, "cpu")) found.push_back({1, part, place});
  }
  return found;
}

/// The group of this process in a hierarchy: cgroups(7), /proc/[pid]/cgroup.
std::optional<fs::path> group_in(const fs::path& root, int version) {
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool is_it = version == 2 ? line.starts_with("0::") : has_word(controllers, "cpu");
    if (is_it) return fs::path(line.substr(second + 1));
  }
  return std::nullopt;
}

std::optional<double> ratio(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return std::nullopt;
  return quota / period;
}

/// What the files of one group say.
std::optional<double> quota_of(const fs::path& group, int version) {
  double quota = -1;
  double period = 0;
  if (version == 2) {
    // "max 100000" when there is no limit.
    std::ifstream(group / "cpu.max") >> quota >> period;
  } else {
    std::ifstream(group / "cpu.cfs_quota_us") >> quota;
    std::ifstream(group / "cpu.cfs_period_us") >> period;
  }
  return ratio(quota, period);
}

/// The group's path below the mount point. Where a container sees a part of the hierarchy only, its
/// own group may lie outside of it, and the mount point is the best that can be seen.
fs::path below(const fs::path& part, const fs::path& group) {
  if (part == "/") return group.relative_path();
  const fs::path rest = group.lexically_relative(part);
  return rest.empty() || *rest.begin() == ".." || rest == "." ? fs::path() : rest;
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
  std::optional<double> least;
  for (const Mount& mount : mounts(root)) {
    const std::optional<fs::path> group = group_in(root, mount.version);
    if (!group) continue;
    fs::path below_mount = below(mount.part, *group);
    const fs::path place = root / mount.place.relative_path();
    for (;;) {
      if (const auto quota = quota_of(place / below_mount, mount.version)) {
        least = std::min(least.value_or(*quota), *quota);
      }
      if (below_mount.empty() || below_mount == ".") break;
      below_mount = below_mount.parent_path();
    }
  }
  return least;
}

}  // namespace raven
