#include "simulate/contributor_process.hpp"

#include <utility>

namespace raven::simulated {
namespace {

constexpr std::chrono::milliseconds tick_interval{100};
/// As drive_contributor has it.
constexpr std::chrono::seconds parting{10};
/// Forward alone is about a third of forward and backward.
constexpr double evaluation_speedup = 3;

std::int64_t rows_of(const SnippetBatch& batch) {
  std::int64_t rows = 0;
  for (const Snippet& snippet : batch.snippets) rows += snippet.rows;
  return rows;
}

}  // namespace

ContributorProcess::ContributorProcess(World& world, ContributorTraits traits,
                                       ContributorSetup setup, ContributorHooks hooks)
    : world_(world),
      traits_(std::move(traits)),
      hooks_(std::move(hooks)),
      contributor_(std::make_unique<Contributor>(std::move(setup), world.agenda.now())) {}

void ContributorProcess::begin() {
  ContributorActions actions;
  contributor_->begin(actions);
  carry_out(actions);
  at(world_.agenda.now() + tick_interval, [this] { tick(); });
}

void ContributorProcess::receive(const Event& event) {
  if (!alive()) return;
  ContributorActions actions;
  contributor_->on(event, world_.agenda.now(), actions);
  carry_out(actions);
}

void ContributorProcess::tick() {
  ContributorActions actions;
  contributor_->tick(world_.agenda.now(), actions);
  carry_out(actions);
  if (alive()) at(world_.agenda.now() + tick_interval, [this] { tick(); });
}

void ContributorProcess::carry_out(ContributorActions& actions) {
  for (Message& message : actions.sends) hooks_.send(std::move(message));
  if (actions.forget_before) oldest_work_ = *actions.forget_before;
  for (SnippetBatch& batch : actions.starts) waiting_.push_back(std::move(batch));
  actions = {};
  if (contributor_->finished())
    return end(ContributorHooks::End::over, std::string(contributor_->ending().why));
  if (results_.empty()) compute_next();
}

void ContributorProcess::compute_next() {
  while (!waiting_.empty() && waiting_.front().work < oldest_work_) waiting_.pop_front();
  if (waiting_.empty()) return;
  if (dies_before_) return die();
  SnippetBatch batch = std::move(waiting_.front());
  waiting_.pop_front();

  const Instant begun = world_.agenda.now();
  double speed = traits_.rows_per_second / (begun < slow_until_ ? slowness_ : 1);
  if (batch.purpose != Purpose::train) speed *= evaluation_speedup;
  const Duration whole =
      seconds(static_cast<double>(rows_of(batch)) / speed * world_.between(0.8, 1.25));
  computed_work_ = batch.work;
  world_.executor.compute(std::move(batch));
  std::vector<ComputeEvent> events;
  world_.executor.drain(events);
  const auto count = static_cast<std::int64_t>(events.size());
  for (std::int64_t i = 0; i < count; ++i) {
    ComputeEvent& event = events[static_cast<std::size_t>(i)];
    if (auto* done = std::get_if<BatchDone>(&event)) {
      done->elapsed_ns = static_cast<std::uint64_t>(whole.count());
      done->compute_ns = done->elapsed_ns;
    }
    results_.push_back(std::move(event));
    at(begun + whole * (i + 1) / count, [this] { hand_in(); });
  }
}

void ContributorProcess::hand_in() {
  ComputeEvent event = std::move(results_.front());
  results_.pop_front();
  ContributorActions actions;
  if (computed_work_ >= oldest_work_) {
    contributor_->on_computed(std::move(event), world_.agenda.now(), actions);
    if (results_left_) {
      for (Message& message : actions.sends) hooks_.send(std::move(message));
      actions.sends.clear();
      if ((*results_left_)-- == 0) return die();
    }
  }
  carry_out(actions);
}

void ContributorProcess::die() {
  if (alive()) end(ContributorHooks::End::died, "dies");
}

void ContributorProcess::leave() {
  if (!alive()) return;
  world_.note([&] { return traits_.name + " is asked to leave"; });
  ContributorActions actions;
  contributor_->leave(parting, world_.agenda.now(), actions);
  carry_out(actions);
}

void ContributorProcess::sleep_until(Instant moment) {
  sleeps_until_ = std::max(sleeps_until_, moment);
}

void ContributorProcess::slow_down(double factor, Instant until) {
  slowness_ = factor;
  slow_until_ = until;
}

void ContributorProcess::end(ContributorHooks::End how, const std::string& why) {
  world_.note([&] { return traits_.name + " ends: " + (why.empty() ? "all is done" : why); });
  contributor_.reset();
  waiting_.clear();
  hooks_.ended(how, why);
}

void ContributorProcess::at(Instant when, std::function<void()> what) {
  world_.agenda.at(when, [this, what = std::move(what)]() mutable {
    if (!alive()) return;
    if (world_.agenda.now() < sleeps_until_) return at(sleeps_until_, std::move(what));
    what();
  });
}

}  // namespace raven::simulated
