#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "raven/core/contract.hpp"
#include "raven/transport/local.hpp"

namespace raven {
namespace {

/// Keeps "for ever" from overflowing the clock.
constexpr std::chrono::microseconds longest_patience = std::chrono::hours(24);

class Mailbox;

/// What lies in a mailbox: an event, and when a contributor has joined the way back to it.
struct Letter {
  Event event;
  std::shared_ptr<Mailbox> reply_to;
};

/// Letters for one endpoint, put in by any thread, taken out by its owner.
class Mailbox {
 public:
  void put(Letter letter) {
    {
      const std::scoped_lock lock(mutex_);
      if (closed_) return;
      letters_.push_back(std::move(letter));
    }
    changed_.notify_one();
  }

  void wake() {
    {
      const std::scoped_lock lock(mutex_);
      woken_ = true;
    }
    changed_.notify_one();
  }

  /// The next letter; none after `patience` or wake().
  std::optional<Letter> take(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    // Not even a wait of no length is for nothing: it gives up the core.
    if (letters_.empty() && deadline > std::chrono::steady_clock::now()) {
      changed_.wait_until(lock, deadline, [&] { return woken_ || !letters_.empty(); });
    }
    woken_ = false;
    if (letters_.empty()) return std::nullopt;
    Letter letter = std::move(letters_.front());
    letters_.pop_front();
    return letter;
  }

  /// Refuses letters from now on and returns the unread ones.
  std::deque<Letter> close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    return std::exchange(letters_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Letter> letters_;
  bool woken_ = false;
  bool closed_ = false;
};

/// The way to a peer and the name under which that peer knows this endpoint.
struct Link {
  std::shared_ptr<Mailbox> mailbox;
  PeerId known_as;
};

class LocalEndpoint final : public Transport {
 public:
  LocalEndpoint(std::shared_ptr<Mailbox> mailbox, LocalOptions options)
      : mailbox_(std::move(mailbox)), options_(options) {}

  ~LocalEndpoint() override {
    // First, so that whoever joins from now on gets another mailbox and not one that nobody reads.
    if (on_death_) on_death_();
    for (const Letter& unread : mailbox_->close()) {
      if (unread.reply_to) say_goodbye({unread.reply_to, PeerId{0}});
    }
    for (const auto& [peer, link] : links_) say_goodbye(link);
  }

  LocalEndpoint(const LocalEndpoint&) = delete;
  LocalEndpoint& operator=(const LocalEndpoint&) = delete;

  void link(PeerId peer, Link link) { links_.emplace(peer, std::move(link)); }
  void on_death(std::function<void()> action) { on_death_ = std::move(action); }

  void send(PeerId to, Message message) override {
    expects(message.head.size() <= max_head_bytes, "a message's head has at most 64 KiB");
    const auto found = links_.find(to);
    if (found == links_.end()) return;
    ++traffic_.messages_sent;
    traffic_.bytes_sent += message.head.size() + message.body.size();
    found->second.mailbox->put(
        {Event{Event::Kind::message, found->second.known_as, std::move(message)}, nullptr});
  }

  std::optional<Event> poll(std::chrono::microseconds patience) override {
    const auto deadline = std::chrono::steady_clock::now() + std::min(patience, longest_patience);
    while (auto letter = mailbox_->take(deadline)) {
      if (auto event = open(std::move(*letter))) return event;
    }
    return std::nullopt;
  }

  void wake() override { mailbox_->wake(); }
  void drop(PeerId peer) override { links_.erase(peer); }
  bool flushed(PeerId) const override { return true; }
  void limit_bodies(std::size_t bytes) override { options_.max_body_bytes = bytes; }
  Traffic traffic() const override { return traffic_; }

 private:
  static void say_goodbye(const Link& link) {
    link.mailbox->put(
        {Event{Event::Kind::lost, link.known_as, {}, "its endpoint is gone"}, nullptr});
  }

  /// The event in a letter; none when it comes from somebody who was dropped.
  std::optional<Event> open(Letter letter) {
    Event& event = letter.event;
    if (letter.reply_to) links_.emplace(event.peer, Link{std::move(letter.reply_to), PeerId{0}});
    if (!links_.contains(event.peer)) return std::nullopt;
    if (event.kind == Event::Kind::lost) {
      links_.erase(event.peer);
      return std::move(event);
    }
    if (event.kind == Event::Kind::joined) return std::move(event);
    if (event.message.body.size() > options_.max_body_bytes) {
      links_.erase(event.peer);
      return Event{Event::Kind::lost, event.peer, {}, "its message has a body above the limit"};
    }
    ++traffic_.messages_received;
    traffic_.bytes_received += event.message.head.size() + event.message.body.size();
    return std::move(event);
  }

  std::shared_ptr<Mailbox> mailbox_;
  LocalOptions options_;
  std::unordered_map<PeerId, Link, PeerIdHash> links_;
  std::function<void()> on_death_;
  Traffic traffic_;
};

}  // namespace

struct LocalHub::Shared {
  std::mutex mutex;
  LocalOptions options;
  std::shared_ptr<Mailbox> master = std::make_shared<Mailbox>();
  bool master_lives = false;
  std::uint32_t last_id = 0;
};

LocalHub::LocalHub(LocalOptions options) : shared_(std::make_shared<Shared>()) {
  shared_->options = options;
}

LocalHub::~LocalHub() = default;

std::unique_ptr<Transport> LocalHub::master() {
  const std::scoped_lock lock(shared_->mutex);
  expects(!shared_->master_lives, "a local hub has one master at a time");
  shared_->master_lives = true;
  auto endpoint = std::make_unique<LocalEndpoint>(shared_->master, shared_->options);
  endpoint->on_death([shared = shared_] {
    const std::scoped_lock death_lock(shared->mutex);
    shared->master = std::make_shared<Mailbox>();
    shared->master_lives = false;
  });
  return endpoint;
}

std::unique_ptr<Transport> LocalHub::join() {
  const std::scoped_lock lock(shared_->mutex);
  const PeerId id{++shared_->last_id};
  auto mailbox = std::make_shared<Mailbox>();
  mailbox->put({Event{Event::Kind::joined, PeerId{0}}, nullptr});
  shared_->master->put({Event{Event::Kind::joined, id}, mailbox});
  auto endpoint = std::make_unique<LocalEndpoint>(std::move(mailbox), shared_->options);
  endpoint->link(PeerId{0}, {shared_->master, id});
  return endpoint;
}

}  // namespace raven
