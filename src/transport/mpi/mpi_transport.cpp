#include "transport/mpi/mpi_transport.hpp"

#include <algorithm>
#include <climits>
#include <new>
#include <utility>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "transport/mpi/envelope.hpp"

namespace raven {
namespace {

/// Messages on their way to one peer. A backlog of thousands to a dead peer aborts or blocks Open
/// MPI itself; a hundred did no harm.
constexpr int window = 4;
/// Events gathered in one go before the caller gets to see the first.
constexpr std::size_t enough_events = 256;
/// Keeps "for ever" from overflowing the clock.
constexpr std::chrono::microseconds longest_patience = std::chrono::hours(24);
/// How often the ends of life lines are looked for: a system call each time.
constexpr std::chrono::milliseconds life_line_interval{5};

std::string error_text(int error) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(error, text, &length);
  return {text, static_cast<std::size_t>(length)};
}

/// Lets MPI see whether a connection was closed, before something is sent on it.
///
/// When Open MPI 4.1 notices a closed TCP connection only by writing to it, it leaves an event on
/// the closed file descriptor, corrupts its list of events when the number is used again, and then
/// walks that list for ever (4 of 6 masters, none of 14 with this). Reading finds the end of a
/// connection without harm, and any probe makes it read.
void notice_closed_connections(MPI_Comm comm, int rank) {
  int found = 0;
  MPI_Iprobe(rank, wire::head_tag, comm, &found, MPI_STATUS_IGNORE);
}

}  // namespace

MpiTransport::MpiTransport(MpiOptions options) : options_(options) {
  expects(options_.piece_bytes > 0 && options_.piece_bytes <= INT_MAX,
          "a piece of a body has 1 to 2^31 - 1 bytes");
  options_.inline_body_bytes = std::min(options_.inline_body_bytes, wire::max_inline_bytes);
}

MpiTransport::~MpiTransport() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  expects(finalized == 0, "an MpiSession outlives its transports");
  while (!peers_.empty()) forget(peers_.begin()->first);
  while (!requests_.empty() && test_some() > 0) completions_.clear();
  if (requests_.empty()) return;
  // MPI may read and write these until the process ends, so they have to live as long.
  [[maybe_unused]] const auto* quarantine = new std::vector<Purpose>(std::move(purposes_));
}

void MpiTransport::add_peer(PeerId id, MPI_Comm comm, int rank) {
  Peer peer;
  peer.comm = comm;
  peer.rank = rank;
  peer.head_buffer = std::make_shared<Bytes>(wire::max_head_message);
  const bool is_new = peers_.emplace(id, std::move(peer)).second;
  expects(is_new, "a peer id is used once");
  ready_.push_back({Event::Kind::joined, id});
  listen(id);
}

void MpiTransport::offer_life_line(PeerId id) {
  if (!life_lines_) life_lines_.emplace();
  const auto offer = std::make_shared<Bytes>(life_lines_->offer_to(id.value));
  if (offer->empty()) return;
  const Peer& peer = peers_.at(id);
  MPI_Request request = MPI_REQUEST_NULL;
  if (MPI_Isend(offer->data(), static_cast<int>(offer->size()), MPI_BYTE, peer.rank,
                wire::life_line_tag, peer.comm, &request) == MPI_SUCCESS) {
    add_request(request, {.kind = Purpose::Kind::send_offer, .peer = id, .head_buffer = offer});
  }
}

void MpiTransport::await_life_line(MPI_Comm comm) {
  const auto buffer = std::make_shared<Bytes>(LifeLine::max_offer_bytes);
  MPI_Request request = MPI_REQUEST_NULL;
  if (MPI_Irecv(buffer->data(), static_cast<int>(buffer->size()), MPI_BYTE, 0, wire::life_line_tag,
                comm, &request) == MPI_SUCCESS) {
    add_request(request,
                {.kind = Purpose::Kind::receive_offer, .peer = {0}, .head_buffer = buffer});
  }
}

void MpiTransport::check_life_lines() {
  const auto now = AdaptiveWait::Clock::now();
  if (now - life_lines_checked_ < life_line_interval) return;
  life_lines_checked_ = now;
  if (life_lines_) {
    for (const std::uint32_t rank : life_lines_->check(now)) {
      if (peers_.contains({rank})) lose({rank}, "its process has ended");
    }
  }
  if (life_line_ && life_line_->host_is_gone(now)) {
    life_line_.reset();
    if (peers_.contains({0})) lose({0}, "its process has ended");
  }
}

