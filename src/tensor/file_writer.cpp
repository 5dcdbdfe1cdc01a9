#include "tensor/file_writer.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"

namespace raven {

FileWriter::FileWriter(const std::filesystem::path& place)
    : place_(place), file_(place), out_(std::fopen(file_.temporary().c_str(), "wb"), std::fclose) {
  if (!out_) fail("creating it");
}

void FileWriter::put(ByteSpan bytes) {
  if (!bytes.empty() && std::fwrite(bytes.data(), 1, bytes.size(), out_.get()) != bytes.size()) {
    fail("writing it");
  }
  size_ += bytes.size();
}

void FileWriter::put_at(std::uint64_t offset, ByteSpan bytes) {
  expects(offset + bytes.size() <= size_, "only what is there is written over");
  const bool moved = ::fseeko(out_.get(), static_cast<off_t>(offset), SEEK_SET) == 0;
  if (!moved || std::fwrite(bytes.data(), 1, bytes.size(), out_.get()) != bytes.size() ||
      ::fseeko(out_.get(), 0, SEEK_END) != 0) {
    fail("writing it");
  }
}

void FileWriter::commit() {
  if (std::fclose(out_.release()) != 0) fail("writing it");
  file_.commit();
}

void FileWriter::fail(const char* what) const {
  throw InputError({place_.string()}, std::string(what) + " failed (" + std::strerror(errno) + ")",
                   "check free space and permissions there");
}

}  // namespace raven
