#include "raven/cluster/contributor.hpp"

#include <algorithm>
#include <deque>

#include "cluster/cached_parameters.hpp"
#include "cluster/graph_fit.hpp"
#include "cluster/graph_store.hpp"
#include "cluster/lease_rows.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

/// Beyond these the arithmetic of samplers would overflow; no honest run comes near.
constexpr std::int64_t most_rows = std::int64_t{1} << 40;
constexpr std::int64_t most_rows_per_batch = std::int64_t{1} << 24;
constexpr std::uint64_t most_steps = std::uint64_t{1} << 62;

Plan::Purpose purpose_of(const Lease& lease) {
  return lease.purpose == Purpose::train ? Plan::Purpose::training : Plan::Purpose::inference;
}

/// Random keys of a sample are numbered by its rows, of which it has fewer.
constexpr std::uint64_t keys_per_sample = std::uint64_t{1} << 24;

}  // namespace

std::string idle_contributors(std::int64_t contributors, std::int64_t snippets) {
  if (contributors <= snippets) return {};
  return std::to_string(contributors) + " contributors share the " + std::to_string(snippets) +
         " snippets of a step, so at any time " + std::to_string(contributors - snippets) +
         " of them have nothing to do; raise train.snippets in the job (another number of snippets "
         "gives other bits), or let some go";
}

struct ContributorMemory::Impl {
  Digest session = {};
  std::vector<CachedParameter> parameters;
  GraphStore graphs;
};

ContributorMemory::ContributorMemory() : impl_(std::make_unique<Impl>()) {}
ContributorMemory::~ContributorMemory() = default;

struct Contributor::Impl {
  Impl(ContributorSetup given, ContributorMemory::Impl& memory)
      : setup(std::move(given)),
        session(memory.session),
        parameters(memory.parameters),
        graphs(memory.graphs) {}

  ContributorSetup setup;
  std::optional<Welcome> welcome;
  RunOffer offer;  ///< came with it
  std::vector<SampleSource> sources;
  Digest& session;
  std::vector<CachedParameter>& parameters;
  GraphStore& graphs;
  std::deque<std::pair<Lease, Blob>> waiting;  // for parameters that are on their way
  std::uint64_t newest_work = 0;
  Instant last_heard;
  Instant last_sent;
  std::optional<Instant> leaves_at;
  bool finished = false;
  ContributorEnd ending;
  ContributorActions* out = nullptr;
  BufferPool buffers;

  void send(const AnyMessage& message, Blob body = {}) {
    out->sends.push_back(encode(message, std::move(body)));
  }

  void end(ContributorEnd::Kind kind, std::string why) {
    finished = true;
    ending = {kind, std::move(why)};
  }

  void quit(std::string why) {
    end(leaves_at ? ContributorEnd::Kind::left : ContributorEnd::Kind::lost, std::move(why));
  }

  /// Ends it when there is something wrong with what came.
  void accept(std::string problem) {
    if (!problem.empty()) quit(std::move(problem));
  }

  void on_message(const Message& message) {
    const std::optional<AnyMessage> decoded = decode(message.head);
    if (!decoded) return quit("the master sent a malformed message");
    if (const auto* greeting = std::get_if<Welcome>(&*decoded))
      return on_welcome(*greeting, message.body);
    if (const auto* finish = std::get_if<Finish>(&*decoded)) {
      if (finish->refused) {
        return end(ContributorEnd::Kind::refused, "the master refused: " + finish->reason);
      }
      // Whoever ends the run says why; whoever lets just this one go says nothing.
      const bool alone = leaves_at || finish->reason.empty();
      return end(alone ? ContributorEnd::Kind::left : ContributorEnd::Kind::over, {});
    }
    if (std::holds_alternative<Heartbeat>(*decoded)) return;
    if (!welcome) return quit("the master sent work before a welcome");
    if (const auto* graph = std::get_if<GraphMessage>(&*decoded)) {
      return accept(graphs.add_graph(graph->digest, message.body, setup.ops, setup.limits));
    }
    if (const auto* assembly = std::get_if<AssemblyMessage>(&*decoded)) {
      return accept(graphs.add_assembly(*assembly, message.body, parameters.size(), setup.limits));
    }
    if (std::holds_alternative<ForgetGraphs>(*decoded)) return graphs.forget_graphs();
    if (const auto* parameter = std::get_if<ParameterMessage>(&*decoded)) {
      return on_parameter(receive(*parameter, message.body, offer.parameters, parameters));
    }
    if (const auto* rows = std::get_if<RowsMessage>(&*decoded)) {
      return on_parameter(receive(*rows, message.body, buffers, parameters));
    }
    if (const auto* lease = std::get_if<Lease>(&*decoded)) return on_lease(*lease, message.body);
    quit("the master sent a message that only a contributor sends");
  }

