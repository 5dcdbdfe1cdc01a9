#include "raven/job/reference.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "raven/nn/loss.hpp"
#include "raven/nn/module.hpp"
#include "raven/optim/optimizer.hpp"
#include "source_tree.hpp"

namespace raven {
namespace {

std::string readme() {
  std::ifstream stream(std::filesystem::path(RAVEN_SOURCE_DIR) / "jobs/README.md");
  return {std::istreambuf_iterator<char>(stream), {}};
}

template <class Row>
void expect_explained(std::span<const Row* const> table, const std::string& text) {
  for (const Row* row : table) {
    const std::size_t start =
        text.find("#### `" + std::string(row->name) + "`\n" + std::string(row->help));
    ASSERT_NE(start, std::string::npos) << row->name << " is not explained";
    const std::string section = text.substr(start, text.find("\n#", start + 1) - start);
    for (const OptionDef& option : row->options) {
      EXPECT_NE(section.find("| `" + std::string(option.name) + "` |"), std::string::npos)
          << row->name << "." << option.name << " is not explained";
      EXPECT_FALSE(option.help.empty()) << row->name << "." << option.name;
    }
  }
}

TEST(Reference, every_name_that_a_job_can_use_is_explained_in_the_readme_of_the_jobs) {
  const std::string text = readme();
  expect_explained(module_table(), text);
  expect_explained(loss_table(), text);
  expect_explained(optimizer_table(), text);
  expect_explained(schedule_table(), text);
}

TEST(Reference, the_readme_holds_what_raven_explain_prints) {
  const std::string text = readme();
  EXPECT_NE(text.find(job_reference()), std::string::npos)
      << "put the output of `raven explain` below 'Names a job can use' of jobs/README.md";
}

TEST(Reference, one_name_gives_its_own_part_only) {
  EXPECT_TRUE(job_reference("linear").starts_with("#### `linear`")) << job_reference("linear");
  EXPECT_EQ(job_reference("linier"), "");
  const auto names = job_reference_names();
  for (const std::string_view name : names) {
    EXPECT_NE(job_reference().find(job_reference(name).substr(0, 20)), std::string::npos);
  }
  EXPECT_GE(names.size(), module_table().size() + optimizer_table().size());
}

}  // namespace
}  // namespace raven
