#include "simulate/run.hpp"

#include <algorithm>
#include <utility>

#include "raven/cluster/drive.hpp"
#include "raven/core/error.hpp"
#include "simulate/chaos.hpp"

namespace raven::simulated {
namespace {

constexpr std::chrono::milliseconds tick_interval{100};
/// What a step takes when everybody is there, so that runs last long enough for faults to happen.
constexpr double usual_step_seconds = 0.4;
/// What a run may take after its last fault, beside its steps.
constexpr double patience_seconds = 600;

}  // namespace

Run::Run(Stock& stock, const SimulationPlan& plan)
    : stock_(stock),
      plan_(plan),
      world_(plan.seed, stock.executor),
      disk_(world_, stock.scratch),
      setup_(stock.training.setup) {
  world_.trace = plan.trace;
  // Paths differ from machine to machine; traces must not.
  for (DatasetOffer& offer : setup_.datasets) offer.manifest = "data.yaml";
  setup_.contributors.min = std::min(setup_.contributors.min, plan.contributors);
  const auto milliseconds_between = [&](double low, double high) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(world_.time_between(low, high));
  };
  setup_.contributors.lease = milliseconds_between(0.8, 20);
  setup_.checkpoint_every = milliseconds_between(0.2, 8);
}

Run::~Run() = default;

SimulationResult Run::to_the_end() {
  start_master();
  for (int place = 0; place < plan_.contributors; ++place) {
    world_.agenda.after(world_.time_between(1e-4, 1.0), [this, place] { join(place); });
  }
  const double usual_seconds = usual_step_seconds * static_cast<double>(master_->progress().steps);
  Chaos chaos(*this, plan_.faults, seconds(usual_seconds));
  chaos.plan();
  const Instant latest = chaos.last() + seconds(patience_seconds + 10 * usual_seconds);
  try {
    while (result_.difference.empty() && !(trained_ && everybody_is_home())) {
      if (!world_.agenda.advance() || world_.agenda.now() > latest) {
        result_.difference = trained_ ? "a contributor stayed when all was done"
                                      : "the run got stuck at step " +
                                            std::to_string(master_ ? master_->progress().step : 0);
      }
    }
  } catch (const InputError& error) {
    blame(std::string("the master gave up: ") + error.what());
  }
  result_.virtual_seconds =
      std::chrono::duration<double>(world_.agenda.now().time_since_epoch()).count() - 1000;
  result_.events = world_.agenda.done();
  result_.masters = masters_;
  result_.contributors = peers_.size();
  result_.faults = chaos.done();
  return std::move(result_);
}

std::vector<Peer*> Run::alive() {
  std::vector<Peer*> found;
  for (const auto& peer : peers_) {
    if (peer->process->alive()) found.push_back(peer.get());
  }
  return found;
}

double Run::usual_speed() const {
  return static_cast<double>(setup_.train.batch) / usual_step_seconds / plan_.contributors;
}

ContributorSetup Run::contributor_setup(const ContributorTraits& traits,
                                        std::shared_ptr<const bool> readable) const {
  ContributorSetup setup{.hello = {.numerics = setup_.numerics,
                                   .node = traits.name,
                                   .pid = 1,
                                   .threads = traits.threads},
                         .open_dataset = {}};
  if (traits.reads_shards) {
    setup.open_dataset = [this, readable](const DatasetOffer& offer, std::uint64_t) {
      const Training& training = stock_.training;
      const bool is_train = offer.identity == training.train->manifest().identity();
      return [source = source_of(is_train ? training.train : training.valid), readable](
                 std::span<const std::int64_t> samples, const RowViews& to) {
        return *readable ? source(samples, to) : "the disk of the shards is gone";
      };
    };
  } else {
    setup.open_dataset = [](const DatasetOffer&, std::uint64_t) { return SampleSource(); };
  }
  return setup;
}

void Run::join(int place) {
  if (trained_) return;
  if (!master_) {
    return world_.agenda.after(world_.time_between(0.1, 1.0), [this, place] { join(place); });
  }
  peers_.push_back(std::make_unique<Peer>());
  Peer& peer = *peers_.back();
  peer.id = {static_cast<std::uint32_t>(peers_.size())};
  peer.place = place;
  peer.master = masters_;
  peer.end_is_seen = world_.chance(0.5);
  ContributorTraits traits;
  traits.name = "c" + std::to_string(peer.id.value);
  traits.rows_per_second = usual_speed() * world_.between(0.3, 3);
  traits.threads = 1 + world_.random.below(8);
  traits.reads_shards = world_.chance(0.7);
  world_.note([&] { return traits.name + " joins"; });
  peer.up = std::make_unique<Lane>(world_, traits.name + " -> master", [this, &peer](Event event) {
    event.peer = peer.id;
    tell_master(peer, std::move(event));
  });
  peer.down = std::make_unique<Lane>(world_, "master -> " + traits.name,
                                     [&peer](const Event& event) { peer.process->receive(event); });
  peer.up->hold_until(master_sleeps_until_);
  ContributorHooks hooks{
      .send = [&peer](Message message) { peer.up->send(std::move(message)); },
      .ended = [this, &peer](ContributorHooks::End how,
                             const std::string& why) { contributor_ended(peer, how, why); }};
  ContributorSetup setup = contributor_setup(traits, peer.shards_readable);
  peer.process = std::make_unique<ContributorProcess>(world_, std::move(traits), std::move(setup),
                                                      std::move(hooks));
  peer.process->begin();
}