void MpiTransport::send(PeerId to, Message message) {
  expects(message.head.size() <= max_head_bytes, "a message's head has at most 64 KiB");
  const auto found = peers_.find(to);
  if (found == peers_.end()) return;
  found->second.queue.push_back(std::move(message));
  fill_window(to);
}

std::optional<Event> MpiTransport::poll(std::chrono::microseconds patience) {
  const auto deadline = AdaptiveWait::Clock::now() + std::min(patience, longest_patience);
  for (;;) {
    if (ready_.empty()) progress();
    if (ready_.empty()) check_life_lines();
    if (!ready_.empty()) {
      Event event = std::move(ready_.front());
      ready_.pop_front();
      return event;
    }
    if (wait_.take_wake()) return std::nullopt;
    const auto now = AdaptiveWait::Clock::now();
    if (now >= deadline) return std::nullopt;
    wait_.pause(now, deadline, moving_bytes_);
  }
}

void MpiTransport::drop(PeerId peer) {
  forget(peer);
  std::erase_if(ready_, [peer](const Event& event) { return event.peer == peer; });
}

std::size_t MpiTransport::backlog(PeerId peer) const {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return 0;
  return found->second.queue.size() + static_cast<std::size_t>(found->second.under_way);
}

void MpiTransport::limit_bodies(std::size_t bytes) {
  options_.max_body_bytes = bytes;
  pool_.trim();
}

void MpiTransport::fill_window(PeerId id) {
  Peer& peer = peers_.at(id);
  while (!peer.queue.empty() && peer.under_way < window) {
    Message message = std::move(peer.queue.front());
    peer.queue.pop_front();
    if (!start_send(id, peer, std::move(message))) {
      lose(id, "MPI refused to send to it");
      return;
    }
  }
}

bool MpiTransport::start_send(PeerId id, Peer& peer, Message message) {
  const std::size_t body_bytes = message.body.size();
  const bool is_inline = body_bytes <= options_.inline_body_bytes;
  auto outgoing = std::make_shared<Outgoing>();
  outgoing->head_message = wire::seal(message.head, message.body.bytes(), is_inline);
  if (!is_inline) outgoing->body = std::move(message.body);
  ++traffic_.messages_sent;
  traffic_.bytes_sent += message.head.size() + body_bytes;
  ++peer.under_way;

  // Synchronous sends complete when the receiver has matched them: only then does the window move
  // on.
  const auto start = [&](const std::byte* data, std::size_t bytes, int tag, Purpose::Kind kind) {
    notice_closed_connections(peer.comm, peer.rank);
    MPI_Request request = MPI_REQUEST_NULL;
    const int count = static_cast<int>(bytes);
    if (MPI_Issend(data, count, MPI_BYTE, peer.rank, tag, peer.comm, &request) != MPI_SUCCESS) {
      return false;
    }
    ++outgoing->open_parts;
    add_request(request, {.kind = kind, .peer = id, .outgoing = outgoing});
    return true;
  };
  if (!start(outgoing->head_message.data(), outgoing->head_message.size(), wire::head_tag,
             Purpose::Kind::send_head)) {
    return false;
  }
  for (std::size_t at = 0; !is_inline && at < body_bytes; at += options_.piece_bytes) {
    if (!start(outgoing->body.bytes().data() + at, std::min(options_.piece_bytes, body_bytes - at),
               wire::body_tag, Purpose::Kind::send_piece)) {
      return false;
    }
  }
  return true;
}

void MpiTransport::handle_sent(const Completion& done, Peer& peer) {
  Outgoing& outgoing = *done.purpose.outgoing;
  const std::size_t body_bytes = outgoing.body.size();
  if (done.purpose.kind == Purpose::Kind::send_head && outgoing.open_parts > 1) {
    outgoing.body_moves = true;
    count_moving(peer, body_bytes, true);
  }
  if (--outgoing.open_parts > 0) return;
  if (outgoing.body_moves) count_moving(peer, body_bytes, false);
  --peer.under_way;
  fill_window(done.purpose.peer);
}

