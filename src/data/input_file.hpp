#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace raven {

/// A file to import, which can be opened any number of times.
///
/// What can be read only once (a pipe, a FIFO, /dev/stdin, a process substitution) is copied whole
/// to a temporary file without a name, which is gone with this object, or with the process however
/// that ends. Devices, terminals and sockets are refused at once.
class InputFile {
 public:
  /// The most bytes that are copied; whoever has more keeps them in a file.
  static constexpr std::uint64_t most_copied = std::uint64_t{1} << 38;

  /// @throws InputError when it can't be read, or the temporary folder has no room for the copy
  explicit InputFile(const std::filesystem::path& file, std::uint64_t most = most_copied);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// As the user named it, for messages.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Where its bytes lie.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// As stored; 0 when unknown.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  void copy(std::uint64_t most);

  std::string name_;
  std::filesystem::path path_;
  int copy_ = -1;
};

}  // namespace raven
