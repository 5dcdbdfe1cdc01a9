#include <algorithm>

#include "optim/rows.hpp"

namespace raven {
namespace {

constexpr const OptimizerDef* optimizers[] = {&sgd_def, &adam_def, &adamw_def, &rmsprop_def,
                                              &adagrad_def};
constexpr const ScheduleDef* schedules[] = {&constant_def, &step_def, &cosine_def, &linear_def};

template <class Def>
const Def* find_in(std::span<const Def* const> table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &Def::name);
  return found == table.end() ? nullptr : *found;
}

}  // namespace

std::span<const OptimizerDef* const> optimizer_table() { return optimizers; }
const OptimizerDef* find_optimizer(std::string_view name) {
  return find_in(optimizer_table(), name);
}

std::span<const ScheduleDef* const> schedule_table() { return schedules; }
const ScheduleDef* find_schedule(std::string_view name) { return find_in(schedule_table(), name); }

}  // namespace raven
