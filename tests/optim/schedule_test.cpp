#include <set>

#include "golden/golden.hpp"
#include "raven/optim/optimizer.hpp"

namespace raven {
namespace {

using golden::Json;

TEST(Schedule, gives_the_rates_of_pytorch) {
  for (const Json& test_case : golden::load("schedules")) {
    SCOPED_TRACE(test_case.dump());
    const ScheduleDef* def = find_schedule(test_case.at("schedule").get<std::string>());
    ASSERT_NE(def, nullptr);
    const Options options = golden::options_of(def->options, test_case.at("options"));
    const auto steps = test_case.at("steps").get<std::int64_t>();
    for (std::int64_t step = 1; step <= steps; ++step) {
      const double expected = test_case.at("rates").at(static_cast<std::size_t>(step - 1));
      EXPECT_NEAR(rate_at(*def, options, test_case.at("rate").get<double>(), step, steps), expected,
                  1e-8 * expected)
          << "step " << step;
    }
  }
}

TEST(Schedule, every_row_has_a_golden_case_for_every_option) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const Json& test_case : golden::load("schedules")) {
    for (const auto& [option, value] : test_case.at("options").items()) {
      seen.emplace(test_case.at("schedule").get<std::string>(), option);
    }
  }
  for (const ScheduleDef* def : schedule_table()) {
    for (const OptionDef& option : def->options) {
      EXPECT_TRUE(seen.contains({std::string(def->name), std::string(option.name)}))
          << def->name << "." << option.name;
    }
  }
}

TEST(Schedule, stays_at_its_end_when_a_run_goes_on_longer_than_planned) {
  const ScheduleDef& cosine = *find_schedule("cosine");
  Options options = defaults(cosine.options);
  options.set("min_factor", 0.25);
  EXPECT_DOUBLE_EQ(rate_at(cosine, options, 2.0, 500, 100), 0.5);
  const ScheduleDef& linear = *find_schedule("linear");
  EXPECT_DOUBLE_EQ(rate_at(linear, defaults(linear.options), 2.0, 500, 100), 0.0);
}

TEST(Schedule, warms_up_also_when_the_run_ends_before) {
  for (const ScheduleDef* def : schedule_table()) {
    Options options = defaults(def->options);
    if (def->name == "step") options.set("every", std::int64_t{1});
    options.set("warmup", std::int64_t{10});
    EXPECT_DOUBLE_EQ(rate_at(*def, options, 1.0, 5, 5), 0.5) << def->name;
  }
}

TEST(Schedule, table_names_are_distinct_and_explained) {
  std::set<std::string_view> names;
  for (const ScheduleDef* def : schedule_table()) {
    EXPECT_TRUE(names.insert(def->name).second) << def->name;
    EXPECT_EQ(find_schedule(def->name), def);
    EXPECT_FALSE(def->help.empty()) << def->name;
    golden::expect_explained(def->options, def->name);
    EXPECT_NO_FATAL_FAILURE((void)golden::options_of(def->options, Json{{"warmup", 3}}));
  }
}

}  // namespace
}  // namespace raven