void Run::contributor_ended(Peer& peer, ContributorHooks::End how, const std::string& why) {
  if (why.starts_with("the master sent") && !plan_.faults.has_attacks()) {
    blame("a contributor distrusted the honest master: " + why);
  }
  if (how == ContributorHooks::End::died && world_.chance(0.3)) {
    peer.up->lose_last(world_.random.below(6));
  }
  if (peer.end_is_seen) peer.up->end("its connection closed");
  peer.down->close();
  if (peer.place < 0 || trained_) return;
  world_.agenda.after(world_.time_between(0.02, 3), [this, place = peer.place] { join(place); });
}

void Run::start_master() {
  ++masters_;
  master_sleeps_until_ = {};
  const std::optional<Checkpoint> checkpoint = disk_.newest();
  world_.note([&] {
    return "master " + std::to_string(masters_) + " starts at step " +
           std::to_string(checkpoint ? checkpoint->step : 0);
  });
  master_ =
      std::make_unique<Master>(setup_, stock_.training.parameters, stock_.compute, stock_.buffers,
                               checkpoint ? &*checkpoint : nullptr, world_.agenda.now());
  world_.agenda.after({}, [this, number = masters_] { tick_master(number); });
}

void Run::tick_master(std::uint64_t number) {
  if (!master_ || number != masters_) return;
  const Instant now = world_.agenda.now();
  if (now < master_sleeps_until_) {
    return world_.agenda.at(master_sleeps_until_, [this, number] { tick_master(number); });
  }
  master_->tick(now, actions_);
  carry_out();
  world_.agenda.after(tick_interval, [this, number] { tick_master(number); });
}

void Run::tell_master(Peer& peer, Event event) {
  if (!master_ || peer.master != masters_) return;
  master_->on(event, world_.agenda.now(), actions_);
  master_->look_ahead();
  carry_out();
}

void Run::carry_out() {
  for (auto& [id, message] : actions_.sends) {
    Peer& peer = *peers_.at(id.value - 1);
    if (peer.process->alive()) peer.down->send(std::move(message));
  }
  for (const PeerId id : actions_.drops) {
    world_.note([&] { return "master drops c" + std::to_string(id.value); });
    peers_.at(id.value - 1)->up->close();
    peers_.at(id.value - 1)->down->close();
  }
  for (const RunEvent& event : actions_.events) {
    judge(event);
    world_.note([&] {
      std::string text = "master says: " + event.kind;
      for (const auto& [name, value] : event.fields) {
        if (const auto* words = std::get_if<std::string>(&value))
          text += ", " + name + " " + *words;
        if (const auto* count = std::get_if<std::int64_t>(&value)) {
          text += ", " + name + " " + std::to_string(*count);
        }
      }
      return text;
    });
  }
  if (actions_.checkpoint) disk_.write(std::move(*actions_.checkpoint));
  actions_ = {};
  if (master_->finished()) after_master();
}

void Run::judge(const RunEvent& event) {
  if (event.kind != "lost" || plan_.faults.has_attacks()) return;
  for (const auto& [name, value] : event.fields) {
    const auto* reason = std::get_if<std::string>(&value);
    if (reason == nullptr || name != "reason") continue;
    // Rows that come with the work can always be read.
    if (reason->starts_with("sent ") || *reason == "could not do its work twice") {
      blame("the master gave up an honest contributor: it " + *reason);
    }
  }
}

void Run::blame(const std::string& what) {
  if (result_.difference.empty()) result_.difference = what;
}

void Run::after_master() {
  const bool written = disk_.finish();
  if (!written || master_->stopped_early()) {
    // The same command is run again.
    abandon(true);
    world_.agenda.after(world_.time_between(0.05, 3), [this] { start_master(); });
    return;
  }
  trained_ = true;
  result_.weights = master_->parameters().digest();
  result_.history = master_->history().kept();
  const auto newest = disk_.newest();
  if (!newest || newest->step != master_->progress().steps) {
    blame("the last checkpoint is not that of the last step");
  }
  abandon(true);
}

void Run::abandon(bool in_order) {
  master_.reset();
  actions_ = {};
  for (const auto& peer : peers_) {
    if (peer->master != masters_) continue;
    peer->up->close();
    if (!in_order && world_.chance(0.3)) peer->down->lose_last(world_.random.below(6));
    if (peer->end_is_seen) peer->down->end("the connection closed");
  }
}

void Run::crash_master() {
  world_.note([] { return std::string("the master dies"); });
  disk_.writer_dies();
  abandon(false);
  world_.agenda.after(world_.time_between(0.05, 8), [this] { start_master(); });
}

void Run::stop_master() {
  world_.note([] { return std::string("the master is asked to stop"); });
  master_->request_stop();
}

void Run::pause_master(Duration time) {
  master_sleeps_until_ = std::max(master_sleeps_until_, world_.agenda.now() + time);
  for (const auto& peer : peers_) {
    if (peer->master == masters_) peer->up->hold_until(master_sleeps_until_);
  }
}

bool Run::everybody_is_home() const {
  return std::none_of(peers_.begin(), peers_.end(),
                      [](const auto& peer) { return peer->process->alive(); });
}

}  // namespace raven::simulated
