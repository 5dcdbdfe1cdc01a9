#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "raven/core/folder.hpp"
#include "raven/core/function_ref.hpp"

namespace raven {

/// A file of a run directory to which lines are appended, each whole or not at all. Lines that the
/// disk refuses wait in memory and go first the next time. Threads: one; handle() may be synced by
/// others.
class LineFile {
 public:
  /// Bytes of lines that may wait; further ones are lost.
  static constexpr std::size_t most_waiting = std::size_t{1} << 20;
  /// Bytes of a line that is read back, at most.
  static constexpr std::size_t longest_line = std::size_t{1} << 20;

  /// Opens the file, or makes it, and cuts off a piece of a line that a machine which went down has
  /// left at its end. @throws InputError
  LineFile(const Folder& run, const char* name);

  /// @param line without its end. @return false when it has to wait
  bool append(std::string_view line);
  /// Writes what waits. @return whether nothing waits any more
  bool flush();
  /// Why lines wait; empty when none does.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  /// How many were lost since the last call.
  [[nodiscard]] std::uint64_t take_lost();

  /// Takes lines off the end until one is to be kept. An unreadably long line is shown empty.
  /// @return the one that is kept; none when the file is empty now  @throws InputError
  std::optional<std::string> cut_back(FunctionRef<bool(const std::string& line)> keep);
  /// Shows lines from the last one on until one is found. @return that one
  [[nodiscard]] std::optional<std::string> find_back(
      FunctionRef<bool(const std::string& line)> found) const;
  [[nodiscard]] int handle() const { return file_.number(); }

 private:
  [[nodiscard]] off_t size() const;
  /// Where the line begins that ends before `end`.
  [[nodiscard]] off_t begin_of_line(off_t end) const;
  [[nodiscard]] std::string line_at(off_t begin, off_t end) const;
  void cut(off_t end);

  std::filesystem::path path_;
  Descriptor file_;
  std::string waiting_;
  std::string refusal_;
  std::uint64_t lost_ = 0;
};

}  // namespace raven
