#pragma once

#include "raven/core/digest.hpp"

namespace raven {

/// HMAC-SHA-256 (RFC 2104): shows that whoever made it knows `key`, without telling it.
[[nodiscard]] Digest mac_of(ByteSpan key, ByteSpan message);

/// Takes the same time wherever two of them differ, so that a guesser learns nothing from it.
[[nodiscard]] bool same_mac(const Digest& a, const Digest& b);

/// 32 bytes from the operating system that nobody can guess: a key or a nonce.
[[nodiscard]] Digest unguessable();

}  // namespace raven
