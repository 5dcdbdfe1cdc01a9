#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace raven {

/// What can go wrong in a simulated world.
enum class FaultKind : std::uint8_t {
  drop,
  delay,
  duplicate,
  reorder,
  corrupt,
  truncate,
  die_before,
  die_after,
  pause,
  slow,
  bad_shard,
  join_storm,
  partition,
  leave,
  crash,
  stop,
  short_write,
  no_space,
  failed_sync,
  torn,
  tamper,
};

/// A kind of fault: a row in a table.
struct FaultDef {
  FaultKind kind;
  std::string_view name;  ///< on the command line and in traces
  /// Whether raven promises the same bits in spite of it: these are "all" faults.
  bool promised;
  /// Whether it breaks what every real transport guarantees (whole messages, once, as sent, in
  /// order), so that the receiver has reason to take the sender for a liar.
  bool attack;
  std::string_view help;  ///< one line for a person
};

/// In the order of FaultKind.
[[nodiscard]] std::span<const FaultDef> fault_table();

/// Some kinds of faults.
class FaultSet {
 public:
  FaultSet() = default;

  [[nodiscard]] static FaultSet all();
  /// All but attacks: while messages arrive as sent, nobody may be taken for a liar either.
  [[nodiscard]] static FaultSet honest();
  /// "all", "honest", "none", or names with commas between. @throws InputError for a name that is
  /// none
  [[nodiscard]] static FaultSet named(std::string_view list);

  void add(FaultKind kind) { bits_ |= bit(kind); }
  [[nodiscard]] bool has(FaultKind kind) const { return (bits_ & bit(kind)) != 0; }
  [[nodiscard]] bool has_attacks() const;
  [[nodiscard]] bool empty() const { return bits_ == 0; }

 private:
  static constexpr std::uint32_t bit(FaultKind kind) {
    return std::uint32_t{1} << static_cast<unsigned>(kind);
  }
  std::uint32_t bits_ = 0;
};

}  // namespace raven
