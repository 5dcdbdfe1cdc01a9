#include "raven/data/length_groups.hpp"

#include <algorithm>
#include <utility>

#include "raven/core/contract.hpp"
#include "raven/core/random.hpp"

namespace raven {
namespace {

constexpr std::uint32_t span_purpose = 0x4C454E53;  // keeps this stream apart from others

}  // namespace

LengthGroups::LengthGroups(const Sampler& sampler, std::int64_t batches,
                           std::function<std::int64_t(std::int64_t)> length)
    : sampler_(sampler), batches_(batches), length_(std::move(length)) {
  expects(batches > 0, "a span has batches");
}

void LengthGroups::batch_at(std::int64_t step, std::vector<std::int64_t>& samples) {
  expects(step >= 0, "a step is counted from 0");
  const std::int64_t epoch = sampler_.epoch_of(step);
  const std::int64_t of_epoch = step % sampler_.steps_per_epoch();
  if (epoch != epoch_ || of_epoch / batches_ != span_) load(epoch, of_epoch / batches_);
  samples = kept_[static_cast<std::size_t>(of_epoch % batches_)];
}

void LengthGroups::load(std::int64_t epoch, std::int64_t span) {
  const std::int64_t first = epoch * sampler_.steps_per_epoch() + span * batches_;
  const std::int64_t end = std::min(first + batches_, (epoch + 1) * sampler_.steps_per_epoch());
  std::vector<std::pair<std::int64_t, std::int64_t>> all;  // length, sample
  std::vector<std::int64_t> batch;
  for (std::int64_t step = first; step < end; ++step) {
    sampler_.batch_at(step, batch);
    for (const std::int64_t sample : batch) all.emplace_back(length_(sample), sample);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });

  RandomStream random({.seed = sampler_.seed,
                       .step = static_cast<std::uint64_t>(epoch),
                       .op = span_purpose,
                       .sample = static_cast<std::uint64_t>(span)});
  // Places of whole batches in the order of lengths, shuffled (Fisher and Yates); one that is not
  // whole lies anywhere among them and comes last.
  const std::int64_t whole = std::ssize(all) / sampler_.batch;
  const std::int64_t rest = std::ssize(all) % sampler_.batch;
  const std::int64_t rest_at = random.below(static_cast<std::uint32_t>(whole + 1));
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < whole; ++i) order.push_back(i);
  for (std::int64_t i = whole; i > 1; --i) {
    std::swap(order[static_cast<std::size_t>(i - 1)],
              order[random.below(static_cast<std::uint32_t>(i))]);
  }
  std::vector<std::vector<std::int64_t>> batches;
  const auto cut = [&](std::int64_t from, std::int64_t count) {
    std::vector<std::int64_t>& samples = batches.emplace_back();
    for (std::int64_t i = from; i < from + count; ++i) {
      samples.push_back(all[static_cast<std::size_t>(i)].second);
    }
  };
  for (const std::int64_t place : order) {
    cut(place * sampler_.batch + (place >= rest_at ? rest : 0), sampler_.batch);
  }
  if (rest > 0) cut(rest_at * sampler_.batch, rest);
  kept_ = std::move(batches);
  epoch_ = epoch;
  span_ = span;
}

}  // namespace raven
