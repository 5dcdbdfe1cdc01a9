#include "cli/cpu_quota.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace raven {
namespace {

namespace fs = std::filesystem;

/// A machine's /proc and /sys as files of a folder.
class CpuQuota : public testing::Test {
 protected:
  CpuQuota() { fs::remove_all(root_); }
  ~CpuQuota() override { fs::remove_all(root_); }

  void put(const fs::path& file, const std::string& text) {
    const fs::path place = root_ / file.relative_path();
    fs::create_directories(place.parent_path());
    std::ofstream(place) << text;
  }
  void mounted(const std::string& mountinfo, const std::string& cgroup) {
    put("/proc/self/mountinfo", mountinfo);
    put("/proc/self/cgroup", cgroup);
  }
  void mounted_v2(const std::string& group) {
    mounted(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "30 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
        "0::" + group + "\n");
  }
  [[nodiscard]] std::optional<double> quota() const { return cpu_quota(root_); }

  fs::path root_ = fs::path(testing::TempDir()) / ("quota_" + std::to_string(::getpid()));
};

TEST_F(CpuQuota, a_machine_without_groups_has_none) {
  EXPECT_EQ(quota(), std::nullopt);
  mounted_v2("/a");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuQuota, version_2_says_quota_and_period) {
  mounted_v2("/user/job");
  put("/sys/fs/cgroup/user/job/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota(), 1.5);
  put("/sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuQuota, the_least_of_the_groups_around_counts) {
  mounted_v2("/user/job/step");
  put("/sys/fs/cgroup/user/cpu.max", "10000 100000\n");
  put("/sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
  put("/sys/fs/cgroup/user/job/step/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota(), 0.1);
}

TEST_F(CpuQuota, version_1_says_them_in_two_files_of_the_controller) {
  mounted(
      "31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "33 30 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n",
      "9:memory:/elsewhere\n4:cpu,cpuacct:/job\n3:cpuset:/\n0::/\n");
  put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");
  put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 2.5);
  put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(quota(), std::nullopt);
}

// A container sees its own group as the top of the hierarchy, and the whole path beside it.
TEST_F(CpuQuota, a_container_s_group_is_where_its_hierarchy_begins) {
  mounted("32 30 0:28 /docker/4711 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
          "4:cpu:/docker/4711\n");
  put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
  put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 0.5);
  mounted("32 30 0:28 /docker/4711 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
          "4:cpu:/docker/4711/inner\n");
  put("/sys/fs/cgroup/cpu/inner/cpu.cfs_quota_us", "20000\n");
  put("/sys/fs/cgroup/cpu/inner/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 0.2);
}

TEST_F(CpuQuota, files_that_say_something_else_say_nothing) {
  mounted_v2("/job");
  for (const char* text : {"", "x y", "-1 100000", "100000 0", "nan 1"}) {
    put("/sys/fs/cgroup/job/cpu.max", text);
    EXPECT_EQ(quota(), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace raven
