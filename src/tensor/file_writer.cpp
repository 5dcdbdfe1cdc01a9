#include "tensor/file_writer.hpp"

#include <cerrno>
#include <cstring>
#include <string>

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

void FileWriter::commit() {
  if (std::fclose(out_.release()) != 0) fail("writing it");
  file_.commit();
}

void FileWriter::fail(const char* what) const {
  throw InputError({place_.string()}, std::string(what) + " failed (" + std::strerror(errno) + ")",
                   "check free space and permissions there");
}

}  // namespace raven
