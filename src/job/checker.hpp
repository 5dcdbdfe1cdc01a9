#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "job/yaml_tree.hpp"
#include "raven/core/option.hpp"

namespace raven {

/// Turns values of a YAML tree into what they must be, and gathers what is wrong instead of
/// stopping. `what` is the path of the value in the job, "train.batch", for messages.
class Checker {
 public:
  explicit Checker(std::vector<InputError>& errors) : errors_(errors) {}

  void report(const Place& place, std::string problem, std::string remedy);

  [[nodiscard]] std::optional<bool> boolean(const YamlNode& node, const std::string& what);
  [[nodiscard]] std::optional<std::int64_t> integer(const YamlNode& node, const std::string& what,
                                                    std::int64_t min, std::int64_t max);
  [[nodiscard]] std::optional<double> real(const YamlNode& node, const std::string& what,
                                           double min, double max);
  [[nodiscard]] std::optional<std::vector<double>> reals(const YamlNode& node,
                                                         const std::string& what, double min,
                                                         double max);
  [[nodiscard]] std::optional<std::vector<std::int64_t>> integers(const YamlNode& node,
                                                                  const std::string& what,
                                                                  std::int64_t min,
                                                                  std::int64_t max);
  /// One word out of `choices`; any text when that is empty.
  [[nodiscard]] std::optional<std::string> text(const YamlNode& node, const std::string& what,
                                                std::span<const std::string_view> choices = {});

 private:
  /// A list, or a single item that stands for a list of one.
  template <class T, class Read>
  std::optional<std::vector<T>> list(const YamlNode& node, const std::string& what,
                                     const std::string& example, Read read);

  std::vector<InputError>& errors_;
};

/// Reads one map key by key; finish() then reports the keys that nobody asked for, and those that
/// are missing unless one of the former seems to be a misspelt one of the latter.
class MapReader {
 public:
  /// @param path of the map, "train"; empty for the whole job
  /// Nothing at all ("train:" and no more) counts as a map without keys; anything else but a map is
  /// reported.
  MapReader(Checker& checker, const YamlNode& node, std::string path);

  /// The value under `key`, null when the map has none. From now on the key is known.
  [[nodiscard]] const YamlNode* find(std::string_view key);
  /// The same, and its absence is reported with a `remedy`, at `owner` if given and else where the
  /// map begins.
  [[nodiscard]] const YamlNode* need(std::string_view key, std::string remedy,
                                     const Place* owner = nullptr);

  /// Each writes to `into` only when the key is there and its value good.
  void boolean(std::string_view key, bool& into);
  void integer(std::string_view key, std::int64_t& into, std::int64_t min, std::int64_t max);
  void integer(std::string_view key, int& into, int min, int max);
  void real(std::string_view key, double& into, double min, double max);

  [[nodiscard]] std::string path_of(std::string_view key) const;
  [[nodiscard]] Checker& checker() const { return checker_; }
  void finish();

 private:
  struct Missing {
    std::string_view key;
    Place place;
    std::string remedy;
  };

  Checker& checker_;
  const YamlNode& node_;
  std::string path_;
  std::vector<std::string_view> known_;
  std::vector<Missing> missing_;
};

/// Reads the options of a layer, loss, optimizer or schedule: each checked against its OptionDef,
/// defaults filled in.
[[nodiscard]] Options read_options(MapReader& reader, std::span<const OptionDef> options,
                                   const Place& owner);

/// "a whole number from 1 to 65536", for remedies and for documentation; infinite bounds are left
/// out.
[[nodiscard]] std::string range_in_words(const OptionDef& option);

}  // namespace raven
