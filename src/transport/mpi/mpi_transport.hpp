#pragma once

#include <mpi.h>

#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "raven/core/buffer_pool.hpp"
#include "raven/transport/mpi.hpp"
#include "raven/transport/transport.hpp"
#include "transport/mpi/adaptive_wait.hpp"
#include "transport/mpi/life_line.hpp"

namespace raven {

/// Transport over MPI point-to-point messages; make_mpi_transport() has the contract.
///
/// All MPI requests stand in one list, each with what it is for and a share in the buffer that it
/// reads or writes. Losing a peer forgets the peer and leaves its requests in that list: each keeps
/// its buffer alive until MPI is done with it, perhaps never, and nobody waits for it. That is the
/// whole of the quarantine.
class MpiTransport final : public Transport {
 public:
  /// Begins without peers.
  explicit MpiTransport(MpiOptions options);
  ~MpiTransport() override;
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;

  /// Makes `rank` of `comm` (of its remote group, for an intercommunicator) known as `peer` and
  /// announces it.
  /// @pre `peer` was never used before; `comm` returns errors and outlives this
  void add_peer(PeerId peer, MPI_Comm comm, int rank);

  /// Offers a peer a life line, and loses it when that ends. @pre the peer awaits one
  void offer_life_line(PeerId peer);
  /// The other end: takes the offer when it comes. @pre peer 0 is rank 0 of `comm` (of its remote
  /// group, for an intercommunicator)
  void await_life_line(MPI_Comm comm);

  void send(PeerId to, Message message) override;
  std::optional<Event> poll(std::chrono::microseconds patience) override;
  void wake() override { wait_.wake(); }
  void drop(PeerId peer) override;
  bool flushed(PeerId peer) const override { return backlog(peer) == 0; }
  std::size_t backlog(PeerId peer) const override;
  void limit_bodies(std::size_t bytes) override;
  Traffic traffic() const override { return traffic_; }

 private:
  /// A message under way to a peer.
  struct Outgoing {
    Bytes head_message;
    Blob body;
    int open_parts = 0;
    bool body_moves = false;
  };
  /// A message whose head is here and whose body may still be coming.
  struct Incoming {
    Bytes head;
    std::shared_ptr<std::byte> buffer;
    std::size_t body_bytes = 0;
    int open_parts = 0;
  };
  struct Peer {
    MPI_Comm comm = MPI_COMM_NULL;
    int rank = 0;
    std::deque<Message> queue;
    int under_way = 0;  ///< messages given to MPI and not yet matched and sent
    std::shared_ptr<Bytes> head_buffer;
    bool listening = false;  ///< a receive for the next head is posted
    std::deque<std::shared_ptr<Incoming>> incoming;
    std::size_t moving_bytes = 0;
  };
  /// What a request in `requests_` is for; the shares keep its buffer alive.
  struct Purpose {
    enum class Kind : std::uint8_t {
      send_head,
      send_piece,
      receive_head,
      receive_piece,
      send_offer,
      receive_offer
    };
    Kind kind;
    PeerId peer;
    std::shared_ptr<Outgoing> outgoing = nullptr;
    std::shared_ptr<Incoming> incoming = nullptr;
    std::shared_ptr<Bytes> head_buffer = nullptr;
    int piece_bytes = 0;
  };
  struct Completion {
    Purpose purpose;
    int error;
    int bytes;
    bool cancelled;
  };

  void fill_window(PeerId id);
  [[nodiscard]] bool start_send(PeerId id, Peer& peer, Message message);
  void listen(PeerId id);
  void receive_head(PeerId id, Peer& peer, ByteSpan message);
  [[nodiscard]] bool start_body(PeerId id, Peer& peer, const std::shared_ptr<Incoming>& incoming);
  void deliver(PeerId id, Peer& peer);

  void progress();
  void check_life_lines();
  [[nodiscard]] std::size_t test_some();
  void handle(Completion& done);
  void handle_sent(const Completion& done, Peer& peer);
  void add_request(MPI_Request request, Purpose purpose);
  void count_moving(Peer& peer, std::size_t bytes, bool begins);
  void forget(PeerId peer);
  void lose(PeerId peer, std::string reason);

  MpiOptions options_;
  BufferPool pool_;
  AdaptiveWait wait_;
  std::unordered_map<PeerId, Peer, PeerIdHash> peers_;
  std::deque<Event> ready_;
  Traffic traffic_;
  std::size_t moving_bytes_ = 0;

  std::optional<LifeLineHost> life_lines_;
  std::optional<LifeLine> life_line_;
  AdaptiveWait::Clock::time_point life_lines_checked_{};

  std::vector<MPI_Request> requests_;
  std::vector<Purpose> purposes_;  ///< one per request
  std::vector<int> indices_;       ///< scratch of test_some()
  std::vector<MPI_Status> statuses_;
  std::vector<Completion> completions_;
};

}  // namespace raven
