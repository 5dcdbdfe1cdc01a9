#include "raven/simulate/simulator.hpp"

#include <utility>

#include "raven/core/error.hpp"
#include "simulate/run.hpp"

namespace raven {
namespace {

/// What differs between two passes; empty for nothing. Equal means equal bits.
std::string difference(const PassResult& expected, const PassResult& found) {
  if (expected.samples != found.samples) {
    return std::to_string(found.samples) + " samples were counted, not " +
           std::to_string(expected.samples);
  }
  if (expected.loss != found.loss) return "the loss is another";
  if (expected.metrics != found.metrics) return "the metrics are others";
  return {};
}

std::string difference(const SimulationResult& expected, const SimulationResult& found) {
  if (expected.history.size() != found.history.size()) {
    return std::to_string(found.history.size()) + " epochs were reported, not " +
           std::to_string(expected.history.size());
  }
  for (std::size_t i = 0; i < expected.history.size(); ++i) {
    const EpochResult& a = expected.history[i];
    const EpochResult& b = found.history[i];
    const std::string where = "epoch " + std::to_string(a.epoch) + ": ";
    if (a.epoch != b.epoch || a.step != b.step) return where + "another was reported in its place";
    if (std::string text = difference(a.train, b.train); !text.empty()) {
      return where + "training: " + text;
    }
    if (a.valid.has_value() != b.valid.has_value()) return where + "the evaluation is missing";
    if (!a.valid) continue;
    if (std::string text = difference(*a.valid, *b.valid); !text.empty()) {
      return where + "validation: " + text;
    }
  }
  if (expected.weights != found.weights) return "the weights are others";
  return {};
}

}  // namespace

struct Simulator::Impl {
  Impl(Training training, std::filesystem::path scratch)
      : stock(std::move(training), std::move(scratch)) {}

  simulated::Stock stock;
  SimulationResult undisturbed;
};

Simulator::Simulator(Training training, std::filesystem::path scratch)
    : impl_(std::make_unique<Impl>(std::move(training), std::move(scratch))) {
  const SimulationPlan plan{.seed = 0, .faults = {}, .contributors = 1};
  impl_->undisturbed = simulated::Run(impl_->stock, plan).to_the_end();
  if (impl_->undisturbed.same()) return;
  throw InputError("the undisturbed run failed: " + impl_->undisturbed.difference,
                   "try the job with raven train first");
}

Simulator::~Simulator() {
  std::error_code ignored;
  std::filesystem::remove_all(impl_->stock.scratch, ignored);
}

SimulationResult Simulator::run(const SimulationPlan& plan) {
  SimulationResult result = simulated::Run(impl_->stock, plan).to_the_end();
  if (result.same()) result.difference = difference(impl_->undisturbed, result);
  return result;
}

const SimulationResult& Simulator::undisturbed() const { return impl_->undisturbed; }

}  // namespace raven
