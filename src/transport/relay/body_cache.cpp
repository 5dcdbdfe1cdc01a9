#include "transport/relay/body_cache.hpp"

#include <utility>

namespace raven::relay {

Blob SentBodies::place(const Blob& body, bool shared, Carried& carried) {
  if (!shared) {
    kept_.clear();
    by_place_.clear();
    bytes_ = 0;
  }
  carried.keep_from = kept_.empty() ? next_ : kept_.front().number;
  if (body.empty()) return {};
  carried.place = Carried::Body::here;
  if (!shared || body.size() < smallest_kept || body.size() > most_bytes_) return body;
  const auto where = std::pair(body.bytes().data(), body.size());
  if (const auto found = by_place_.find(where); found != by_place_.end()) {
    carried.place = Carried::Body::kept;
    carried.body = found->second;
    return {};
  }
  while (bytes_ + body.size() > most_bytes_) {
    const Kept& oldest = kept_.front();
    bytes_ -= oldest.body.size();
    by_place_.erase({oldest.body.bytes().data(), oldest.body.size()});
    kept_.pop_front();
  }
  carried.place = Carried::Body::here_keep;
  carried.body = next_;
  carried.keep_from = kept_.empty() ? next_ : kept_.front().number;
  bytes_ += body.size();
  by_place_[where] = next_;
  kept_.push_back({body, next_++});
  return body;
}

std::optional<Blob> ReceivedBodies::resolve(const Carried& carried, Blob travelled) {
  if (carried.keep_from > first_ + kept_.size()) return std::nullopt;
  while (first_ < carried.keep_from) {
    bytes_ -= kept_.front().size();
    kept_.pop_front();
    ++first_;
  }
  switch (carried.place) {
    case Carried::Body::none:
      return travelled.empty() ? std::optional(Blob()) : std::nullopt;
    case Carried::Body::here:
      return travelled.empty() ? std::nullopt : std::optional(std::move(travelled));
    case Carried::Body::here_keep:
      if (carried.body != first_ + kept_.size() || travelled.size() < smallest_kept ||
          travelled.size() > most_bytes_ - bytes_) {
        return std::nullopt;
      }
      bytes_ += travelled.size();
      kept_.push_back(travelled);
      return travelled;
    case Carried::Body::kept:
      if (carried.body < first_ || carried.body - first_ >= kept_.size() || !travelled.empty()) {
        return std::nullopt;
      }
      return kept_[static_cast<std::size_t>(carried.body - first_)];
  }
  return std::nullopt;
}

}  // namespace raven::relay
