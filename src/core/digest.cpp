#include "raven/core/digest.hpp"

#include <openssl/evp.h>

#include <cstdio>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"

namespace raven {

struct Hasher::Context {
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> handle{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Hasher::Hasher() : context_(std::make_unique<Context>()) {
  expects(EVP_DigestInit_ex(context_->handle.get(), EVP_sha256(), nullptr) == 1,
          "OpenSSL offers SHA-256");
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::add(ByteSpan bytes) {
  expects(EVP_DigestUpdate(context_->handle.get(), bytes.data(), bytes.size()) == 1,
          "a hasher is used before finish()");
}

Digest Hasher::finish() {
  Digest digest;
  expects(EVP_DigestFinal_ex(context_->handle.get(),
                             reinterpret_cast<unsigned char*>(digest.bytes.data()), nullptr) == 1,
          "a hasher is finished once");
  return digest;
}

Digest digest_of(ByteSpan bytes) {
  Hasher hasher;
  hasher.add(bytes);
  return hasher.finish();
}

Digest digest_of_file(const std::filesystem::path& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> handle{std::fopen(file.c_str(), "rb"),
                                                               std::fclose};
  if (!handle) {
    throw InputError({file.string()}, "can't be opened for reading",
                     "check that it exists and that you may read it");
  }
  Hasher hasher;
  Bytes block(std::size_t{1} << 20);
  for (std::size_t got = 0; (got = std::fread(block.data(), 1, block.size(), handle.get())) > 0;) {
    hasher.add(ByteSpan(block).first(got));
  }
  if (std::ferror(handle.get()) != 0) {
    throw InputError({file.string()}, "reading it failed half-way", "check the disk");
  }
  return hasher.finish();
}

std::string to_hex(const Digest& digest) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.bytes.size());
  for (const std::byte b : digest.bytes) {
    text += digits[std::to_integer<unsigned>(b) >> 4];
    text += digits[std::to_integer<unsigned>(b) & 15U];
  }
  return text;
}

std::optional<Digest> digest_from_hex(std::string_view text) {
  Digest digest;
  if (text.size() != 2 * digest.bytes.size()) return std::nullopt;
  const auto value = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const int high = value(text[2 * i]);
    const int low = value(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest.bytes[i] = static_cast<std::byte>(16 * high + low);
  }
  return digest;
}

}  // namespace raven
