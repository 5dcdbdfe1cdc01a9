#include "cli/newcomers.hpp"

#include <algorithm>

#include "cli/door_file.hpp"
#include "raven/core/error.hpp"
#include "raven/core/mac.hpp"

namespace raven {
namespace {

using Kind = GatewayNote::Kind;

}  // namespace

Newcomers::Newcomers(RelayTransport* relay, const JobSpec& job, const std::filesystem::path& run,
                     Hooks hooks)
    : relay_(relay),
      run_(run),
      hooks_(std::move(hooks)),
      waiting_(job.newcomers.spawn),
      started_(std::chrono::steady_clock::now()) {
  if (relay_ == nullptr) {
    if (!waiting_.empty()) {
      hooks_.warn(
          "contributors.spawn is for nothing without gateways; start with 'mpirun -n 2 ... "
          "raven train JOB --gateways 1'");
    }
    waiting_.clear();
    return;
  }
  const Digest token = unguessable();
  write_token(run_, token);
  relay_->open({.token = token,
                .let_in = job.newcomers.let_in,
                .master_lost_after = 4 * job.contributors.lost_after});
}

Newcomers::~Newcomers() {
  if (relay_ != nullptr) remove_door(run_);
}

void Newcomers::look(const MasterProgress& progress) {
  if (relay_ == nullptr) return;
  for (const GatewayNote& told : relay_->take_notes()) note(told);
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(waiting_, [&](const JobSpec::Spawn& spawn) {
    const bool due = spawn.at_step ? progress.step >= static_cast<std::uint64_t>(*spawn.at_step)
                                   : now - started_ >= spawn.at_time;
    // When no gateway is there (yet) it stays due.
    return due &&
           relay_->spawn({.count = static_cast<std::uint32_t>(spawn.count), .host = spawn.host});
  });
}

void Newcomers::note(const GatewayNote& note) {
  if (note.kind == Kind::leave) return hooks_.let_go({note.count});
  RunEvent event;
  event.fields.emplace_back("gateway", std::int64_t{note.gateway});
  const auto close = [&] {
    std::erase_if(doors_, [&](const GatewayNote& door) { return door.gateway == note.gateway; });
    write_door();
  };
  switch (note.kind) {
    case Kind::open:
      event.kind = "gateway_open";
      event.fields.emplace_back("address", note.address);
      event.fields.emplace_back("port", std::int64_t{note.port});
      doors_.push_back(note);
      write_door();
      break;
    case Kind::wedged:
      event.kind = "gateway_wedged";
      event.fields.emplace_back("reason", note.text);
      hooks_.warn("gateway " + std::to_string(note.gateway) +
                  " lets nobody in any more: " + note.text);
      break;
    case Kind::recovered:
      event.kind = "gateway_recovered";
      break;
    case Kind::spawning:
      event.kind = "spawning";
      event.fields.emplace_back("count", std::int64_t{note.count});
      if (!note.address.empty()) event.fields.emplace_back("host", note.address);
      break;
    case Kind::refused:
      event.kind = "not_let_in";
      event.fields.emplace_back("reason", note.text);
      break;
    case Kind::leave:
      return;
    case Kind::lost:
      event.kind = "gateway_lost";
      event.fields.emplace_back("reason", note.text);
      hooks_.warn("gateway " + std::to_string(note.gateway) + " is gone: " + note.text);
      close();
      break;
  }
  hooks_.log(std::move(event));
}

void Newcomers::write_door() {
  try {
    write_doors(run_, doors_);
  } catch (const InputError& error) {
    hooks_.warn(std::string("nobody can join: ") + error.what());
  }
}

}  // namespace raven
