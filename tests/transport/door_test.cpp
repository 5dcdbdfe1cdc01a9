#include "transport/door/door.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "raven/core/mac.hpp"
#include "transport/door/knocking.hpp"

namespace raven::door {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Digest token_of(std::uint8_t fill) {
  Digest token;
  token.bytes.fill(std::byte{fill});
  return token;
}

/// A door on loopback, and what happened there.
class DoorTest : public testing::Test {
 protected:
  void open(Door::Options options) {
    door_.emplace(options, [this] {
      const std::scoped_lock lock(mutex_);
      ++wakes_;
      changed_.notify_all();
    });
  }

  std::optional<Door::Happening> next() {
    std::unique_lock lock(mutex_);
    for (;;) {
      for (Door::Happening& happening : door_->take()) waiting_.push_back(happening);
      if (!waiting_.empty()) {
        const Door::Happening first = waiting_.front();
        waiting_.erase(waiting_.begin());
        return first;
      }
      if (!changed_.wait_for(lock, seconds(120), [this] { return wakes_ > 0; }))
        return std::nullopt;
      wakes_ = 0;
    }
  }

  [[nodiscard]] Socket call() const {
    Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(door_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket.handle(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return socket;
  }

  static void say(const Socket& socket, ByteSpan bytes) {
    (void)!::send(socket.handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  static Bytes hear(const Socket& socket, std::size_t count) {
    Bytes bytes(count);
    const ssize_t got = ::recv(socket.handle(), bytes.data(), count, MSG_WAITALL);
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }

  static std::optional<Challenge> hear_challenge(const Socket& socket) {
    return decode_challenge(ByteSpan(hear(socket, 4 + 36)).subspan(4));
  }

  /// Waits for the end of the connection, whatever is said before.
  static bool is_put_out(const Socket& socket) {
    std::byte block[256];
    for (;;) {
      pollfd watched{socket.handle(), POLLIN, 0};
      if (::poll(&watched, 1, 120000) <= 0) return false;
      if (::recv(socket.handle(), block, sizeof block, 0) <= 0) return true;
    }
  }

  static Bytes framed(ByteSpan bytes) {
    ByteWriter writer;
    writer.put(static_cast<std::uint32_t>(bytes.size()));
    writer.put_raw(bytes);
    return writer.take();
  }

  /// Knocks again and again as long as it lives: a busy machine may make it miss a short deadline.
  class Guest {
   public:
    Guest(const DoorTest& test, const std::string& node)
        : thread_([this, port = test.door_->port(), token = test.token_, node] {
            while (!over_) {
              (void)knock_at("127.0.0.1", port, token, {.node = node}, milliseconds(500));
            }
          }) {}
    ~Guest() {
      over_ = true;
      thread_.join();
    }
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

   private:
    std::atomic<bool> over_{false};
    std::thread thread_;
  };

  const Digest token_ = token_of(7);
  std::mutex mutex_;
  std::condition_variable changed_;
  int wakes_ = 0;
  std::vector<Door::Happening> waiting_;
  std::optional<Door> door_;
};

TEST_F(DoorTest, who_knows_the_token_gets_an_answer_and_is_missed_when_gone) {
  open({.token = token_});
  std::optional<Reply> reply;
  std::thread guest([&] {
    reply = knock_at("127.0.0.1", door_->port(), token_,
                     {.node = "n1", .pid = 42, .count = 3, .host = "n3"}, seconds(120));
  });
  const auto knock = next();
  ASSERT_TRUE(knock);
  EXPECT_EQ(knock->kind, Door::Happening::Kind::knock);
  EXPECT_EQ(knock->knock.node, "n1");
  EXPECT_EQ(knock->knock.pid, 42U);
  EXPECT_EQ(knock->knock.count, 3U);
  EXPECT_EQ(knock->knock.host, "n3");
  door_->answer(knock->guest, {Answer::Verdict::port, "a port"});
  guest.join();
  ASSERT_EQ(reply->failure, "");
  EXPECT_EQ(reply->answer.verdict, Answer::Verdict::port);
  EXPECT_EQ(reply->answer.text, "a port");
  reply.reset();
  const auto gone = next();
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->kind, Door::Happening::Kind::gone);
  EXPECT_EQ(gone->guest, knock->guest);
}

TEST_F(DoorTest, a_refused_guest_is_told_why_and_put_out) {
  open({.token = token_});
  std::optional<Reply> reply;
  std::thread guest(
      [&] { reply = knock_at("127.0.0.1", door_->port(), token_, {}, seconds(120)); });
  const auto knock = next();
  ASSERT_TRUE(knock);
  door_->answer(knock->guest, {Answer::Verdict::refused, "full"});
  guest.join();
  EXPECT_EQ(reply->answer.verdict, Answer::Verdict::refused);
  EXPECT_EQ(reply->answer.text, "full");
  EXPECT_TRUE(is_put_out(reply->socket));
}

TEST_F(DoorTest, who_has_another_token_gets_no_answer) {
  open({.token = token_});
  const Reply reply = knock_at("127.0.0.1", door_->port(), token_of(8), {}, seconds(120));
  EXPECT_NE(reply.failure, "");
  EXPECT_TRUE(door_->take().empty());
}

TEST_F(DoorTest, a_knock_that_was_overheard_opens_no_other_connection) {
  open({.token = token_});
  const Socket first = call();
  const auto challenge = hear_challenge(first);
  ASSERT_TRUE(challenge);
  const Bytes overheard = framed(encode(Knock{.nonce = unguessable()}, *challenge, token_));
  say(first, overheard);
  const auto knock = next();
  ASSERT_TRUE(knock);
  const Socket second = call();
  say(second, overheard);
  EXPECT_TRUE(is_put_out(second));
  EXPECT_TRUE(door_->take().empty());
}

TEST_F(DoorTest, every_flipped_bit_of_a_knock_puts_its_sender_out) {
  open({.token = token_});
  const Knock sound{.nonce = unguessable(), .node = "n1"};
  const std::size_t bytes = encode(sound, Challenge{}, token_).size();
  for (std::size_t bit = 0; bit < bytes * 8; bit += 5) {
    const Socket socket = call();
    const auto challenge = hear_challenge(socket);
    ASSERT_TRUE(challenge);
    Bytes knock = encode(sound, *challenge, token_);
    knock[bit / 8] ^= std::byte{1} << (bit % 8);
    say(socket, framed(knock));
    ASSERT_TRUE(is_put_out(socket)) << "bit " << bit;
  }
  EXPECT_TRUE(door_->take().empty());
}

TEST_F(DoorTest, a_length_above_the_limit_is_not_waited_for) {
  open({.token = token_, .deadline = std::chrono::hours(1)});
  for (const std::uint32_t size : {std::uint32_t{max_frame} + 1, 0xffffffffU}) {
    const Socket socket = call();
    ByteWriter writer;
    writer.put(size);
    say(socket, writer.bytes());
    EXPECT_TRUE(is_put_out(socket)) << size;
  }
}

TEST_F(DoorTest, noise_puts_its_sender_out_and_harms_nobody_else) {
  open({.token = token_, .deadline = milliseconds(200)});
  std::mt19937 noise(11);
  for (std::size_t size = 1; size < 6000; size = size * 2 + 1) {
    const Socket socket = call();
    Bytes bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(noise() & 0xff);
    say(socket, bytes);
    EXPECT_TRUE(is_put_out(socket)) << size;
  }
  EXPECT_TRUE(door_->take().empty());
  const Guest guest(*this, "n1");
  const auto knock = next();
  ASSERT_TRUE(knock);
  EXPECT_EQ(knock->knock.node, "n1");
}

TEST_F(DoorTest, who_says_nothing_is_put_out_at_the_deadline) {
  open({.token = token_, .deadline = milliseconds(50)});
  const Socket silent = call();
  EXPECT_TRUE(is_put_out(silent));
  EXPECT_TRUE(door_->take().empty());
}

TEST_F(DoorTest, strangers_that_fill_the_house_do_not_keep_guests_out_for_good) {
  open({.token = token_, .deadline = milliseconds(50), .most_strangers = 4});
  std::vector<Socket> crowd;
  for (int i = 0; i < 32; ++i) crowd.push_back(call());
  const Guest guest(*this, "late");
  const auto knock = next();
  ASSERT_TRUE(knock);
  EXPECT_EQ(knock->knock.node, "late");
}

TEST_F(DoorTest, a_guest_that_goes_on_talking_is_put_out) {
  open({.token = token_});
  const Socket socket = call();
  const auto challenge = hear_challenge(socket);
  ASSERT_TRUE(challenge);
  say(socket, framed(encode(Knock{.nonce = unguessable()}, *challenge, token_)));
  ASSERT_TRUE(next());
  say(socket, framed(Bytes(16)));
  EXPECT_TRUE(is_put_out(socket));
  const auto gone = next();
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->kind, Door::Happening::Kind::gone);
}

TEST_F(DoorTest, a_false_gateway_gets_nobody_to_believe_it) {
  const Knock knock{.nonce = unguessable()};
  const Challenge challenge{unguessable()};
  const Bytes answer = encode(Answer{Answer::Verdict::port, "evil"}, knock, challenge, token_of(8));
  EXPECT_FALSE(decode_answer(answer, knock, challenge, token_));
  const Bytes old = encode(Answer{Answer::Verdict::port, "old"}, knock, {unguessable()}, token_);
  EXPECT_FALSE(decode_answer(old, knock, challenge, token_));
}

}  // namespace
}  // namespace raven::door
