#include "raven/optim/optimizer.hpp"

#include <cstring>
#include <set>

#include "golden/golden.hpp"
#include "raven/tensor/kernels/fill.hpp"

namespace raven {
namespace {

using golden::Json;

/// One tensor and what an optimizer keeps of it.
struct Trainee {
  Trainee(const OptimizerDef& def, const Options& options, const Tensor& start)
      : weight(start.clone()) {
    const int count = def.state_count(options);
    for (int i = 0; i < count; ++i) state.emplace_back(start.type());
  }

  [[nodiscard]] UpdateCall call(const Tensor& gradient) {
    UpdateCall made{.before = std::as_const(weight).values(),
                    .after = weight.values(),
                    .gradient = gradient.values(),
                    .state = {}};
    for (std::size_t i = 0; i < state.size(); ++i) made.state[i] = state[i].values();
    return made;
  }

  Tensor weight;
  std::vector<Tensor> state;
};

std::string describe(const Json& test_case) {
  Json shown = test_case;
  shown.erase("weights");
  return shown.dump();
}

void run_case(const Json& data, const Json& test_case) {
  SCOPED_TRACE(describe(test_case));
  const OptimizerDef* def = find_optimizer(test_case.at("optimizer").get<std::string>());
  ASSERT_NE(def, nullptr);
  const Options options = golden::options_of(def->options, test_case.at("options"));
  const Tensor gradients = golden::tensor_of(data.at("gradients"));
  Trainee trainee(*def, options, golden::tensor_of(data.at("start")));
  std::size_t checked = 0;
  for (std::int64_t step = 1; step <= gradients.shape()[0]; ++step) {
    const Tensor gradient = gradients.rows(step - 1, 1);
    UpdateCall call = trainee.call(gradient);
    call.step = step;
    call.rate = options.real("rate");
    if (test_case.contains("rate_factors")) {
      call.rate *=
          test_case.at("rate_factors").at(static_cast<std::size_t>(step - 1)).get<double>();
    }
    call.gradient_scale = test_case.value("scale", 1.0F);
    if (test_case.contains("clip_value")) call.clip_value = test_case.at("clip_value").get<float>();
    call.decays = test_case.value("decays", true);
    def->update(options, call);
    for (const Json& kept : test_case.at("weights")) {
      if (kept.at("step").get<std::int64_t>() != step) continue;
      golden::expect_near(std::as_const(trainee.weight).view(), kept.at("value"),
                          "weights after step " + std::to_string(step));
      ++checked;
    }
  }
  EXPECT_EQ(checked, test_case.at("weights").size());
}

TEST(Optimizer, adds_a_second_gradient_first_to_the_bits_of_their_sum) {
  constexpr std::int64_t count = 1003;
  const ValueType type{DType::f32, {count}};
  Tensor start(type);
  Tensor left(type);
  Tensor right(type);
  Tensor sum(type);
  kernels::fill_normal({.seed = 1}, count, 0, 1, start.values().data());
  kernels::fill_normal({.seed = 2}, count, 0, 1, left.values().data());
  kernels::fill_normal({.seed = 3}, count, 0, 1, right.values().data());
  for (std::size_t i = 0; i < count; ++i) sum.values()[i] = left.values()[i] + right.values()[i];
  for (const OptimizerDef* def : optimizer_table()) {
    Options options;
    for (const OptionDef& option : def->options) options.set(option.name, option.fallback);
    Trainee together(*def, options, start);
    Trainee apart(*def, options, start);
    for (std::int64_t step = 1; step <= 3; ++step) {
      UpdateCall one = together.call(sum);
      UpdateCall two = apart.call(left);
      two.gradient_also = std::as_const(right).values();
      for (UpdateCall* call : {&one, &two}) {
        call->step = step;
        call->rate = 0.1;
        call->gradient_scale = 0.3F;
        def->update(options, *call);
      }
    }
    EXPECT_EQ(
        std::memcmp(together.weight.bytes().data(), apart.weight.bytes().data(), type.bytes()), 0)
        << def->name;
  }
}

TEST(Optimizer, updates_as_pytorch_does) {
  const Json cases = golden::load("optimizers");
  for (std::size_t i = 1; i < cases.size(); ++i) run_case(cases[0], cases[i]);
}

TEST(Optimizer, every_row_has_a_golden_case_for_every_option) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const Json& test_case : golden::load("optimizers")) {
    if (!test_case.contains("optimizer")) continue;
    for (const auto& [option, value] : test_case.at("options").items()) {
      seen.emplace(test_case.at("optimizer").get<std::string>(), option);
    }
  }
  for (const OptimizerDef* def : optimizer_table()) {
    for (const OptionDef& option : def->options) {
      EXPECT_TRUE(seen.contains({std::string(def->name), std::string(option.name)}))
          << def->name << "." << option.name;
    }
  }
}

