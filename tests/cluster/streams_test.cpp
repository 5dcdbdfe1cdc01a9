// Models that carry a state from window to window of a text, trained by a cluster.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "cluster/stage.hpp"
#include "raven/core/error.hpp"
#include "raven/data/sampler.hpp"
#include "raven/graph/plan.hpp"

namespace raven {
namespace {

using std::chrono::milliseconds;

/// h and c of the lstm, h of the gru.
constexpr std::int64_t numbers = 4 + 4 + 5;

TEST(Streams, have_the_same_weights_whoever_computes_them) {
  ClusterBox box(ClusterBox::Data::text);
  const ClusterBox::Result alone = box.run({{}});
  ASSERT_EQ(alone.history.size(), 2U);
  EXPECT_EQ(alone.history[0].train.samples, box.training()->size());
  EXPECT_EQ(alone.history[0].valid->samples, box.validation()->size());
  EXPECT_LT(alone.history[1].train.loss, alone.history[0].train.loss);
  for (const std::vector<ClusterBox::Contribution>& crowd :
       {std::vector<ClusterBox::Contribution>{{.reads_shards = false}},
        {{.threads = 2}, {.reads_shards = false}, {}},
        {{.reads_shards = false, .dies_after = 60}, {.dies_after = 20}, {}}}) {
    const ClusterBox::Result result = box.run(crowd);
    EXPECT_EQ(result.weights, alone.weights) << crowd.size();
    ASSERT_EQ(result.history.size(), 2U);
    EXPECT_EQ(result.history[1].valid->loss, alone.history[1].valid->loss) << crowd.size();
    EXPECT_EQ(result.history[1].valid->metrics, alone.history[1].valid->metrics) << crowd.size();
  }
  box.gateways = 2;
  EXPECT_EQ(box.run({{}, {.reads_shards = false}, {}}).weights, alone.weights);
  box.gateways = 0;
  box.carries = false;
  EXPECT_NE(box.run({{}}).weights, alone.weights);
}

TEST(Streams, go_on_from_a_checkpoint_in_the_middle_of_an_epoch) {
  ClusterBox box(ClusterBox::Data::text);
  const Digest whole = box.run({{}}).weights;
  const ClusterBox::Result part = box.run({{}, {}}, nullptr, 7);
  ASSERT_TRUE(part.stopped_early && part.checkpoint);
  Checkpoint checkpoint = *part.checkpoint;
  EXPECT_EQ(checkpoint.carried.shape(), (Shape{13, numbers}));
  EXPECT_EQ(box.run({{}}, &checkpoint).weights, whole);
  // The state does matter.
  checkpoint.carried = Tensor(checkpoint.carried.type());
  EXPECT_NE(box.run({{}}, &checkpoint).weights, whole);
  Tensor no_number(checkpoint.carried.type());
  no_number.values().back() = std::numeric_limits<float>::quiet_NaN();
  for (const Tensor& wrong : {Tensor(), Tensor(ValueType{DType::f32, {12, numbers}}), no_number}) {
    checkpoint.carried = wrong;
    try {
      (void)box.run({{}}, &checkpoint);
      ADD_FAILURE() << "that state can't be gone on from";
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("does not hold the state"), std::string::npos)
          << error.what();
    }
  }
}

double sum_of(const ConstView& values) {
  return std::accumulate(values.f32(), values.f32() + values.count(), 0.0);
}

/// The loss of a validation, worked out lane by lane and window by window on one thread with plans
/// of single rows.
double loss_of_lanes(const ClusterBox& box, const ParameterStore& store) {
  const auto data = box.validation();
  ParameterStore types;
  const auto without_rows = [](const ValueType& type) {
    return ValueType{type.dtype, type.shape.without_first()};
  };
  const Model model(box.model_spec(), without_rows(data->schema().features(1)),
                    without_rows(data->schema().targets(1)), types);
  const Plan plan(model.record(types, 1, Tape::Mode::inference), Plan::Purpose::inference);
  Workspace workspace(plan.workspace_bytes());
  std::vector<ConstView> parameters;
  for (const Parameter& parameter : store.all()) parameters.push_back(parameter.value.view());
  Tensor features(data->schema().features(1));
  Tensor targets(data->schema().targets(1));
  Tensor state({DType::f32, {1, numbers}});
  const std::int64_t lanes = box.train.batch;
  double loss = 0;
  double weight = 0;
  std::int64_t window = 0;
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    const std::int64_t length = data->size() / lanes + (lane < data->size() % lanes ? 1 : 0);
    for (std::int64_t i = 0; i < length; ++i, ++window) {
      if (i == 0 || data->begins_sequence(window)) std::ranges::fill(state.values(), 0.0F);
      data->read({&window, 1}, {.features = features.view(), .targets = targets.view()});
      std::array<ConstView, input_slots> inputs;
      inputs[slot_features] = std::as_const(features).view();
      inputs[slot_targets] = std::as_const(targets).view();
      inputs[slot_state] = std::as_const(state).view();
      const Bindings bindings{
          .inputs = inputs, .parameters = parameters, .gradients = {}, .key = {}};
      plan.forward(workspace, bindings);
      loss += sum_of(plan.value(workspace, bindings, *plan.graph().losses));
      weight += sum_of(plan.value(workspace, bindings, *plan.graph().weights));
      std::copy_n(plan.value(workspace, bindings, *plan.graph().state).f32(), numbers,
                  state.values().begin());
    }
  }
  return loss / weight;
}