  void on_welcome(const Welcome& greeting, const Blob& body) {
    if (welcome) return quit("the master said welcome twice");
    std::optional<RunOffer> offered = decode_offer(body.bytes());
    if (!offered || offered->datasets.empty() || greeting.batch < 1 ||
        greeting.batch > most_rows_per_batch ||
        (greeting.carried > 0 && greeting.order != SampleOrder::streams) ||
        std::any_of(
            offered->datasets.begin(), offered->datasets.end(),
            [](const DatasetOffer& data) { return data.rows < 1 || data.rows > most_rows; })) {
      return quit("the master's welcome makes no sense");
    }
    const std::string remark = idle_contributors(greeting.contributors, greeting.snippets);
    if (!remark.empty() && setup.tell) setup.tell(remark);
    welcome = greeting;
    offer = std::move(*offered);
    Ready ready;
    recall(greeting, ready);
    for (const DatasetOffer& data : offer.datasets) {
      sources.push_back(setup.open_dataset(data, greeting.cache_bytes));
      ready.readable.push_back(sources.back() ? 1 : 0);
    }
    send(ready);
  }

  /// Tells the master what it need not send again, and forgets what it can't mean.
  void recall(const Welcome& greeting, Ready& ready) {
    const bool same_life = session != Digest{} && session == greeting.session &&
                           parameters.size() == offer.parameters.size();
    if (!same_life) parameters.clear();
    session = greeting.session;
    parameters.resize(offer.parameters.size());
    graphs.forget_assemblies(~std::uint64_t{0});
    // Half of what may be kept is for those that come.
    graphs.forget_older_graphs(Ready::max_graphs, setup.limits.graph_bytes / 2);
    ready.graphs = graphs.graphs();
    if (same_life) ready.versions = keep_those_of(offer.parameters, parameters);
  }

  /// @param wrong with what the master sent of a parameter; null: nothing
  void on_parameter(const char* wrong) {
    if (wrong != nullptr) return quit(std::string("the master sent ") + wrong);
    start_what_can();
  }

  void on_lease(const Lease& lease, const Blob& body) {
    if (!is_sound(lease, body)) return quit("the master sent a lease that makes no sense");
    if (lease.work > newest_work) {
      newest_work = lease.work;
      out->forget_before = lease.work;
      std::erase_if(waiting, [&](const auto& entry) { return entry.first.work < lease.work; });
      graphs.forget_assemblies(lease.work);
    }
    waiting.emplace_back(lease, body);
    start_what_can();
  }

  [[nodiscard]] bool is_sound(const Lease& lease, const Blob& body) const {
    if (lease.dataset >= offer.datasets.size() || !is_tree_node(lease.node, lease.root))
      return false;
    if (lease.snippets.size() != lease.node.count || lease.versions.size() != parameters.size())
      return false;
    const DatasetOffer& data = offer.datasets[lease.dataset];
    const bool training = lease.purpose == Purpose::train;
    if (training && lease.dataset != 0) return false;
    if (lease.step > most_steps) return false;
    const std::int64_t limit = most_rows_of(lease, *welcome, data);
    std::int64_t next = lease.snippets.front().first;
    std::uint32_t index = lease.node.first;
    for (const Snippet& snippet : lease.snippets) {
      if (snippet.index != index++ || snippet.first != next || snippet.rows < 1) return false;
      if (snippet.rows > limit - snippet.first || !knows_graph_of(snippet)) return false;
      next += snippet.rows;
    }
    const std::optional<LeaseBody> apart = take_apart(lease, welcome->carried, body);
    if (!apart) return false;
    if (lease.inline_rows) {
      return ends_of_rows(data.schema, apart->rows.bytes(), next - lease.snippets.front().first)
          .has_value();
    }
    return sources[lease.dataset] != nullptr &&
           (apart->rows.empty() ||
            (training && numbers_of(apart->rows, next - lease.snippets.front().first, data.rows)));
  }