void MpiTransport::listen(PeerId id) {
  Peer& peer = peers_.at(id);
  // A peer that keeps the rules never has more bodies under way than its window; one that does not
  // gets no more memory than that either.
  if (peer.listening || peer.incoming.size() >= static_cast<std::size_t>(window)) return;
  MPI_Request request = MPI_REQUEST_NULL;
  if (MPI_Irecv(peer.head_buffer->data(), static_cast<int>(peer.head_buffer->size()), MPI_BYTE,
                peer.rank, wire::head_tag, peer.comm, &request) != MPI_SUCCESS) {
    lose(id, "MPI refused to receive from it");
    return;
  }
  peer.listening = true;
  add_request(request,
              {.kind = Purpose::Kind::receive_head, .peer = id, .head_buffer = peer.head_buffer});
}

void MpiTransport::receive_head(PeerId id, Peer& peer, ByteSpan message) {
  const auto opened = wire::open(message);
  if (!opened) return lose(id, "it sent a malformed message");
  if (opened->body_bytes > options_.max_body_bytes) {
    return lose(id, "it announced a body of " + std::to_string(opened->body_bytes) +
                        " bytes, the limit is " + std::to_string(options_.max_body_bytes));
  }
  auto incoming = std::make_shared<Incoming>();
  incoming->head.assign(opened->head.begin(), opened->head.end());
  incoming->body_bytes = opened->body_bytes;
  if (incoming->body_bytes > 0) {
    try {
      incoming->buffer = pool_.take(incoming->body_bytes);
    } catch (const std::bad_alloc&) {
      return lose(id, "there is no memory for its body of " + std::to_string(incoming->body_bytes) +
                          " bytes");
    }
  }
  if (opened->body_is_inline) {
    std::copy(opened->inline_body.begin(), opened->inline_body.end(), incoming->buffer.get());
  } else if (!start_body(id, peer, incoming)) {
    return lose(id, "MPI refused to receive a body from it");
  }
  peer.incoming.push_back(std::move(incoming));
  deliver(id, peer);
  listen(id);
}

bool MpiTransport::start_body(PeerId id, Peer& peer, const std::shared_ptr<Incoming>& incoming) {
  count_moving(peer, incoming->body_bytes, true);
  for (std::size_t at = 0; at < incoming->body_bytes; at += options_.piece_bytes) {
    const int bytes = static_cast<int>(std::min(options_.piece_bytes, incoming->body_bytes - at));
    MPI_Request request = MPI_REQUEST_NULL;
    if (MPI_Irecv(incoming->buffer.get() + at, bytes, MPI_BYTE, peer.rank, wire::body_tag,
                  peer.comm, &request) != MPI_SUCCESS) {
      return false;
    }
    ++incoming->open_parts;
    add_request(request, {.kind = Purpose::Kind::receive_piece,
                          .peer = id,
                          .incoming = incoming,
                          .piece_bytes = bytes});
  }
  return true;
}

void MpiTransport::deliver(PeerId id, Peer& peer) {
  while (!peer.incoming.empty() && peer.incoming.front()->open_parts == 0) {
    Incoming& first = *peer.incoming.front();
    ++traffic_.messages_received;
    traffic_.bytes_received += first.head.size() + first.body_bytes;
    Message message{std::move(first.head), {}};
    if (first.body_bytes > 0)
      message.body = Blob(first.buffer, {first.buffer.get(), first.body_bytes});
    ready_.push_back({Event::Kind::message, id, std::move(message)});
    peer.incoming.pop_front();
  }
}

void MpiTransport::progress() {
  while (test_some() > 0) {
    wait_.saw_activity(AdaptiveWait::Clock::now());
    // Handling may start requests, but only test_some() completes any.
    for (Completion& done : completions_) handle(done);
    completions_.clear();
    if (ready_.size() >= enough_events) return;
  }
}

