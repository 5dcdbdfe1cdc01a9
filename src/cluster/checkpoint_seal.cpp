#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cluster/checkpoint_format.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"

namespace raven::checkpoint_format {
namespace {

constexpr std::string_view first_words = "raven checkpoint ";
constexpr char other_copy[] = "use another checkpoint or a clean copy";

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& problem,
                         const std::string& remedy = other_copy) {
  throw InputError({file.string()}, problem, remedy);
}

class OpenFile {
 public:
  OpenFile(const std::filesystem::path& path, int flags)
      : path_(path), handle_(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK)) {
    if (handle_ < 0) {
      refuse(path, "this checkpoint can't be opened (" + std::string(std::strerror(errno)) + ")",
             "check that it exists and that you may read it");
    }
  }
  ~OpenFile() { ::close(handle_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  [[nodiscard]] std::uintmax_t bytes() const {
    struct stat status {};
    if (::fstat(handle_, &status) != 0 || !S_ISREG(status.st_mode)) {
      refuse(path_, "a checkpoint must be a plain file");
    }
    return static_cast<std::uintmax_t>(status.st_size);
  }

  /// Fills `to` as far as the file goes.
  std::size_t read(std::span<std::byte> to) const {
    std::size_t got = 0;
    while (got < to.size()) {
      const ssize_t count = ::read(handle_, to.data() + got, to.size() - got);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        refuse(path_, "reading it failed half-way (" + std::string(std::strerror(errno)) + ")",
               "check the disk");
      }
      if (count == 0) break;
      got += static_cast<std::size_t>(count);
    }
    return got;
  }

  void write_in_front(std::string_view text) const {
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t count =
          ::pwrite(handle_, text.data() + done, text.size() - done, static_cast<off_t>(done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        refuse(path_, "writing it failed (" + std::string(std::strerror(errno)) + ")",
               "check free space and permissions there");
      }
      done += static_cast<std::size_t>(count);
    }
  }

 private:
  const std::filesystem::path& path_;
  int handle_;
};

struct Content {
  Digest digest;
  std::uintmax_t bytes = 0;
};

Content rest_of(const OpenFile& file) {
  Hasher hasher;
  Content content;
  Bytes block(std::size_t{1} << 16);
  for (std::size_t got = 0; (got = file.read(block)) > 0;) {
    hasher.add(ByteSpan(block).first(got));
    content.bytes += got;
  }
  content.digest = hasher.finish();
  return content;
}

/// The text of the seal: format, length and SHA-256 of what is behind it, filled up to seal_bytes.
std::string seal_text(const Digest& content, std::uintmax_t content_bytes) {
  std::string text =
      std::string(first_words) + std::to_string(version) + "\nsha256 " + to_hex(content) +
      "\nbytes " + std::to_string(content_bytes) +
      "\nThis is an HDF5 file behind a block of 512 bytes, which HDF5 programs skip."
      "\nsha256 and bytes are of what follows the block: tail -c +513 FILE | sha256sum\n";
  expects(text.size() <= seal_bytes, "the seal fits its block");
  text.resize(seal_bytes, '\n');
  return text;
}

}  // namespace

std::uintmax_t check_seal(const std::filesystem::path& path) {
  const OpenFile file(path, O_RDONLY);
  const std::uintmax_t size = file.bytes();
  std::string found(seal_bytes, '\0');
  if (file.read(std::as_writable_bytes(std::span(found))) != seal_bytes) {
    refuse(path, "this is no raven checkpoint, or it was cut off after " + std::to_string(size) +
                     " bytes");
  }
  const std::string first_line = std::string(first_words) + std::to_string(version) + "\n";
  if (!found.starts_with(first_words))
    refuse(path, "this is no raven checkpoint, or its first bytes are damaged");
  if (!found.starts_with(first_line)) {
    refuse(path,
           "its format is not version " + std::to_string(version) + ", the one this raven reads",
           "use the raven that wrote it");
  }
  const Content content = rest_of(file);
  if (found != seal_text(content.digest, content.bytes)) {
    refuse(
        path,
        "it is damaged: its " + std::to_string(content.bytes) +
            " bytes of content do not have the length and the SHA-256 that its first lines name");
  }
  return content.bytes;
}

void seal(const std::filesystem::path& path) {
  const OpenFile file(path, O_RDWR);
  std::string room(seal_bytes, '\0');
  expects(file.read(std::as_writable_bytes(std::span(room))) == seal_bytes,
          "there is room for the seal");
  const Content content = rest_of(file);
  file.write_in_front(seal_text(content.digest, content.bytes));
}

}  // namespace raven::checkpoint_format
