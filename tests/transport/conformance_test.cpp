#include <gtest/gtest.h>

#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "raven/transport/both.hpp"
#include "raven/transport/faulty.hpp"
#include "raven/transport/local.hpp"
#include "transport/conformance.hpp"
#include "transport/gateway_thread.hpp"

namespace raven {
namespace {

using conformance::Scenario;
using conformance::World;

constexpr std::size_t max_body_bytes = std::size_t{20} << 20;

struct Variant {
  const char* name;
  std::unique_ptr<Transport> (*wrap)(std::unique_ptr<Transport> endpoint);
};

constexpr Variant variants[] = {
    {"local", [](std::unique_ptr<Transport> endpoint) { return endpoint; }},
    {"faulty_without_faults",
     [](std::unique_ptr<Transport> endpoint) {
       return make_faulty_transport(std::move(endpoint), FaultPlan{});
     }},
};

/// Plays all parts of a scenario, each on its thread, and returns what went wrong.
/// @param endpoints the master's first
std::vector<std::string> play(const Scenario& scenario,
                              std::vector<std::unique_ptr<Transport>> endpoints) {
  const std::size_t count = endpoints.size();
  const int contributors = static_cast<int>(count) - 1;
  std::vector<std::string> errors(count);
  const auto act = [&](std::size_t index) {
    std::unique_ptr<Transport>& endpoint = endpoints[index];
    World world{.transport = *endpoint,
                .index = static_cast<int>(index),
                .contributors = contributors,
                .max_body_bytes = max_body_bytes,
                .die = [&endpoint] { endpoint.reset(); }};
    try {
      scenario.play(world);
    } catch (const std::exception& error) {
      errors[index] = error.what();
    }
    endpoint.reset();
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < count; ++i) threads.emplace_back(act, i);
  act(0);
  for (std::thread& thread : threads) thread.join();
  return errors;
}

std::vector<std::string> play(const Variant& variant, const Scenario& scenario, int contributors) {
  LocalHub hub({.max_body_bytes = max_body_bytes});
  std::vector<std::unique_ptr<Transport>> endpoints;
  endpoints.push_back(variant.wrap(hub.master()));
  for (int i = 0; i < contributors; ++i) endpoints.push_back(variant.wrap(hub.join()));
  return play(scenario, std::move(endpoints));
}

using Case = std::tuple<Variant, Scenario, int>;

class Conformance : public testing::TestWithParam<Case> {};

TEST_P(Conformance, holds) {
  const auto& [variant, scenario, contributors] = GetParam();
  const auto errors = play(variant, scenario, contributors);
  for (std::size_t i = 0; i < errors.size(); ++i) EXPECT_EQ(errors[i], "") << "endpoint " << i;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Variant& variant : variants) {
    for (const Scenario& scenario : conformance::scenarios()) {
      for (const int contributors : {0, 1, 2, 4}) {
        if (contributors >= scenario.fewest_contributors) {
          all.emplace_back(variant, scenario, contributors);
        }
      }
    }
  }
  return all;
}

std::string name_of(const testing::TestParamInfo<Case>& of) {
  const auto& [variant, scenario, contributors] = of.param;
  return std::string(variant.name) + "_" + scenario.name + "_with_" + std::to_string(contributors);
}

INSTANTIATE_TEST_SUITE_P(, Conformance, testing::ValuesIn(cases()), name_of);

/// The same with a gateway between the master and all the others.
class RelayConformance : public testing::TestWithParam<std::tuple<Scenario, int>> {};

TEST_P(RelayConformance, holds) {
  const auto& [scenario, contributors] = GetParam();
  LocalHub inner;
  LocalHub outer({.max_body_bytes = max_body_bytes});
  std::vector<std::unique_ptr<Transport>> endpoints;
  endpoints.push_back(make_relay_transport(inner.master(), {.gateways = 1}));
  for (int i = 0; i < contributors; ++i) endpoints.push_back(outer.join());
  GatewayThread gateway(inner.join(), outer.master());
  const auto errors = play(scenario, std::move(endpoints));
  for (std::size_t i = 0; i < errors.size(); ++i) EXPECT_EQ(errors[i], "") << "endpoint " << i;
  EXPECT_EQ(gateway.end(), "");
}

/// The master's view with its contributors counted from 1, whichever side they are on: odd ones
/// local, even ones remote. Scenarios begin when all have joined, and the local side has the first
/// turn: so the joins come before anything that those who joined already say.
class CountedFromOne final : public Transport {
 public:
  explicit CountedFromOne(std::unique_ptr<Transport> both) : both_(std::move(both)) {}

  void send(PeerId to, Message message) override { both_->send(inner(to), std::move(message)); }
  std::optional<Event> poll(std::chrono::microseconds patience) override {
    auto event = both_->poll(patience);
    if (!event) return event;
    const bool local = event->peer.value >= local_peer_base;
    const std::uint32_t number = local ? event->peer.value - local_peer_base : event->peer.value;
    event->peer.value = 2 * number - (local ? 1 : 0);
    return event;
  }
  void wake() override { both_->wake(); }
  void drop(PeerId peer) override { both_->drop(inner(peer)); }
  [[nodiscard]] bool flushed(PeerId peer) const override { return both_->flushed(inner(peer)); }
  [[nodiscard]] std::size_t backlog(PeerId peer) const override {
    return both_->backlog(inner(peer));
  }
  void limit_bodies(std::size_t bytes) override { both_->limit_bodies(bytes); }
  [[nodiscard]] Traffic traffic() const override { return both_->traffic(); }

 private:
  static PeerId inner(PeerId peer) {
    const std::uint32_t number = (peer.value + 1) / 2;
    return {peer.value % 2 == 1 ? number + local_peer_base : number};
  }
  std::unique_ptr<Transport> both_;
};

/// The same with a master that has contributors on two transports.
class BothConformance : public testing::TestWithParam<std::tuple<Scenario, int>> {};

TEST_P(BothConformance, holds) {
  const auto& [scenario, contributors] = GetParam();
  LocalHub local({.max_body_bytes = max_body_bytes});
  LocalHub remote({.max_body_bytes = max_body_bytes});
  std::vector<std::unique_ptr<Transport>> endpoints;
  endpoints.push_back(
      std::make_unique<CountedFromOne>(make_both_transport(local.master(), remote.master())));
  for (int i = 1; i <= contributors; ++i) {
    endpoints.push_back((i % 2 == 1 ? local : remote).join());
  }
  const auto errors = play(scenario, std::move(endpoints));
  for (std::size_t i = 0; i < errors.size(); ++i) EXPECT_EQ(errors[i], "") << "endpoint " << i;
}

std::vector<std::tuple<Scenario, int>> relay_cases() {
  std::vector<std::tuple<Scenario, int>> all;
  for (const Scenario& scenario : conformance::scenarios()) {
    for (const int contributors : {1, 3}) {
      if (contributors >= scenario.fewest_contributors) all.emplace_back(scenario, contributors);
    }
  }
  return all;
}

std::string name_of_relay(const testing::TestParamInfo<std::tuple<Scenario, int>>& of) {
  const auto& [scenario, contributors] = of.param;
  return std::string(scenario.name) + "_with_" + std::to_string(contributors);
}

INSTANTIATE_TEST_SUITE_P(, RelayConformance, testing::ValuesIn(relay_cases()), name_of_relay);
INSTANTIATE_TEST_SUITE_P(, BothConformance, testing::ValuesIn(relay_cases()), name_of_relay);

}  // namespace
}  // namespace raven
