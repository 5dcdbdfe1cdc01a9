#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "raven/core/bytes.hpp"
#include "raven/data/import.hpp"

namespace raven {

/// How rows of an array become samples whose last dimension is the channel.
class ChannelOrder {
 public:
  using Refuse = std::function<void(const std::string& problem, const std::string& remedy)>;

  /// @param dims of a row @param refuse never returns; called when the order can't be told, or such
  /// rows have no channels to turn
  ChannelOrder(std::vector<std::int64_t> dims, Channels channels, const Refuse& refuse);

  /// Of a sample.
  [[nodiscard]] const std::vector<std::int64_t>& dims() const { return dims_; }
  /// The place in a sample of each element of a row; empty: the same.
  [[nodiscard]] const std::vector<std::uint32_t>& places() const { return places_; }

 private:
  std::vector<std::int64_t> dims_;
  std::vector<std::uint32_t> places_;
};

}  // namespace raven
