#include "raven/cluster/model_state.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "raven/optim/optimizer.hpp"
#include "raven/tensor/kernels/fill.hpp"

namespace raven {
namespace {

constexpr std::int64_t width = 5;
const ValueType table{DType::f32, {40, width}};
const ParameterId id{0};

ParameterStore fresh() {
  ParameterStore store;
  Parameter parameter{.name = "table", .value = Tensor(table)};
  kernels::fill_normal({.seed = 3}, table.shape.count(), 0, 1, parameter.value.values().data());
  (void)store.add(std::move(parameter));
  return store;
}

/// Every third row, more or less; sometimes none.
RowGradient random_rows(std::mt19937& random, BufferPool& buffers) {
  std::vector<std::uint32_t> numbers;
  const auto one_in = 1 + random() % 20;
  for (std::uint32_t row = 0; row < 40; ++row) {
    if (random() % one_in == 0 && random() % 3 == 0) numbers.push_back(row);
  }
  RowGradient rows(numbers.size(), width, buffers);
  std::copy(numbers.begin(), numbers.end(), rows.numbers().begin());
  for (float& value : rows.values()) value = std::uniform_real_distribution<float>(-1, 1)(random);
  return rows;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.bytes().size() == b.bytes().size() &&
         std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}

/// Old versions are held by nobody, by who is late with the last one, or by a checkpoint.
TEST(ModelState, updates_of_some_rows_have_the_bits_of_updates_of_all_and_leave_old_versions) {
  for (const char* option : {"rate", "momentum", "weight_decay"}) {
    TrainSpec train;
    train.optimizer.type = "sgd";
    for (const OptionDef& def : find_optimizer("sgd")->options) {
      train.optimizer.options.set(def.name, def.fallback);
    }
    train.optimizer.options.set(option, 0.1);
    BufferPool buffers;
    ModelState by_rows(train, fresh(), buffers);
    ModelState whole(train, fresh(), buffers);
    std::mt19937 random(5);
    std::vector<std::pair<Tensor, Tensor>> held;  // and a copy of it
    for (std::int64_t step = 1; step <= 60; ++step) {
      if (random() % 3 != 0) {
        const Tensor& now = by_rows.parameters()[id].value;
        held.emplace_back(now, now.clone());
      }
      if (random() % 3 == 0) held.clear();
      const RowGradient rows = random_rows(random, buffers);
      by_rows.update(id, {rows, {}}, 0.5F, step, 0.1);
      whole.update(id, {expand(rows, table, buffers), {}}, 0.5F, step, 0.1);
      EXPECT_TRUE(same(by_rows.parameters()[id].value, whole.parameters()[id].value)) << step;
      EXPECT_EQ(by_rows.parameters()[id].version, static_cast<std::uint64_t>(step));
      for (const auto& [kept, copy] : held) EXPECT_TRUE(same(kept, copy)) << step;
    }
  }
}

}  // namespace
}  // namespace raven
