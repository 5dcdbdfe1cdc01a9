#include "cluster/box.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "raven/cluster/gateway_sums.hpp"
#include "raven/data/digits.hpp"
#include "raven/data/import.hpp"
#include "raven/data/language.hpp"
#include "raven/data/story.hpp"
#include "raven/job/recorder.hpp"
#include "raven/tensor/fingerprint.hpp"
#include "raven/transport/relay.hpp"
#include "transport/gateway_thread.hpp"

namespace raven {
namespace {

/// Of the fingerprint alone: all processes of a box have the same kernels.
NumericsClass test_numerics() {
  return {.fingerprint = numerics_fingerprint(), .core = "test", .library = "BLAS", .vectors = "V"};
}

LayerSpec layer(const std::string& type,
                std::initializer_list<std::pair<std::string, OptionValue>> options) {
  const ModuleDef* def = find_module(type);
  EXPECT_NE(def, nullptr) << type;
  LayerSpec spec;
  spec.layer.type = type;
  for (const OptionDef& option : def->options) spec.layer.options.set(option.name, option.fallback);
  for (const auto& [name, value] : options) spec.layer.options.set(name, value);
  return spec;
}

template <class Def>
Choice choice(const Def* def, std::initializer_list<std::pair<std::string, OptionValue>> options) {
  Choice chosen;
  chosen.type = def->name;
  for (const OptionDef& option : def->options) chosen.options.set(option.name, option.fallback);
  for (const auto& [name, value] : options) chosen.options.set(name, value);
  return chosen;
}

/// Passes everything on and vanishes after so many messages that came in.
class MortalTransport final : public Transport {
 public:
  MortalTransport(std::unique_ptr<Transport> inner, int lives)
      : inner_(std::move(inner)), lives_(lives) {}

  void send(PeerId to, Message message) override {
    if (inner_) inner_->send(to, std::move(message));
  }
  std::optional<Event> poll(std::chrono::microseconds patience) override {
    if (!inner_) return Event{.kind = Event::Kind::lost, .peer = {0}, .message = {}};
    auto event = inner_->poll(patience);
    if (event && event->kind == Event::Kind::message && lives_ > 0 && --lives_ == 0) {
      inner_.reset();
      return Event{.kind = Event::Kind::lost, .peer = {0}, .message = {}};
    }
    return event;
  }
  void wake() override {
    if (inner_) inner_->wake();
  }
  void drop(PeerId peer) override {
    if (inner_) inner_->drop(peer);
  }
  [[nodiscard]] bool flushed(PeerId peer) const override {
    return !inner_ || inner_->flushed(peer);
  }
  void limit_bodies(std::size_t bytes) override {
    if (inner_) inner_->limit_bodies(bytes);
  }
  [[nodiscard]] Traffic traffic() const override { return inner_ ? inner_->traffic() : Traffic{}; }

