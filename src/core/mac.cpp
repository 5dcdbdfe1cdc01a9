#include "raven/core/mac.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <climits>

#include "raven/core/contract.hpp"

namespace raven {
namespace {

unsigned char* raw(Digest& digest) { return reinterpret_cast<unsigned char*>(digest.bytes.data()); }

}  // namespace

Digest mac_of(ByteSpan key, ByteSpan message) {
  expects(key.size() <= INT_MAX, "a key is short");
  Digest mac;
  unsigned int length = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  const auto* made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes,
                          message.size(), raw(mac), &length);
  expects(made != nullptr && length == mac.bytes.size(), "OpenSSL offers HMAC-SHA-256");
  return mac;
}

bool same_mac(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

Digest unguessable() {
  Digest bytes;
  expects(RAND_bytes(raw(bytes), static_cast<int>(bytes.bytes.size())) == 1,
          "the operating system gives random bytes");
  return bytes;
}

}  // namespace raven