TEST(Optimizer, writing_elsewhere_gives_the_same_bits_as_in_place) {
  const Json data = golden::load("optimizers")[0];
  const Tensor gradients = golden::tensor_of(data.at("gradients"));
  const Tensor start = golden::tensor_of(data.at("start"));
  for (const OptimizerDef* def : optimizer_table()) {
    const Options options = defaults(def->options);
    Trainee in_place(*def, options, start);
    Trainee elsewhere(*def, options, start);
    for (std::int64_t step = 1; step <= gradients.shape()[0]; ++step) {
      const Tensor gradient = gradients.rows(step - 1, 1);
      UpdateCall call = in_place.call(gradient);
      call.step = step;
      call.rate = 0.1;
      def->update(options, call);
      Tensor after(start.type());
      UpdateCall other = elsewhere.call(gradient);
      other.step = step;
      other.rate = 0.1;
      other.after = after.values();
      def->update(options, other);
      elsewhere.weight = after;
    }
    const ByteSpan a = in_place.weight.bytes();
    const ByteSpan b = elsewhere.weight.bytes();
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size()), 0) << def->name;
  }
}

TEST(Optimizer, that_leaves_zeros_alone_updates_some_rows_to_the_same_bits) {
  constexpr std::int64_t width = 37;
  const ValueType type{DType::f32, {50, width}};
  const std::vector<std::uint32_t> rows{0, 7, 8, 49};
  Tensor some(ValueType{DType::f32, {4, width}});
  kernels::fill_normal({.seed = 1}, some.count(), 0, 1, some.values().data());
  Tensor whole(type);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(&whole.values()[rows[i] * width], &some.values()[i * width], width * sizeof(float));
  }
  Tensor start(type);
  kernels::fill_normal({.seed = 2}, start.count(), 0, 1, start.values().data());
  int able = 0;
  for (const OptimizerDef* def : optimizer_table()) {
    Options options = defaults(def->options);
    if (def->leaves_zeros == nullptr || !def->leaves_zeros(options, true)) continue;
    ++able;
    Trainee all(*def, options, start);
    Trainee by_rows(*def, options, start);
    UpdateCall calls[] = {all.call(whole), by_rows.call(some)};
    calls[1].rows = rows;
    for (UpdateCall& call : calls) {
      call.rate = 0.3;
      call.gradient_scale = 0.7F;
      call.clip_value = 0.5F;
      def->update(options, call);
    }
    EXPECT_EQ(std::memcmp(all.weight.bytes().data(), by_rows.weight.bytes().data(), type.bytes()),
              0)
        << def->name;
    EXPECT_NE(std::memcmp(all.weight.bytes().data(), start.bytes().data(), type.bytes()), 0);
  }
  EXPECT_EQ(able, 1);
}

TEST(Optimizer, leaves_zeros_alone_only_without_momentum_and_decay) {
  const OptimizerDef& sgd = *find_optimizer("sgd");
  Options options = defaults(sgd.options);
  EXPECT_TRUE(sgd.leaves_zeros(options, true));
  options.set("weight_decay", 0.1);
  EXPECT_FALSE(sgd.leaves_zeros(options, true));
  EXPECT_TRUE(sgd.leaves_zeros(options, false));
  options.set("momentum", 0.5);
  EXPECT_FALSE(sgd.leaves_zeros(options, false));
}

TEST(Optimizer, keeps_no_velocity_without_momentum) {
  const OptimizerDef& sgd = *find_optimizer("sgd");
  Options options = defaults(sgd.options);
  EXPECT_EQ(sgd.state_count(options), 0);
  options.set("momentum", 0.5);
  EXPECT_EQ(sgd.state_count(options), 1);
}

TEST(Optimizer, table_names_are_distinct_and_explained) {
  std::set<std::string_view> names;
  for (const OptimizerDef* def : optimizer_table()) {
    EXPECT_TRUE(names.insert(def->name).second) << def->name;
    EXPECT_EQ(find_optimizer(def->name), def);
    EXPECT_FALSE(def->help.empty()) << def->name;
    golden::expect_explained(def->options, def->name);
    EXPECT_NO_FATAL_FAILURE((void)defaults(def->options).real("rate"));
  }
  EXPECT_EQ(find_optimizer("adamm"), nullptr);
}

}  // namespace
}  // namespace raven