  [[nodiscard]] bool knows_graph_of(const Snippet& snippet) const {
    const auto assembly = graphs.assembly(snippet.graph);
    if (!assembly) return graphs.has_graph(snippet.graph);
    return assembly->samples.size() == static_cast<std::size_t>(snippet.rows);
  }

  void start_what_can() {
    const auto known = [&](const Snippet& snippet) { return knows_graph_of(snippet); };
    while (!waiting.empty()) {
      const Lease& next = waiting.front().first;
      // A lease is checked when it comes; what it needs may have been forgotten since.
      if (!std::all_of(next.snippets.begin(), next.snippets.end(), known)) {
        return quit("the master sent work whose graphs it had forgotten");
      }
      try {
        if (!has_parameters(next)) return;
      } catch (const InputError& error) {
        return quit(std::string("the master sent a graph that can't be run: ") + error.what());
      }
      auto [lease, body] = std::move(waiting.front());
      waiting.pop_front();
      start(lease, body);
      if (finished) return;
    }
  }

  [[nodiscard]] bool has_parameters(const Lease& lease) {
    const auto is_here = [&](ParameterId id) {
      return id.value < parameters.size() && parameters[id.value].version != Ready::no_version &&
             parameters[id.value].version == lease.versions[id.value];
    };
    return std::all_of(lease.snippets.begin(), lease.snippets.end(), [&](const Snippet& snippet) {
      const auto assembly = graphs.assembly(snippet.graph);
      const std::span<const ParameterId> needed =
          assembly ? std::span(assembly->parameters) : plan_of(lease, snippet)->parameters();
      return std::all_of(needed.begin(), needed.end(), is_here);
    });
  }

  const std::shared_ptr<const Plan>& plan_of(const Lease& lease, const Snippet& snippet) {
    return graphs.plan(snippet.graph, purpose_of(lease));
  }

  void start(const Lease& lease, const Blob& body) {
    LeaseBody apart = *take_apart(lease, welcome->carried, body);
    const DatasetOffer& data = offer.datasets[lease.dataset];
    SnippetBatch batch{.work = lease.work,
                       .purpose = lease.purpose,
                       .node = lease.node,
                       .root = lease.root,
                       .snippets = lease.snippets,
                       .plans = {},
                       .parameters = {},
                       .key = {.seed = welcome->seed, .step = lease.step},
                       .read_rows = {}};
    for (const Snippet& snippet : lease.snippets) {
      if (!add_plan(batch, lease, snippet, data.schema)) {
        return quit("the master sent a graph that does not fit the data");
      }
    }
    for (const CachedParameter& parameter : parameters) batch.parameters.push_back(parameter.value);
    if (lease.inline_rows) {
      const Snippet& last = lease.snippets.back();
      const std::int64_t count = last.first + last.rows - lease.snippets.front().first;
      batch.read_rows = reader_of_inline_rows(
          lease, data.schema, apart.rows, *ends_of_rows(data.schema, apart.rows.bytes(), count));
    } else {
      batch.read_rows = reader_of_shards(lease, *welcome, data, apart.rows, sources[lease.dataset]);
    }
    batch.states = std::move(apart.states);
    out->starts.push_back(std::move(batch));
  }

  /// @return whether the graph fits the data
  [[nodiscard]] bool add_plan(SnippetBatch& batch, const Lease& lease, const Snippet& snippet,
                              const SampleSchema& schema) {
    const auto assembly = graphs.assembly(snippet.graph);
    if (!assembly) {
      const std::shared_ptr<const Plan>& plan = plan_of(lease, snippet);
      batch.plans.emplace_back([plan] { return plan; });
      return batch_fits(plan->graph(), snippet.rows, schema, offer.parameters, welcome->carried);
    }
    batch.plans.emplace_back([assembly, purpose = purpose_of(lease)] {
      return std::make_shared<const Plan>(join_graphs(assembly->samples, assembly->autobatch),
                                          purpose);
    });
    batch.gradients = assembly->gradients;
    batch.keys_per_sample = keys_per_sample;
    const SampleGraph* last = nullptr;
    for (const std::shared_ptr<const SampleGraph>& sample : assembly->samples) {
      if (sample.get() == std::exchange(last, sample.get())) continue;
      if (!sample_fits(sample->graph(), schema, offer.parameters)) return false;
    }
    return true;
  }