std::size_t MpiTransport::test_some() {
  if (requests_.empty()) return 0;
  const int count = static_cast<int>(requests_.size());
  indices_.resize(requests_.size());
  statuses_.resize(requests_.size());
  int done = 0;
  const int result =
      MPI_Testsome(count, requests_.data(), &done, indices_.data(), statuses_.data());
  if (result != MPI_SUCCESS && result != MPI_ERR_IN_STATUS) {
    throw InputError("MPI fails: " + error_text(result),
                     "look for the cause in MPI's own messages, then start again");
  }
  if (done == MPI_UNDEFINED || done == 0) return 0;
  for (int i = 0; i < done; ++i) {
    const auto at = static_cast<std::size_t>(indices_[static_cast<std::size_t>(i)]);
    const MPI_Status& status = statuses_[static_cast<std::size_t>(i)];
    Completion completion{std::move(purposes_[at]),
                          result == MPI_SUCCESS ? MPI_SUCCESS : status.MPI_ERROR, 0, false};
    int cancelled = 0;
    MPI_Test_cancelled(&status, &cancelled);
    completion.cancelled = cancelled != 0;
    MPI_Get_count(&status, MPI_BYTE, &completion.bytes);
    // A request that failed is left as it is by Open MPI.
    if (requests_[at] != MPI_REQUEST_NULL) MPI_Request_free(&requests_[at]);
    completions_.push_back(std::move(completion));
  }
  std::size_t kept = 0;
  for (std::size_t at = 0; at < requests_.size(); ++at) {
    if (requests_[at] == MPI_REQUEST_NULL) continue;
    requests_[kept] = requests_[at];
    if (kept != at) purposes_[kept] = std::move(purposes_[at]);
    ++kept;
  }
  requests_.resize(kept);
  purposes_.erase(purposes_.begin() + static_cast<std::ptrdiff_t>(kept), purposes_.end());
  return completions_.size();
}

void MpiTransport::handle(Completion& done) {
  const PeerId id = done.purpose.peer;
  const auto found = peers_.find(id);
  if (found == peers_.end() || done.cancelled) return;  // out of quarantine
  Peer& peer = found->second;
  if (done.error != MPI_SUCCESS) return lose(id, error_text(done.error));
  switch (done.purpose.kind) {
    case Purpose::Kind::send_head:
    case Purpose::Kind::send_piece:
      return handle_sent(done, peer);
    case Purpose::Kind::send_offer:
      return;
    case Purpose::Kind::receive_offer:
      life_line_.emplace(
          ByteSpan(*done.purpose.head_buffer).first(static_cast<std::size_t>(done.bytes)),
          AdaptiveWait::Clock::now());
      return;
    case Purpose::Kind::receive_head:
      peer.listening = false;
      return receive_head(
          id, peer,
          ByteSpan(*done.purpose.head_buffer).first(static_cast<std::size_t>(done.bytes)));
    case Purpose::Kind::receive_piece: {
      if (done.bytes != done.purpose.piece_bytes)
        return lose(id, "its body is not as long as it announced");
      Incoming& incoming = *done.purpose.incoming;
      if (--incoming.open_parts == 0) count_moving(peer, incoming.body_bytes, false);
      deliver(id, peer);
      return listen(id);
    }
  }
}

void MpiTransport::add_request(MPI_Request request, Purpose purpose) {
  requests_.push_back(request);
  purposes_.push_back(std::move(purpose));
}

void MpiTransport::count_moving(Peer& peer, std::size_t bytes, bool begins) {
  if (begins) {
    peer.moving_bytes += bytes;
    moving_bytes_ += bytes;
  } else {
    peer.moving_bytes -= bytes;
    moving_bytes_ -= bytes;
  }
}

void MpiTransport::forget(PeerId id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  moving_bytes_ -= found->second.moving_bytes;
  if (life_lines_) life_lines_->forget(id.value);
  peers_.erase(found);
  for (std::size_t at = 0; at < requests_.size(); ++at) {
    const Purpose& purpose = purposes_[at];
    const bool receives = purpose.kind == Purpose::Kind::receive_head ||
                          purpose.kind == Purpose::Kind::receive_piece ||
                          purpose.kind == Purpose::Kind::receive_offer;
    // What is matched already can't be cancelled and what is sent never can: those stay in the
    // list.
    if (purpose.peer == id && receives) MPI_Cancel(&requests_[at]);
  }
}

void MpiTransport::lose(PeerId peer, std::string reason) {
  forget(peer);
  ready_.push_back({Event::Kind::lost, peer, {}, std::move(reason)});
}

std::unique_ptr<Transport> make_mpi_transport(MpiOptions options) {
  int initialised = 0;
  MPI_Initialized(&initialised);
  expects(initialised != 0, "an MPI transport needs an MpiSession");
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  auto transport = std::make_unique<MpiTransport>(options);
  if (rank != 0) {
    transport->add_peer(PeerId{0}, MPI_COMM_WORLD, 0);
    transport->await_life_line(MPI_COMM_WORLD);
  } else {
    for (int other = 1; other < size; ++other) {
      const PeerId peer{static_cast<std::uint32_t>(other)};
      transport->add_peer(peer, MPI_COMM_WORLD, other);
      transport->offer_life_line(peer);
    }
  }
  return transport;
}

}  // namespace raven
