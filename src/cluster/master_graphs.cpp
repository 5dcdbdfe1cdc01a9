// What snippets are made of: graphs for so many rows, or one for each sample.
#include <algorithm>

#include "cluster/master_impl.hpp"
#include "raven/graph/plan.hpp"

namespace raven {

const RecordedGraph& Master::Impl::recorded(std::int64_t rows, Tape::Mode mode) {
  const std::pair key(rows, mode == Tape::Mode::training);
  if (const auto found = graph_of_rows.find(key); found != graph_of_rows.end())
    return *found->second;

  Graph graph = setup.record(rows, mode);
  auto kept = std::make_unique<RecordedGraph>();
  kept->bytes = Blob(encode(graph));
  kept->digest = digest_of(kept->bytes.bytes());
  for (const Metric& metric : graph.metrics) kept->metric_names.push_back(metric.name);
  kept->statistics = graph.statistics;
  for (const Statistic& statistic : graph.statistics) {
    kept->statistic_types.push_back(type_of(graph, statistic.value));
  }
  const Plan plan(std::move(graph),
                  key.second ? Plan::Purpose::training : Plan::Purpose::inference);
  kept->parameters.assign(plan.parameters().begin(), plan.parameters().end());
  kept->gradients.assign(plan.gradients().begin(), plan.gradients().end());
  auto& place = graphs[kept->digest];
  if (!place) place = std::move(kept);
  graph_of_rows[key] = place.get();
  return *place;
}

std::vector<std::int64_t> Master::Impl::samples_of(Purpose purpose, std::uint64_t of_step,
                                                   std::int64_t rows) {
  std::vector<std::int64_t> samples;
  if (purpose == Purpose::train) {
    const auto batch = static_cast<std::int64_t>(of_step);
    length_groups ? length_groups->batch_at(batch, samples) : sampler.batch_at(batch, samples);
  } else if (carries()) {
    valid_sampler.batch_at(static_cast<std::int64_t>(of_step), samples);
  } else {
    for (std::int64_t i = 0; i < rows; ++i) samples.push_back(i);
  }
  return samples;
}

Master::Impl::Assembled Master::Impl::assemble(Purpose purpose, std::uint64_t of_step,
                                               std::vector<Snippet> pieces) {
  const bool training = purpose == Purpose::train;
  const Tape::Mode mode = training ? Tape::Mode::training : Tape::Mode::inference;
  const std::int64_t rows = pieces.back().first + pieces.back().rows;
  Assembled all;
  all.step = of_step;
  all.samples = samples_of(purpose, of_step, rows);
  std::vector<std::shared_ptr<const RecordedSample>> recordings;
  for (const std::int64_t sample : all.samples) {
    Recording recording = setup.record_sample(training ? 0 : 1, sample, mode, model.parameters());
    all.used_values = all.used_values || recording.used_values;
    recordings.push_back(std::move(recording.graph));
  }
  std::vector<ParameterId>& parameters = all.graph.parameters;
  std::vector<ParameterId>& gradients = all.graph.gradients;
  const RecordedSample* last = nullptr;
  for (const auto& recording : recordings) {
    if (recording.get() == std::exchange(last, recording.get())) continue;
    const auto add = [](std::vector<ParameterId>& to, std::span<const ParameterId> ids) {
      if (std::includes(to.begin(), to.end(), ids.begin(), ids.end())) return;
      const auto middle = static_cast<std::ptrdiff_t>(to.size());
      to.insert(to.end(), ids.begin(), ids.end());
      std::inplace_merge(to.begin(), to.begin() + middle, to.end());
      to.erase(std::unique(to.begin(), to.end()), to.end());
    };
    add(parameters, recording->parameters.read);
    if (training) add(gradients, recording->parameters.learnt);
  }
  all.graph.metric_names = recordings.front()->metric_names;
  for (Snippet& piece : pieces) {
    Assembly assembly{
        .autobatch = setup.autobatch, .graphs = {}, .of_sample = {}, .gradients = gradients};
    RecordedAssembly recorded;
    std::unordered_map<Digest, std::uint32_t, DigestHash> places;
    for (std::int64_t i = piece.first; i < piece.first + piece.rows; ++i) {
      const auto& recording = recordings[static_cast<std::size_t>(i)];
      const auto [found, fresh] =
          places.try_emplace(recording->digest, static_cast<std::uint32_t>(assembly.graphs.size()));
      if (fresh) {
        assembly.graphs.push_back(recording->digest);
        recorded.graphs.push_back(recording);
      }
      assembly.of_sample.push_back(found->second);
    }
    recorded.bytes = Blob(encode(assembly));
    piece.graph = digest_of(recorded.bytes.bytes());
    all.assemblies[piece.graph] = std::move(recorded);
  }
  all.pieces = std::move(pieces);
  return all;
}

void Master::Impl::look_ahead() {
  if (!setup.record_sample || !setup.records_ahead || graphs_follow_values || finished || !phase) {
    return;
  }
  if (phase->purpose != Purpose::train || is_last_step()) return;
  const std::uint64_t next = step + 1;
  if (looked_ahead_to == next) return;
  looked_ahead_to = next;
  try {
    ahead = assemble(
        Purpose::train, next,
        cut_batch(sampler.batch_size(static_cast<std::int64_t>(next)), setup.train.snippets));
  } catch (const InputError&) {
    // A program may refuse what it sees of parameters of which only some are updated. Whether there
    // is anything wrong shows when the step begins.
    ahead.reset();
    return;
  }
  // Values were those of before the update: what followed from them is recorded again.
  graphs_follow_values = ahead->used_values;
  if (graphs_follow_values) ahead.reset();
}

void Master::Impl::begin_phase(std::vector<Snippet> pieces) {
  const bool training = phase->purpose == Purpose::train;
  if (!setup.record_sample) {
    const Tape::Mode mode = training ? Tape::Mode::training : Tape::Mode::inference;
    for (Snippet& piece : pieces) piece.graph = recorded(piece.rows, mode).digest;
    const RecordedGraph& graph = *graphs.at(pieces.front().graph);
    phase->begin(std::move(pieces), graph, model.parameters(), state_to_begin_with());
    return;
  }
  if (training && ahead && ahead->step == phase->step) {
    now_assembled = std::move(*std::exchange(ahead, std::nullopt));
  } else {
    now_assembled = assemble(phase->purpose, phase->step, std::move(pieces));
    graphs_follow_values = graphs_follow_values || now_assembled.used_values;
  }
  phase->begin(now_assembled.pieces, now_assembled.graph, model.parameters());
}

void Master::Impl::send_graphs(Member& member, const Snippet& snippet) {
  if (!setup.record_sample) {
    if (member.graphs.insert(snippet.graph).second) {
      send(member.peer, GraphMessage{snippet.graph}, graphs.at(snippet.graph)->bytes);
    }
    return;
  }
  const RecordedAssembly& assembly = now_assembled.assemblies.at(snippet.graph);
  std::size_t more = 0;
  std::size_t more_bytes = 0;
  for (const auto& recording : assembly.graphs) {
    if (member.graphs.contains(recording->digest)) continue;
    ++more;
    more_bytes += recording->bytes.size();
  }
  if (!member.graphs.empty() && (member.graphs.size() + more > setup.most_sample_graphs ||
                                 member.graph_bytes + more_bytes > setup.most_sample_graph_bytes)) {
    member.graphs.clear();
    member.graph_bytes = 0;
    send(member.peer, ForgetGraphs{});
  }
  for (const auto& recording : assembly.graphs) {
    if (!member.graphs.insert(recording->digest).second) continue;
    member.graph_bytes += recording->bytes.size();
    send(member.peer, GraphMessage{recording->digest}, recording->bytes);
  }
  send(member.peer, AssemblyMessage{snippet.graph, phase->work}, assembly.bytes);
}

}  // namespace raven
