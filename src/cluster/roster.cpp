#include "raven/cluster/roster.hpp"

#include <algorithm>

namespace raven {

Member* Roster::find(PeerId peer) {
  const auto found = std::find_if(members_.begin(), members_.end(), [&](const Member& member) {
    return member.peer == peer && member.state != Member::State::gone;
  });
  return found == members_.end() ? nullptr : &*found;
}

Member* Roster::find_ever(PeerId peer) {
  const auto found = std::find_if(members_.begin(), members_.end(),
                                  [&](const Member& member) { return member.peer == peer; });
  return found == members_.end() ? nullptr : &*found;
}

Member& Roster::add(Member member) { return members_.emplace_back(std::move(member)); }

int Roster::ready_count() const {
  return static_cast<int>(std::count_if(members_.begin(), members_.end(), [](const Member& member) {
    return member.state == Member::State::ready;
  }));
}

bool Roster::knows_speeds() const {
  return std::any_of(members_.begin(), members_.end(), [](const Member& member) {
    return member.state == Member::State::ready && member.speed > 0;
  });
}

double Roster::speed_of(const Member& member) const {
  if (member.speed > 0) return member.speed;
  double speed = 0;
  double threads = 0;
  for (const Member& other : members_) {
    if (other.state != Member::State::ready || other.speed <= 0) continue;
    speed += other.speed;
    threads += other.hello.threads;
  }
  return threads > 0 ? speed / threads * member.hello.threads : member.hello.threads;
}

}  // namespace raven