  void on_computed(ComputeEvent& event) {
    if (auto* stats = std::get_if<SnippetStatsReady>(&event)) return send_stats(*stats);
    if (auto* gradient = std::get_if<GradientReady>(&event)) {
      return send(GradientMessage{.work = gradient->work,
                                  .node = gradient->node,
                                  .parameter = gradient->parameter,
                                  .form = gradient->sum.form()},
                  gradient->sum.blob());
    }
    if (auto* done = std::get_if<BatchDone>(&event)) {
      return send(DoneMessage{.work = done->work,
                              .node = done->node,
                              .compute_ns = done->compute_ns,
                              .elapsed_ns = done->elapsed_ns});
    }
    auto& failed = std::get<BatchFailed>(event);
    send(FailedMessage{
        .work = failed.work, .node = failed.node, .reason = failed.reason.substr(0, 500)});
  }

  void send_stats(const SnippetStatsReady& ready) {
    const SnippetStats& stats = ready.stats;
    Bytes body;
    for (const Tensor& statistic : stats.statistics) {
      body.insert(body.end(), statistic.bytes().begin(), statistic.bytes().end());
    }
    if (!stats.state.empty()) {
      body.insert(body.end(), stats.state.bytes().begin(), stats.state.bytes().end());
    }
    send(StatsMessage{.work = ready.work,
                      .node = ready.node,
                      .index = stats.index,
                      .loss = stats.loss,
                      .weight = stats.weight,
                      .metrics = stats.metrics},
         body.empty() ? Blob() : Blob(std::move(body)));
  }
};

Contributor::Contributor(ContributorSetup setup, Instant now) {
  if (!setup.memory) setup.memory = std::make_shared<ContributorMemory>();
  ContributorMemory::Impl& memory = *setup.memory->impl_;
  impl_ = std::make_unique<Impl>(std::move(setup), memory);
  impl_->last_heard = now;
  impl_->last_sent = now;
}

Contributor::~Contributor() = default;

void Contributor::begin(ContributorActions& actions) {
  impl_->out = &actions;
  impl_->send(impl_->setup.hello);
}

void Contributor::on(const Event& event, Instant now, ContributorActions& actions) {
  impl_->out = &actions;
  impl_->last_heard = now;
  if (event.kind == Event::Kind::lost) return impl_->quit("the master is gone");
  if (event.kind == Event::Kind::message) impl_->on_message(event.message);
}

void Contributor::on_computed(ComputeEvent event, Instant now, ContributorActions& actions) {
  impl_->out = &actions;
  impl_->last_sent = now;
  impl_->on_computed(event);
}

void Contributor::leave(std::chrono::milliseconds patience, Instant now,
                        ContributorActions& actions) {
  impl_->out = &actions;
  if (impl_->leaves_at) return;
  impl_->leaves_at = now + patience;
  // Who was never let in holds nothing, and a master whose run is complete does not answer.
  if (!impl_->welcome) return impl_->quit("asked to leave");
  impl_->send(Leave{"it was asked to"});
}

void Contributor::tick(Instant now, ContributorActions& actions) {
  impl_->out = &actions;
  if (impl_->leaves_at && now >= *impl_->leaves_at) return impl_->quit("asked to leave");
  if (!impl_->welcome) {
    if (now - impl_->last_heard > std::chrono::minutes(2))
      impl_->quit("the master does not answer");
    return;
  }
  if (now - impl_->last_sent >= impl_->welcome->heartbeat) {
    impl_->last_sent = now;
    impl_->send(Heartbeat{});
  }
  // The master gives up sooner than we do, so that nobody waits for work that has gone to others.
  if (now - impl_->last_heard > 4 * impl_->welcome->lost_after) impl_->quit("the master is silent");
}

bool Contributor::finished() const { return impl_->finished; }
const ContributorEnd& Contributor::ending() const { return impl_->ending; }

}  // namespace raven
