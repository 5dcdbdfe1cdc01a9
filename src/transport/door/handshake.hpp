#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "raven/core/bytes.hpp"
#include "raven/core/digest.hpp"

// What is said at a gateway's TCP port, in frames of a u32 length (at most 4 KiB) and so many
// bytes.
//
//   gateway  Challenge   u32 magic "RVD1", 32 bytes of nonce
//   client   Knock       its fields, and a MAC over them and the challenge
//   gateway  Answer      its fields, and a MAC over them and both nonces
//
// MACs are HMAC-SHA-256 with the run's token, which is never sent. A client that does not know it
// gets no answer. Afterwards nothing more is said; the connection's end is that of whoever held it.
namespace raven::door {

constexpr std::uint32_t magic = 0x31445652;
constexpr std::size_t max_frame = 4096;

struct Challenge {
  Digest nonce;
};

/// What somebody at the door wants.
struct Knock {
  enum class Purpose : std::uint8_t { join, spawn, leave, last = leave };
  Purpose purpose = Purpose::join;
  Digest nonce = {};
  std::string node = {};
  std::uint64_t pid = 0;
  std::uint32_t count = 0;  ///< Purpose::spawn: how many; Purpose::leave: which peer of the master
  std::string host = {};    ///< Purpose::spawn
};

struct Answer {
  enum class Verdict : std::uint8_t {
    refused,  ///< `text` says why
    port,     ///< connect to the MPI port named `text`, at once
    ordered   ///< will be done
  };
  Verdict verdict = Verdict::refused;
  std::string text = {};
};

[[nodiscard]] Bytes encode(const Challenge& challenge);
[[nodiscard]] Bytes encode(const Knock& knock, const Challenge& challenge, const Digest& token);
[[nodiscard]] Bytes encode(const Answer& answer, const Knock& knock, const Challenge& challenge,
                           const Digest& token);

/// Each is none when the frame is malformed or its MAC wrong.
[[nodiscard]] std::optional<Challenge> decode_challenge(ByteSpan frame);
[[nodiscard]] std::optional<Knock> decode_knock(ByteSpan frame, const Challenge& challenge,
                                                const Digest& token);
[[nodiscard]] std::optional<Answer> decode_answer(ByteSpan frame, const Knock& knock,
                                                  const Challenge& challenge, const Digest& token);

}  // namespace raven::door
