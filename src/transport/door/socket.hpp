#pragma once

#include <unistd.h>

#include <utility>

namespace raven::door {

/// Owns a file descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int handle) : handle_(handle) {}
  ~Socket() { reset(); }
  Socket(Socket&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, -1);
    }
    return *this;
  }

  [[nodiscard]] int handle() const { return handle_; }
  [[nodiscard]] bool valid() const { return handle_ >= 0; }
  void reset() {
    if (handle_ >= 0) ::close(handle_);
    handle_ = -1;
  }

 private:
  int handle_ = -1;
};

}  // namespace raven::door
