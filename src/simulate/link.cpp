#include "simulate/link.hpp"

#include <utility>

#include "raven/cluster/protocol.hpp"

namespace raven::simulated {
namespace {

constexpr double bytes_per_second = 100e6;

std::string_view name_of(FaultKind kind) {
  return fault_table()[static_cast<std::size_t>(kind)].name;
}

/// A random place below a size. @pre size > 0
std::size_t place(World& world, std::size_t size) {
  return world.random.below(
      static_cast<std::uint32_t>(std::min<std::size_t>(size, std::uint32_t{1} << 31)));
}

bool is_graph(const Message& message) {
  const auto decoded = decode(message.head);
  return decoded && (std::holds_alternative<GraphMessage>(*decoded) ||
                     std::holds_alternative<AssemblyMessage>(*decoded));
}

void flip_one(World& world, Bytes& bytes) {
  bytes[place(world, bytes.size())] ^= std::byte{1} << world.random.below(8);
}

}  // namespace

void Lane::send(Message message) {
  if (closed_ || cut_) return;
  Duration latency = world_.time_between(20e-6, 400e-6) +
                     seconds(static_cast<double>(message.body.size()) / bytes_per_second);
  std::optional<FaultKind> fault;
  if (armed_ && skip_-- == 0) fault = std::exchange(armed_, std::nullopt);
  if (fault) {
    world_.note(
        [&] { return name_ + ": " + std::string(name_of(*fault)) + ": " + in_words(message); });
    if (*fault == FaultKind::drop) {
      cut_ = true;
      return;
    }
    if (*fault == FaultKind::reorder) {
      overtaken_ = std::move(message);
      return;
    }
    if (*fault == FaultKind::delay) latency += world_.time_between(0.02, 9.0);
    meet(*fault, message);
  }
  if (fault == FaultKind::duplicate) {
    post({Event::Kind::message, {}, message}, latency);
    latency = world_.time_between(20e-6, 2.0);
  }
  post({Event::Kind::message, {}, std::move(message)}, latency);
  if (overtaken_) {
    post({Event::Kind::message, {}, std::move(*std::exchange(overtaken_, std::nullopt))}, {});
  }
}

void Lane::end(const std::string& reason) {
  if (closed_ || cut_) return;
  post({Event::Kind::lost, {}, {}, reason}, world_.time_between(100e-6, 20e-3));
}

void Lane::lose_last(std::size_t count) {
  while (count-- > 0 && !under_way_.empty()) under_way_.pop_back();
}

void Lane::close() {
  closed_ = true;
  under_way_.clear();
  overtaken_.reset();
}

bool Lane::arm(FaultKind kind, std::uint32_t skip) {
  switch (kind) {
    case FaultKind::drop:
    case FaultKind::delay:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::corrupt:
    case FaultKind::truncate:
    case FaultKind::tamper:
      armed_ = kind;
      skip_ = skip;
      return true;
    default:
      return false;
  }
}

void Lane::meet(FaultKind kind, Message& message) {
  if (kind == FaultKind::corrupt) {
    flip_bit(message, false);
  } else if (kind == FaultKind::truncate) {
    shorten(message);
  } else if (kind == FaultKind::tamper && !flip_bit(message, true)) {
    // Heads and graphs would be found out: it is the next tensor's turn.
    armed_ = kind;
    skip_ = 0;
  }
}

bool Lane::flip_bit(Message& message, bool in_tensor) {
  const bool graph = is_graph(message);
  if (in_tensor ? message.body.empty() || graph : !graph || world_.chance(0.5)) {
    if (in_tensor) return false;
    flip_one(world_, message.head);
    return true;
  }
  Bytes body(message.body.bytes().begin(), message.body.bytes().end());
  flip_one(world_, body);
  message.body = Blob(std::move(body));
  return true;
}

void Lane::shorten(Message& message) {
  if (!message.body.empty() && world_.chance(0.5)) {
    const std::size_t left = place(world_, message.body.size());
    message.body = Blob(message.body.owner(), message.body.bytes().first(left));
  } else {
    message.head.resize(place(world_, message.head.size()));
  }
}

void Lane::post(Event event, Duration latency) {
  Instant ready = world_.agenda.now() + latency;
  if (!under_way_.empty()) ready = std::max(ready, under_way_.back().ready);
  under_way_.push_back({ready, std::move(event)});
  world_.agenda.at(ready, [this] { deliver(); });
}

void Lane::deliver() {
  const Instant now = world_.agenda.now();
  if (under_way_.empty()) return;
  const Instant ready = std::max(held_until_, under_way_.front().ready);
  if (ready > now) return world_.agenda.at(ready, [this] { deliver(); });
  Event event = std::move(under_way_.front().event);
  under_way_.pop_front();
  if (event.kind == Event::Kind::message) {
    world_.note([&] { return name_ + ": " + in_words(event.message); });
  }
  receive_(std::move(event));
}

}  // namespace raven::simulated