 private:
  std::unique_ptr<Transport> inner_;
  int lives_;
};

}  // namespace

ClusterBox::ClusterBox(Data data) : data_(data) {
  folder_ = std::filesystem::temp_directory_path() /
            ("raven-box-" + std::to_string(getpid()) + "-" +
             ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::filesystem::remove_all(folder_);
  if (data == Data::digits) {
    make_digits(330, {.folder = folder_, .seed = 3});
  } else if (data == Data::text) {
    // A sentence a line, of which many begin in the middle of a lane.
    std::filesystem::create_directories(folder_);
    std::ofstream text(folder_ / "story.txt");
    for (std::uint64_t i = 0; i < 60; ++i) text << story_sentence(3, i) << '\n';
    text.close();
    import_text(folder_ / "story.txt", {.context = 6, .sequences = TextOptions::Sequences::lines},
                {.folder = folder_, .rows_per_shard = 70, .valid_fraction = 0.2});
  } else {
    // So many that a step reads few of them, and the table's gradient is kept by rows.
    make_tags(40, 1500, {.folder = folder_, .seed = 3});
  }
  training_ = std::make_shared<const Dataset>(read_manifest(folder_ / "train.yaml"));
  validation_ = std::make_shared<const Dataset>(read_manifest(folder_ / "valid.yaml"));
  train = {.seed = 7,
           .epochs = 2,
           .batch = 48,
           .snippets = 8,
           .optimizer = choice(find_optimizer("sgd"), {{"rate", 0.05}, {"momentum", 0.9}}),
           .schedule = choice(find_schedule("constant"), {}),
           .clip = {}};
  if (data == Data::sentences) {
    train.batch = 11;
    train.snippets = 4;
  }
  if (data == Data::text) {
    train.batch = 13;
    train.snippets = 4;
  }
}

ClusterBox::~ClusterBox() { std::filesystem::remove_all(folder_); }

ModelSpec ClusterBox::model_spec() const {
  if (data_ == Data::sentences) {
    const auto tags = static_cast<std::int64_t>(tag_names().size());
    const ModelSpec spec{
        .layers = {layer("embedding", {{"width", std::int64_t{6}}}),
                   layer("lstm", {{"features", std::int64_t{5}}, {"bidirectional", true}}),
                   layer("dropout", {{"rate", 0.1}}), layer("linear", {{"features", tags}})},
        .loss = choice(find_loss("cross_entropy"), {}),
        .program = program,
        .seed = 7};
    return model_for(spec, training_->schema());
  }
  if (data_ == Data::text) {
    LayerSpec tied = layer("tied_embedding", {{"width", std::int64_t{5}}});
    tied.block = {layer("lstm", {{"features", std::int64_t{4}}, {"carry", carries}}),
                  layer("dropout", {{"rate", 0.1}}),
                  layer("gru", {{"features", std::int64_t{5}}, {"carry", carries}})};
    const ModelSpec spec{
        .layers = {tied}, .loss = choice(find_loss("cross_entropy"), {}), .seed = 7};
    return model_for(spec, training_->schema());
  }
  ModelSpec spec{
      .layers = {layer("flatten", {}), layer("linear", {{"features", std::int64_t{24}},
                                                        {"activation", std::string("relu")}})},
      .loss = choice(find_loss("cross_entropy"), {}),
      .seed = 7};
  if (batch_norm) spec.layers.push_back(layer("batch_norm", {}));
  spec.layers.push_back(layer("dropout", {{"rate", 0.1}}));
  spec.layers.push_back(layer("linear", {{"features", std::int64_t{10}}}));
  return spec;
}

ParameterStore ClusterBox::fresh_parameters() const {
  ParameterStore store;
  const Model model(model_spec(), row_of_features(training_->schema()),
                    row_of_targets(training_->schema()), store);
  return store;
}

MasterSetup ClusterBox::setup() const {
  auto types = std::make_shared<ParameterStore>();
  auto model = std::make_shared<const Model>(model_spec(), row_of_features(training_->schema()),
                                             row_of_targets(training_->schema()), *types);
  const auto offer = [](const Dataset& dataset) {
    return DatasetOffer{.manifest = dataset.manifest().file.string(),
                        .identity = dataset.manifest().identity(),
                        .rows = dataset.size(),
                        .schema = dataset.schema()};
  };
  RecordSample record_sample;
  if (model->by_sample()) {
    record_sample =
        [recorder = std::make_shared<Recorder>(
             model, std::vector<std::shared_ptr<const Dataset>>{training_, validation_})](
            auto... sample) { return (*recorder)(sample...); };
    if (wraps_recording) record_sample = wraps_recording(record_sample);
  }
  return {.train = train,
          .contributors = contributors,
          .record = [types, model](std::int64_t rows,
                                   Tape::Mode mode) { return model->record(*types, rows, mode); },
          .record_sample = std::move(record_sample),
          .autobatch = autobatch,
          .length = [train_set = training_](
                        std::int64_t sample) { return train_set->extent(sample).tokens; },
          .records_ahead = records_ahead,
          .most_sample_graphs = most_sample_graphs,
          .most_sample_graph_bytes = most_sample_graph_bytes,
          .datasets = {offer(*training_), offer(*validation_)},
          .raw_rows =
              [train_set = training_, valid_set = validation_](
                  std::uint32_t dataset, std::span<const std::int64_t> samples) {
                const Dataset& from = dataset == 0 ? *train_set : *valid_set;
                Bytes rows(from.raw_bytes(samples));
                from.gather_raw(samples, rows);
                return Blob(std::move(rows));
              },
          .carried = model->carried(),
          .begins_text =
              [train_set = training_, valid_set = validation_](std::uint32_t dataset,
                                                               std::int64_t sample) {
                return (dataset == 0 ? *train_set : *valid_set).begins_sequence(sample);
              },
          .numerics = test_numerics(),
          .earlier_fingerprint = {},
          .training_digest = {},
          .others_may_come = others_may_come,
          .session = session,
          .checkpoint_every = std::chrono::hours(1)};
}

ClusterBox::Result ClusterBox::run(const std::vector<Contribution>& contributions,
                                   const Checkpoint* resume, std::uint64_t stop_after,
                                   const std::vector<Message>& intrusion) {
  ComputePool compute(2);
  BufferPool buffers;
  LocalHub hub;
  std::unique_ptr<Transport> transport = hub.master();
  std::vector<LocalHub> outside(static_cast<std::size_t>(gateways));
  std::vector<std::unique_ptr<GatewayThread>> inside;
  if (gateways > 0) {
    transport =
        make_relay_transport(std::move(transport), {.gateways = gateways, .first_newcomer = 1000});
    for (LocalHub& door : outside) {
      inside.push_back(
          std::make_unique<GatewayThread>(hub.join(), door.master(), make_gateway_sums()));
    }
  }
  Master master(setup(), fresh_parameters(), compute, buffers, resume,
                std::chrono::steady_clock::now());
  Result result;

  // Before anybody else says a word, so that it is heard whatever the threads do.
  const std::unique_ptr<Transport> intruder = hub.join();
  for (const Message& message : intrusion) intruder->send({0}, message);

  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < contributions.size(); ++i) {
    LocalHub& door = outside.empty() ? hub : outside[i % outside.size()];
    // Joined here: a thread may begin only when the run is over.
    threads.emplace_back([contribution = contributions[i], joined = door.join()]() mutable {
      ComputePool pool(contribution.threads);
      BufferPool memory;
      MortalTransport endpoint(std::move(joined), contribution.dies_after);
      ContributorSetup contributor{
          .hello = {.numerics = test_numerics(),
                    .node = "box",
                    .threads = static_cast<std::uint32_t>(contribution.threads)},
          .open_dataset = open_offered_dataset};
      if (!contribution.reads_shards) {
        contributor.open_dataset = [](const DatasetOffer&, std::uint64_t) {
          return SampleSource();
        };
      }
      drive_contributor(std::move(contributor), endpoint, pool, memory, [] { return false; });
    });
  }
  const MasterHooks hooks{
      .on_event =
          [&](const RunEvent& event) {
            result.events.push_back(event);
            if (stop_after > 0 && master.progress().step >= stop_after) master.request_stop();
          },
      .on_checkpoint = [&](Checkpoint checkpoint) { result.checkpoint = std::move(checkpoint); },
      .on_progress = [](const MasterProgress&) {},
      .stop_requested = [&] { return stop_after > 0 && master.progress().step >= stop_after; }};
  try {
    drive_master(master, *transport, hooks);
  } catch (...) {
    transport.reset();  // contributors see their master go, and end
    threads.clear();
    throw;
  }
  transport.reset();
  threads.clear();
  result.weights = master.parameters().digest();
  result.history = master.history().kept();
  result.stopped_early = master.stopped_early();
  return result;
}

}  // namespace raven