TEST(Streams, are_evaluated_lane_by_lane_with_the_state_that_goes_on) {
  ClusterBox box(ClusterBox::Data::text);
  box.train.epochs = 1;
  const ClusterBox::Result result = box.run({{}, {}});
  ParameterStore trained = box.fresh_parameters();
  for (std::uint32_t id = 0; id < trained.size(); ++id) {
    (void)trained.take({id});
    trained.replace({id}, result.checkpoint->tensors[id].value, 1);
  }
  EXPECT_NEAR(result.history[0].valid->loss, loss_of_lanes(box, trained), 1e-6);
}

TEST(Streams, a_run_that_ends_within_an_epoch_validates_the_weights_that_it_ends_with) {
  ClusterBox box(ClusterBox::Data::text);
  const Sampler sampler{
      .size = box.training()->size(), .batch = box.train.batch, .order = SampleOrder::streams};
  box.train.max_steps = sampler.steps_per_epoch() + 2;
  const ClusterBox::Result result = box.run({{}, {}});
  ASSERT_EQ(result.history.size(), 2U);
  const EpochResult& last = result.history.back();
  EXPECT_EQ(result.history[0].step, static_cast<std::uint64_t>(sampler.steps_per_epoch()));
  EXPECT_EQ(last.step, static_cast<std::uint64_t>(box.train.max_steps));
  EXPECT_EQ(last.epoch, 2);
  EXPECT_EQ(last.train.samples, 2 * box.train.batch);
  ParameterStore trained = box.fresh_parameters();
  for (std::uint32_t id = 0; id < trained.size(); ++id) {
    (void)trained.take({id});
    trained.replace({id}, result.checkpoint->tensors[id].value, 1);
  }
  const double right = loss_of_lanes(box, trained);
  EXPECT_NEAR(last.valid.value().loss, right, 1e-6);
  EXPECT_GT(std::abs(result.history[0].valid.value().loss - right), 1e-4);
}

