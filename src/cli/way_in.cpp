#include "cli/way_in.hpp"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "cli/console.hpp"
#include "cli/run_files.hpp"
#include "raven/core/error.hpp"
#include "raven/transport/gateway.hpp"

namespace raven {
namespace {

using Clock = std::chrono::steady_clock;

/// How long a gateway may have others to let in first.
constexpr std::chrono::seconds turn{30};
/// Between two looks at a run that lets nobody in.
constexpr std::chrono::milliseconds look_interval{50};
/// Between two tries at doors that do not open: each costs the run an event and a communicator.
constexpr std::chrono::milliseconds first_pause{250};
constexpr std::chrono::milliseconds longest_pause{30'000};
/// Who comes in and loses its way again so soon was not really let in.
constexpr std::chrono::seconds short_stay{10};

/// Whether the run in this folder has come to its end.
bool is_complete(const std::filesystem::path& run) {
  const std::optional<Folder> folder = Folder::find(run);
  const std::optional<SummaryHead> summary = folder ? summary_head(*folder) : std::nullopt;
  return summary && summary->complete;
}

bool is_among(const DoorFile& doors, const DoorFile::Gateway& gateway) {
  return std::ranges::any_of(doors.gateways, [&](const DoorFile::Gateway& one) {
    return one.port == gateway.port && one.address == gateway.address;
  });
}

bool same_doors(const DoorFile& a, const DoorFile& b) {
  return a.token == b.token && a.gateways.size() == b.gateways.size() &&
         std::ranges::all_of(a.gateways, [&](const auto& gateway) { return is_among(b, gateway); });
}

/// Calls `attempt` with the run's doors until it is true or `patience` is over.
/// @return false when the run is complete or this process was asked to stop
/// @throws InputError when the time is over
bool at_doors(const std::filesystem::path& run, std::chrono::seconds patience, DoorPause& pause,
              const std::function<bool(const DoorFile&, std::string& failure)>& attempt) {
  const auto deadline = Clock::now() + patience;
  std::string failure = "the run lets nobody in: it has not begun, or it has no gateways";
  std::string told;
  for (;;) {
    // First, because a master that was killed after its last word leaves its doors behind.
    if (is_complete(run) || asked_to_stop() != 0) return false;
    const std::optional<DoorFile> doors = read_door(run);
    const bool tries = doors && pause.is_over(*doors, Clock::now());
    if (tries) {
      if (attempt(*doors, failure)) return true;
      pause.begin(*doors, Clock::now());
    }
    if (Clock::now() >= deadline) {
      throw InputError({run.string()}, failure, "start it with 'raven launch JOB --gateways 1'");
    }
    if (told != failure && (tries || !doors)) {
      print_failure(failure + "; waiting");
      told = failure;
    }
    std::this_thread::sleep_for(look_interval);
  }
}

}  // namespace

bool DoorPause::is_over(const DoorFile& doors, Clock::time_point now) const {
  return now >= ends_ || !same_doors(doors, tried_);
}

void DoorPause::begin(const DoorFile& doors, Clock::time_point now) {
  length_ = same_doors(doors, tried_) ? std::min(2 * length_, longest_pause) : first_pause;
  tried_ = doors;
  // Not in step with others that came at the same moment.
  ends_ = now + length_ + length_ * (::getpid() % 16) / 32;
}

WayIn::WayIn(std::filesystem::path run, Patience patience, std::string own_server,
             std::function<void()> begin_anew)
    : run_(std::move(run)),
      patience_(patience),
      own_server_(std::move(own_server)),
      begin_anew_(std::move(begin_anew)) {}

std::optional<DoorFile> WayIn::wait_for_doors(const std::filesystem::path& run,
                                              std::chrono::seconds patience) {
  std::optional<DoorFile> found;
  DoorPause pause;
  at_doors(run, patience, pause, [&](const DoorFile& doors, std::string&) {
    found = doors;
    return true;
  });
  return found;
}

ContributorEnd WayIn::contribute(Workplace& workplace, std::unique_ptr<Transport> first) {
  std::unique_ptr<Transport> transport = first ? std::move(first) : enter(patience_.first);
  while (transport) {
    const auto entered = Clock::now();
    ContributorEnd end = workplace.contribute(*transport);
    transport.reset();
    if (end.kind == ContributorEnd::Kind::over && patience_.stays && asked_to_stop() == 0) {
      // Unless it is complete. Its doors may stay for a moment, and are none any more.
      used_is_over_ = true;
      transport = enter(patience_.again);
      continue;
    }
    if (end.kind != ContributorEnd::Kind::lost) return end;
    if (own_server_.empty() || asked_to_stop() != 0) return end;
    if (const auto now = Clock::now(); now - entered < short_stay) {
      pause_.begin(entered_by_, now);
    } else {
      pause_ = {};
    }
    print_failure("this contributor lost its way to the run: " + end.why + "; looking for another");
    transport = enter(patience_.again);
  }
  if (needs_new_process_) {
    return {ContributorEnd::Kind::lost, "the run has another ompi-server now"};
  }
  return {asked_to_stop() != 0 ? ContributorEnd::Kind::left : ContributorEnd::Kind::over, {}};
}

std::unique_ptr<Transport> WayIn::enter(std::chrono::seconds patience) {
  std::unique_ptr<Transport> transport;
  at_doors(run_, patience, pause_, [&](const DoorFile& doors, std::string& failure) {
    if (used_is_over_ && is_among(doors, used_)) return false;
    needs_new_process_ = !doors.mpi_server.empty() && doors.mpi_server != own_server_;
    if (needs_new_process_) return true;
    transport = try_doors(doors, failure);
    return transport != nullptr;
  });
  return transport;
}

std::unique_ptr<Transport> WayIn::try_doors(const DoorFile& doors, std::string& failure) {
  for (const DoorFile::Gateway& gateway : doors.gateways) {
    Entrance entrance = enter_through({gateway.address, gateway.port, doors.token}, node_name(),
                                      turn, {}, begin_anew_);
    if (entrance.transport) {
      used_ = gateway;
      entered_by_ = doors;
      used_is_over_ = false;
      return std::move(entrance.transport);
    }
    failure = entrance.failure;
  }
  return nullptr;
}

}  // namespace raven
