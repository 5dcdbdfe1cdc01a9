#include "data/channel_order.hpp"

namespace raven {
namespace {

constexpr std::int64_t most_channels = 4;  // red, green, blue, alpha

std::string text_of(const std::vector<std::int64_t>& dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(dims[i]);
  }
  return text + "]";
}

/// Few channels in front of a picture.
bool looks_channels_first(const std::vector<std::int64_t>& dims) {
  return dims.size() == 3 && dims[0] <= most_channels && dims[1] > most_channels &&
         dims[2] > most_channels;
}

}  // namespace

ChannelOrder::ChannelOrder(std::vector<std::int64_t> dims, Channels channels, const Refuse& refuse)
    : dims_(std::move(dims)) {
  if (channels == Channels::ask && looks_channels_first(dims_)) {
    refuse("the rows have the shape " + text_of(dims_) +
               ", which looks like images with their channels first; raven's are channels-last",
           "say which: --channels first turns them, --channels last takes " +
               std::to_string(dims_[2]) + " channels");
  }
  if (channels != Channels::first) return;
  if (dims_.size() != 3) {
    refuse("the rows have the shape " + text_of(dims_) +
               ", which is none of channels, height and width",
           "leave out --channels first");
  }
  const std::int64_t depth = dims_[0];
  const std::int64_t pixels = dims_[1] * dims_[2];
  places_.reserve(static_cast<std::size_t>(depth * pixels));
  for (std::int64_t channel = 0; channel < depth; ++channel) {
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
      places_.push_back(static_cast<std::uint32_t>(pixel * depth + channel));
    }
  }
  dims_ = {dims_[1], dims_[2], depth};
}

}  // namespace raven
