#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cluster/box.hpp"
#include "raven/cluster/contributor.hpp"

namespace raven {

/// Drives a contributor by hand, as a master would: it gets its rows with the work, which are the
/// first samples of the box's training data.
class Listener {
 public:
  /// One that was not welcomed yet.
  explicit Listener(const ClusterBox& box, const ContributorLimits& limits = {})
      : setup_(box.setup()),
        contributor_(std::make_unique<Contributor>(
            ContributorSetup{
                .hello = {.threads = 1},
                .limits = limits,
                .open_dataset = [](const DatasetOffer&, std::uint64_t) { return SampleSource(); }},
            now_)) {
    contributor_->begin(actions_);
  }
  /// One that was told of a model's parameters.
  Listener(const ClusterBox& box, const ParameterStore& parameters,
           const ContributorLimits& limits = {})
      : Listener(box, limits) {
    RunOffer offer{.datasets = setup_.datasets, .parameters = {}};
    for (const Parameter& parameter : parameters.all()) {
      offer.parameters.push_back(parameter.value.type());
    }
    versions_.assign(offer.parameters.size(), 1);
    hears(Welcome{.seed = 5, .batch = setup_.train.batch}, encode(offer));
  }

  void hears(const AnyMessage& message, Blob body = {}) {
    if (contributor_->finished()) return;
    contributor_->on({Event::Kind::message, {0}, encode(message, std::move(body)), {}}, now_,
                     actions_);
  }
  void hears_parameter(const ParameterStore& store, ParameterId id) {
    hears(ParameterMessage{.id = id, .version = 1}, store[id].value.blob());
  }
  void hears_parameters(const ParameterStore& store) {
    for (std::uint32_t id = 0; id < store.size(); ++id) hears_parameter(store, {id});
  }
  /// Gets a lease of snippets that each have so many samples.
  void leases(std::uint64_t work, const std::vector<Digest>& graphs, std::int64_t rows,
              Purpose purpose = Purpose::train) {
    const SnippetRange node{0, static_cast<std::uint32_t>(graphs.size())};
    Lease lease{.work = work,
                .purpose = purpose,
                .inline_rows = true,
                .node = node,
                .root = node,
                .versions = versions_};
    std::vector<std::int64_t> samples;
    for (const Digest& graph : graphs) {
      lease.snippets.push_back({.index = static_cast<std::uint32_t>(lease.snippets.size()),
                                .graph = graph,
                                .first = static_cast<std::int64_t>(samples.size()),
                                .rows = rows});
      for (std::int64_t i = 0; i < rows; ++i) {
        samples.push_back(static_cast<std::int64_t>(samples.size()));
      }
    }
    hears(lease, setup_.raw_rows(0, samples));
  }

  /// The same of parameters of no version.
  void leases_without_versions(std::uint64_t work, const std::vector<Digest>& graphs,
                               std::int64_t rows) {
    const auto known =
        std::exchange(versions_, std::vector<std::uint64_t>(versions_.size(), Ready::no_version));
    leases(work, graphs, rows);
    versions_ = known;
  }

  /// Why it ended; empty while it goes on.
  [[nodiscard]] std::string why() const {
    return contributor_->finished() ? contributor_->ending().why : "";
  }
  /// What it would have computed by now.
  [[nodiscard]] std::vector<SnippetBatch>& batches() { return actions_.starts; }

 private:
  Instant now_{std::chrono::hours(12)};
  MasterSetup setup_;
  std::unique_ptr<Contributor> contributor_;
  ContributorActions actions_;
  std::vector<std::uint64_t> versions_;
};

/// All that comes out of a batch.
inline std::vector<ComputeEvent> computed(SnippetBatch batch) {
  ComputePool pool(1);
  BufferPool buffers;
  Executor executor(pool, buffers, [] {});
  executor.compute(std::move(batch));
  std::vector<ComputeEvent> events;
  executor.drain(events);
  return events;
}

}  // namespace raven
