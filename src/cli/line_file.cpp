#include "cli/line_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "raven/core/error.hpp"

namespace raven {

LineFile::LineFile(const Folder& run, const char* name)
    : path_(run.path() / name),
      file_(run.open(name, O_RDWR | O_CREAT | O_APPEND, Folder::OtherNames::refused)) {
  const off_t end = size();
  char last = '\n';
  const bool is_torn = end > 0 && ::pread(handle(), &last, 1, end - 1) == 1 && last != '\n';
  if (is_torn) cut(begin_of_line(end + 1));
}

off_t LineFile::size() const { return ::lseek(handle(), 0, SEEK_END); }

void LineFile::cut(off_t end) {
  if (::ftruncate(handle(), end) == 0) return;
  throw InputError({path_.string()}, "can't be cut (" + std::string(std::strerror(errno)) + ")",
                   "check the rights of the file");
}

bool LineFile::append(std::string_view line) {
  if (waiting_.size() + line.size() + 1 > most_waiting) {
    ++lost_;
  } else {
    waiting_.append(line).push_back('\n');
  }
  return flush();
}

bool LineFile::flush() {
  if (waiting_.empty()) return true;
  const off_t before = size();
  if (const int error = write_all(handle(), waiting_); error != 0) {
    // A full disk may have taken a part. What it took it can also give back.
    [[maybe_unused]] const int cut_off = ::ftruncate(handle(), before);
    refusal_ = path_.string() + ": " + std::strerror(error);
    return false;
  }
  waiting_.clear();
  refusal_.clear();
  return true;
}

std::uint64_t LineFile::take_lost() { return std::exchange(lost_, 0); }

off_t LineFile::begin_of_line(off_t end) const {
  std::array<char, 65536> block{};
  // The end of the line itself does not count.
  off_t at = end - 1;
  while (at > 0) {
    const auto count = std::min<off_t>(at, static_cast<off_t>(block.size()));
    if (::pread(handle(), block.data(), static_cast<std::size_t>(count), at - count) != count) {
      return at;
    }
    const std::string_view text(block.data(), static_cast<std::size_t>(count));
    const std::size_t found = text.rfind('\n');
    if (found != std::string_view::npos) return at - count + static_cast<off_t>(found) + 1;
    at -= count;
  }
  return 0;
}

std::string LineFile::line_at(off_t begin, off_t end) const {
  const auto bytes = static_cast<std::size_t>(end - 1 - begin);
  if (bytes > longest_line) return {};
  std::string line(bytes, '\0');
  const ssize_t got = ::pread(handle(), line.data(), bytes, begin);
  return got == static_cast<ssize_t>(bytes) ? line : std::string();
}

std::optional<std::string> LineFile::find_back(
    FunctionRef<bool(const std::string& line)> found) const {
  for (off_t end = size(); end > 0;) {
    const off_t begin = begin_of_line(end);
    std::string line = line_at(begin, end);
    if (found(line)) return line;
    end = begin;
  }
  return std::nullopt;
}

std::optional<std::string> LineFile::cut_back(FunctionRef<bool(const std::string& line)> keep) {
  const off_t whole = size();
  for (off_t end = whole; end > 0;) {
    const off_t begin = begin_of_line(end);
    std::string line = line_at(begin, end);
    if (keep(line)) {
      if (end < whole) cut(end);
      return line;
    }
    end = begin;
  }
  if (whole > 0) cut(0);
  return std::nullopt;
}

}  // namespace raven
