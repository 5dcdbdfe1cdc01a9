#include "cli/launch.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "raven/core/error.hpp"

namespace raven {
namespace {

int at(const LaunchPlan& plan, std::size_t node) { return plan.nodes.at(node).contributors; }

TEST(Launch, one_machine_alone_gets_what_is_asked_for) {
  EXPECT_EQ(plan_launch({}, -1).beside_master, 0);
  EXPECT_EQ(plan_launch({}, 3).beside_master, 3);
  EXPECT_TRUE(plan_launch({}, 3).nodes.empty());
  EXPECT_TRUE(plan_launch({"here"}, 3).nodes.empty());
}

TEST(Launch, each_other_node_gets_one_contributor_unless_said_otherwise) {
  const LaunchPlan plan = plan_launch({"here", "n2", "n3"}, -1);
  EXPECT_EQ(plan.beside_master, 0);
  ASSERT_EQ(plan.nodes.size(), 2U);
  EXPECT_EQ(plan.nodes[1].name, "n3");
  EXPECT_EQ(at(plan, 0), 1);
  EXPECT_EQ(at(plan, 1), 1);
}

TEST(Launch, contributors_are_dealt_out_in_turn_and_the_master_s_node_comes_last) {
  const LaunchPlan plan = plan_launch({"here", "n2", "n3"}, 5);
  EXPECT_EQ(at(plan, 0), 2);
  EXPECT_EQ(at(plan, 1), 2);
  EXPECT_EQ(plan.beside_master, 1);
}

TEST(Launch, a_hostfile_names_one_node_a_line) {
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / ("hosts_" + std::to_string(::getpid()));
  std::ofstream(file) << "# all of them\nn1 slots=4\n\n  n2# the second\nn3\n";
  EXPECT_EQ(hosts_in(file), (std::vector<std::string>{"n1", "n2", "n3"}));
  std::ofstream(file) << "# nobody\n";
  EXPECT_THROW((void)hosts_in(file), InputError);
  std::filesystem::remove(file);
  EXPECT_THROW((void)hosts_in(file), InputError);
}

}  // namespace
}  // namespace raven
