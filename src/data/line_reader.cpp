#include "data/line_reader.hpp"

#include <algorithm>
#include <utility>

#include "raven/core/error.hpp"
#include "raven/core/utf8.hpp"

namespace raven {
namespace {

constexpr std::size_t longest_line = std::size_t{1} << 20;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

LineReader::LineReader(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)), block_(std::size_t{1} << 18, '\0') {}

void LineReader::refuse(int line, const std::string& problem, const std::string& remedy) const {
  throw InputError({source_->name(), line}, problem, remedy);
}

bool LineReader::next(std::string& line) {
  line.clear();
  bool some = false;
  for (;;) {
    if (used_ == filled_) {
      filled_ = source_->read(std::as_writable_bytes(std::span(block_)));
      used_ = 0;
      if (filled_ == 0) break;
    }
    if (std::exchange(after_cr_, false) && block_[used_] == '\n') {
      ++used_;
      continue;
    }
    if (!some) ++number_;
    some = true;
    const std::size_t end = std::min(block_.find_first_of("\r\n", used_), filled_);
    line.append(block_, used_, end - used_);
    used_ = end;
    if (line.size() > longest_line) {
      refuse("the line is longer than 1 MiB", "check that this is a text of the format named");
    }
    if (end < filled_) {
      after_cr_ = block_[end] == '\r';
      ++used_;
      break;
    }
  }
  if (!some) return false;
  if (number_ == 1 && line.starts_with(byte_order_mark)) line.erase(0, byte_order_mark.size());
  check(line);
  return true;
}

void LineReader::check(const std::string& line) const {
  const auto plain = [](char c) { return static_cast<unsigned char>(c) < 0x80 && c != 0; };
  if (std::ranges::all_of(line, plain)) return;
  if (line.find('\0') != std::string::npos) {
    refuse("there is a zero byte, so this is no text", "save it as UTF-8 text");
  }
  if (const std::size_t at = first_not_utf8(line); at != std::string::npos) {
    refuse("the line is not UTF-8 at its byte " + std::to_string(at),
           "convert it to UTF-8, for instance with iconv");
  }
}

std::string shown(std::string_view text) {
  constexpr std::size_t most = 60;
  return "'" + std::string(utf8_front(text, most)) + (text.size() > most ? "...'" : "'");
}

}  // namespace raven
