#include "cli/processes.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

Cores cores(int online, int allowed, std::optional<double> quota = std::nullopt,
            bool bound = false) {
  return {.online = online, .allowed = allowed, .quota = quota, .bound = bound};
}

int threads_of(const LaunchPlace& place, const Cores& of) {
  return share_cores(place, of, std::nullopt, 0).threads;
}

constexpr LaunchPlace alone{};
constexpr LaunchPlace second_of_four{.rank = 1, .local_rank = 1, .local_size = 4};

TEST(Processes, one_alone_takes_all_that_it_may) {
  EXPECT_EQ(threads_of(alone, cores(8, 8)), 8);
  EXPECT_EQ(threads_of(alone, cores(8, 3)), 3);
}

TEST(Processes, a_quota_bounds_threads_and_a_part_of_a_core_is_one) {
  EXPECT_EQ(threads_of(alone, cores(8, 8, 2.0)), 2);
  EXPECT_EQ(threads_of(alone, cores(8, 8, 2.5)), 3);
  EXPECT_EQ(threads_of(alone, cores(8, 8, 0.1)), 1);
  EXPECT_EQ(threads_of(alone, cores(8, 4, 6.0)), 4);
  EXPECT_EQ(threads_of(alone, cores(8, 8, 1e300)), 8);
}

TEST(Processes, all_of_a_machine_share_its_cores_and_its_quota) {
  // Three contributors and a master with a core to spare.
  EXPECT_EQ(threads_of(second_of_four, cores(8, 8)), 2);
  EXPECT_EQ(threads_of(second_of_four, cores(8, 8, 4.0)), 1);
  // Not bound by the launcher: what a batch system left to all of them is shared, too.
  EXPECT_EQ(threads_of(second_of_four, cores(64, 4)), 1);
}

TEST(Processes, who_was_bound_to_cores_of_its_own_takes_them_within_the_quota_of_all) {
  EXPECT_EQ(threads_of(second_of_four, cores(8, 2, std::nullopt, true)), 2);
  EXPECT_EQ(threads_of(second_of_four, cores(8, 2, 4.0, true)), 1);
}

TEST(Processes, a_wish_is_a_wish) {
  EXPECT_EQ(share_cores(alone, cores(2, 2, 0.5), std::nullopt, 16).threads, 16);
}

TEST(Processes, more_threads_than_can_run_are_told_with_the_cause) {
  EXPECT_EQ(threads_trouble(2, cores(4, 2)), "");
  EXPECT_EQ(threads_trouble(2, cores(4, 4, 1.5)), "");
  const std::string quota = threads_trouble(8, cores(8, 8, 1.5));
  EXPECT_NE(quota.find("1.50 cores of processor time"), std::string::npos) << quota;
  const std::string affinity = threads_trouble(8, cores(8, 4));
  EXPECT_NE(affinity.find("4 of 8 cores"), std::string::npos) << affinity;
}

/// Sets variables for the life of this object, and unsets the others that matter.
class Environment {
 public:
  explicit Environment(std::initializer_list<std::pair<const char*, const char*>> set) {
    for (const char* name : names) ::unsetenv(name);
    for (const auto& [name, value] : set) ::setenv(name, value, 1);
  }
  ~Environment() {
    for (const char* name : names) ::unsetenv(name);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  static constexpr const char* names[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK",
                                          "PMI_SIZE", "SLURM_STEP_NUM_TASKS"};
};

TEST(Processes, a_launcher_s_words_make_a_process_one_of_several_only_if_there_are_others) {
  const auto says = [](std::initializer_list<std::pair<const char*, const char*>> set) {
    const Environment environment(set);
    return is_one_of_several();
  };
  EXPECT_FALSE(says({}));
  EXPECT_TRUE(says({{"OMPI_COMM_WORLD_SIZE", "3"}}));
  EXPECT_FALSE(says({{"OMPI_COMM_WORLD_SIZE", "1"}}));
  EXPECT_TRUE(says({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}}));
  EXPECT_FALSE(says({{"PMI_RANK", "0"}, {"PMI_SIZE", "1"}}));
  EXPECT_FALSE(says({{"PMIX_RANK", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}));
  EXPECT_TRUE(says({{"PMIX_RANK", "0"}, {"SLURM_STEP_NUM_TASKS", "4"}}));
  EXPECT_FALSE(says({{"SLURM_STEP_NUM_TASKS", "4"}}));
}

}  // namespace
}  // namespace raven
