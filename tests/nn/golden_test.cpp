#include <set>

#include "nn/golden_runs.hpp"

namespace raven::golden {
namespace {

TEST(Golden, layers_compute_what_pytorch_computes) {
  for (const Json& test_case : load("layers")) (void)run_layer(test_case);
}

TEST(Golden, losses_compute_what_pytorch_computes) {
  for (const Json& test_case : load("losses")) (void)run_loss(test_case);
}

TEST(Golden, ops_compute_what_pytorch_computes) {
  for (const Json& test_case : load("ops")) (void)run_op(test_case);
}

TEST(Golden, modules_with_a_memory_compute_what_pytorch_computes) {
  for (const Json& test_case : load("memory")) (void)run_memory(test_case);
}

/// "layer.option" of all cases of a file.
std::set<std::string> options_in(const char* file, const char* kind) {
  std::set<std::string> seen;
  for (const Json& test_case : load(file)) {
    const auto name = test_case.at(kind).get<std::string>();
    seen.insert(name);
    for (const auto& [option, value] : test_case.at("options").items()) {
      seen.insert(name + "." + option);
    }
  }
  return seen;
}

TEST(Golden, every_layer_has_a_case_for_every_option) {
  const std::set<std::string> seen = options_in("layers", "layer");
  for (const ModuleDef* def : module_table()) {
    EXPECT_TRUE(seen.contains(std::string(def->name))) << def->name;
    for (const OptionDef& option : def->options) {
      // How weights start has tests of its own: it is a distribution.
      if (option.name.starts_with("initial")) continue;
      const std::string name = std::string(def->name) + "." + std::string(option.name);
      EXPECT_TRUE(seen.contains(name)) << name;
    }
  }
}

TEST(Golden, every_loss_has_a_case_for_every_option) {
  const std::set<std::string> seen = options_in("losses", "loss");
  for (const LossDef* def : loss_table()) {
    EXPECT_TRUE(seen.contains(std::string(def->name))) << def->name;
    for (const OptionDef& option : def->options) {
      const std::string name = std::string(def->name) + "." + std::string(option.name);
      EXPECT_TRUE(seen.contains(name)) << name;
    }
  }
}

TEST(Golden, every_op_is_called_in_some_case) {
  // Ops without a counterpart in PyTorch or that no layer and no loss calls, and where they are
  // checked instead.
  std::set<std::string> covered{
      "dropout",         // other random numbers: dropout_test.cpp
      "accuracy",        // for programs whose places all ask: graph/ops/metric_cases.cpp
      "top_k_accuracy",  // likewise
  };
  const auto note = [&](const Graph& graph) {
    for (std::string& name : ops_of(graph)) covered.insert(std::move(name));
  };
  for (const Json& test_case : load("layers")) note(run_layer(test_case));
  for (const Json& test_case : load("losses")) note(run_loss(test_case));
  for (const Json& test_case : load("ops")) note(run_op(test_case));
  for (const OpDef* op : op_table()) {
    EXPECT_TRUE(covered.contains(std::string(op->name))) << op->name;
  }
}

}  // namespace
}  // namespace raven::golden
