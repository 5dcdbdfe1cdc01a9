#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "data/input_file.hpp"
#include "raven/core/bytes.hpp"

namespace raven {

/// Bytes read once from front to back, for importers. Constant memory whatever the size.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// Fills as much of `out` as there is; fewer bytes only at the end. @throws InputError when the
  /// input is damaged
  virtual std::size_t read(std::span<std::byte> out) = 0;
  /// Bytes of the file on disk consumed so far.
  [[nodiscard]] virtual std::uint64_t stored_offset() const = 0;

  /// For messages: the file, and the member of an archive.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Bytes handed out so far, after decompression.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

  /// Exactly out.size() bytes. @throws InputError naming offset and `what` is cut short
  void read_exactly(std::span<std::byte> out, const char* what);
  /// @throws InputError when anything is left
  void expect_end();
  /// An InputError at the present offset. @return never
  [[noreturn]] void refuse(const std::string& problem, const std::string& remedy) const;

 protected:
  explicit ByteSource(std::string name) : name_(std::move(name)) {}
  std::uint64_t offset_ = 0;

 private:
  std::string name_;
};

/// A file, unpacked on the way when it is gzip. @throws InputError
[[nodiscard]] std::unique_ptr<ByteSource> open_file_source(const InputFile& file);

/// Member `name` of a ZIP archive, stored or deflated; its CRC is checked at its end. @throws
/// InputError
[[nodiscard]] std::unique_ptr<ByteSource> open_zip_source(const InputFile& file,
                                                          const std::string& name);

}  // namespace raven
