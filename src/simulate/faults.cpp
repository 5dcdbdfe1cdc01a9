#include "raven/simulate/faults.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "raven/core/error.hpp"

namespace raven {
namespace {

constexpr std::array table{
    FaultDef{FaultKind::drop, "drop", true, false,
             "a direction of a link loses everything from now on"},
    FaultDef{FaultKind::delay, "delay", true, false, "a message, and what follows it, comes late"},
    FaultDef{FaultKind::duplicate, "duplicate", true, true, "a message comes twice"},
    FaultDef{FaultKind::reorder, "reorder", true, true, "a message overtakes the one before it"},
    FaultDef{FaultKind::corrupt, "corrupt", true, true,
             "a bit of a message's head or graph is flipped"},
    FaultDef{FaultKind::truncate, "truncate", true, true, "the end of a message is missing"},
    FaultDef{FaultKind::die_before, "die-before", true, false,
             "a contributor dies before it computes"},
    FaultDef{FaultKind::die_after, "die-after", true, false,
             "a contributor dies after some answers"},
    FaultDef{FaultKind::pause, "pause", true, false,
             "a process stands still for a while (SIGSTOP)"},
    FaultDef{FaultKind::slow, "slow", true, false, "a contributor computes slowly for a while"},
    FaultDef{FaultKind::bad_shard, "bad-shard", true, false,
             "a contributor can't read its shards any more"},
    FaultDef{FaultKind::join_storm, "join-storm", true, false, "many join at once, few stay"},
    FaultDef{FaultKind::partition, "partition", true, false, "some links stand still, then go on"},
    FaultDef{FaultKind::leave, "leave", true, false, "a contributor says goodbye and goes"},
    FaultDef{FaultKind::crash, "crash", true, false, "the master dies and is started again"},
    FaultDef{FaultKind::stop, "stop", true, false,
             "the master is asked to stop, and started again"},
    FaultDef{FaultKind::short_write, "short-write", true, false,
             "the disk is full within a checkpoint"},
    FaultDef{FaultKind::no_space, "no-space", true, false, "the disk is full before a checkpoint"},
    FaultDef{FaultKind::failed_sync, "failed-sync", true, false, "fsync of a checkpoint fails"},
    FaultDef{FaultKind::torn, "torn", true, false,
             "the master dies and its newest checkpoint is damaged"},
    // Nothing but a second opinion tells a wrong number from a right one.
    FaultDef{FaultKind::tamper, "tamper", false, true, "a bit of a tensor on its way is flipped"},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].kind) != i) return false;
  }
  return true;
}
static_assert(in_order());

std::string all_names() {
  std::string names;
  for (const FaultDef& def : table) names += (names.empty() ? "" : ", ") + std::string(def.name);
  return names;
}

}  // namespace

std::span<const FaultDef> fault_table() { return table; }

FaultSet FaultSet::all() {
  FaultSet set;
  for (const FaultDef& def : table) {
    if (def.promised) set.add(def.kind);
  }
  return set;
}

FaultSet FaultSet::honest() {
  FaultSet set;
  for (const FaultDef& def : table) {
    if (def.promised && !def.attack) set.add(def.kind);
  }
  return set;
}

bool FaultSet::has_attacks() const {
  return std::any_of(table.begin(), table.end(),
                     [&](const FaultDef& def) { return def.attack && has(def.kind); });
}

FaultSet FaultSet::named(std::string_view list) {
  if (list == "all") return all();
  if (list == "honest") return honest();
  FaultSet set;
  if (list == "none") return set;
  while (true) {
    const std::string_view name = list.substr(0, list.find(','));
    const FaultDef* found = nullptr;
    for (const FaultDef& def : table) {
      if (def.name == name) found = &def;
    }
    if (found == nullptr) {
      throw InputError("there is no fault '" + std::string(name) + "'",
                       "choose all, honest, none, or some of " + all_names());
    }
    set.add(found->kind);
    if (name.size() == list.size()) return set;
    list.remove_prefix(name.size() + 1);
  }
}

}  // namespace raven