TEST(Streams, statistics_with_a_state_of_another_size_cost_the_sender_its_place) {
  ClusterBox box(ClusterBox::Data::text);
  for (const std::int64_t bytes : {-4, 4}) {
    Stage stage(box);
    stage.greets(1);
    const Lease lease = stage.last<Lease>(1).value();
    const Welcome welcome = stage.last<Welcome>(1).value();
    EXPECT_EQ(welcome.carried, numbers);
    EXPECT_EQ(welcome.order, SampleOrder::streams);
    const StatsMessage stats{
        .work = lease.work,
        .node = lease.node,
        .index = lease.node.first,
        .loss = 1,
        .weight = 6,
        .metrics = std::vector<double>(box.setup().record(1, Tape::Mode::training).metrics.size())};
    const std::int64_t right = lease.snippets[0].rows * numbers * 4;
    stage.says(1, stats, Blob(Bytes(static_cast<std::size_t>(right))));
    EXPECT_FALSE(stage.dropped(1));
    stage.says(1, stats, Blob(Bytes(static_cast<std::size_t>(right + bytes))));
    EXPECT_TRUE(stage.dropped(1)) << bytes;
  }
}

/// Whether a contributor begins work on a lease of two rows whose body has so many bytes.
bool begins(const ClusterBox& box, std::size_t bytes, bool state_in_graph = true) {
  const MasterSetup setup = box.setup();
  ClusterBox other(ClusterBox::Data::text);
  other.carries = state_in_graph;
  const Blob graph(encode(other.setup().record(2, Tape::Mode::training)));
  RunOffer offer{.datasets = setup.datasets, .parameters = {}};
  const ParameterStore parameters = box.fresh_parameters();
  for (const Parameter& parameter : parameters.all()) {
    offer.parameters.push_back(parameter.value.type());
  }
  Contributor contributor({.hello = {.threads = 1}, .open_dataset = open_offered_dataset}, {});
  ContributorActions actions;
  contributor.begin(actions);
  const auto hear = [&](const AnyMessage& message, Blob body = {}) {
    contributor.on({Event::Kind::message, {0}, encode(message, std::move(body)), {}}, {}, actions);
  };
  hear(Welcome{.batch = 13, .order = SampleOrder::streams, .carried = numbers}, encode(offer));
  hear(GraphMessage{digest_of(graph.bytes())}, graph);
  for (std::uint32_t id = 0; id < offer.parameters.size(); ++id) {
    hear(ParameterMessage{.id = {id}, .version = 0}, Blob(Bytes(offer.parameters[id].bytes())));
  }
  hear(Lease{.work = 1,
             .node = {0, 1},
             .root = {0, 1},
             .snippets = {{.index = 0, .graph = digest_of(graph.bytes()), .first = 0, .rows = 2}},
             .versions = std::vector<std::uint64_t>(offer.parameters.size())},
       Blob(Bytes(bytes)));
  EXPECT_NE(contributor.finished(), actions.starts.size() == 1);
  return !contributor.finished();
}

TEST(Streams, a_lease_whose_state_is_of_another_size_is_not_begun) {
  const ClusterBox box(ClusterBox::Data::text);
  constexpr std::size_t right = 2 * numbers * 4;
  EXPECT_TRUE(begins(box, right));
  for (const std::size_t wrong : {std::size_t{0}, right - 4, right + 4, 2 * right}) {
    EXPECT_FALSE(begins(box, wrong)) << wrong;
  }
  EXPECT_FALSE(begins(box, right, false)) << "a graph that carries nothing";
}

TEST(Streams, a_welcome_with_a_state_but_no_streams_makes_no_sense) {
  const ClusterBox box(ClusterBox::Data::text);
  const RunOffer offer{.datasets = {box.setup().datasets.front()}, .parameters = {}};
  for (const SampleOrder order : {SampleOrder::shuffled, SampleOrder::streams}) {
    Contributor contributor({.hello = {.threads = 1}, .open_dataset = open_offered_dataset}, {});
    ContributorActions actions;
    contributor.begin(actions);
    contributor.on({Event::Kind::message,
                    {0},
                    encode(Welcome{.batch = 4, .order = order, .carried = 3}, encode(offer)),
                    {}},
                   {}, actions);
    EXPECT_EQ(contributor.finished(), order != SampleOrder::streams);
  }
}

}  // namespace
}  // namespace raven
