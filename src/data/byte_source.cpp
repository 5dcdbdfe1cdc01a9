#include "data/byte_source.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "raven/core/error.hpp"

namespace raven {
namespace {

/// zlib's own reader passes files through that are not gzip.
class FileSource final : public ByteSource {
 public:
  explicit FileSource(const InputFile& file)
      : ByteSource(file.name()), handle_(gzopen(file.path().c_str(), "rb"), gzclose_r) {
    if (!handle_) {
      throw InputError({file.name()}, "can't be opened for reading",
                       "check that it exists and that you may read it");
    }
    gzbuffer(handle_.get(), 1U << 18);
  }

  std::size_t read(std::span<std::byte> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto wanted = static_cast<unsigned>(std::min<std::size_t>(out.size() - done, 1U << 30));
      const int got = gzread(handle_.get(), out.data() + done, wanted);
      int error = Z_OK;
      if (got < 0 || (gzerror(handle_.get(), &error), error < 0)) {
        refuse("reading failed here: the gzip data is damaged or cut short", "get a clean copy");
      }
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
      offset_ += static_cast<std::uint64_t>(got);
    }
    return done;
  }

  [[nodiscard]] std::uint64_t stored_offset() const override {
    const auto at = gzoffset(handle_.get());
    return at < 0 ? 0 : static_cast<std::uint64_t>(at);
  }

 private:
  std::unique_ptr<gzFile_s, int (*)(gzFile_s*)> handle_;
};

}  // namespace

void ByteSource::refuse(const std::string& problem, const std::string& remedy) const {
  throw InputError({name_}, "at byte " + std::to_string(offset_) + ": " + problem, remedy);
}

void ByteSource::read_exactly(std::span<std::byte> out, const char* what) {
  const std::size_t got = read(out);
  if (got == out.size()) return;
  refuse(std::string(what) + " is cut short: " + std::to_string(out.size() - got) +
             " bytes are missing",
         "get a whole copy of the file");
}

void ByteSource::expect_end() {
  std::array<std::byte, 1> more{};
  if (read(more) != 0) {
    refuse("there are more bytes than the header says",
           "check that the header belongs to these data");
  }
}

std::unique_ptr<ByteSource> open_file_source(const InputFile& file) {
  return std::make_unique<FileSource>(file);
}

}  // namespace raven
