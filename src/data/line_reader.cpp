#include "data/line_reader.hpp"

#include <algorithm>

#include "data/text_pieces.hpp"
#include "raven/core/error.hpp"

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
    if (!some) ++number_;
    some = true;
    const std::size_t end = std::min(block_.find('\n', used_), filled_);
    line.append(block_, used_, end - used_);
    used_ = end;
    if (line.size() > longest_line) {
      refuse("the line is longer than 1 MiB", "check that this is a text of the format named");
    }
    if (end < filled_) {
      ++used_;
      break;
    }
  }
  if (!some) return false;
  if (line.ends_with('\r')) line.pop_back();
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
  try {
    (void)characters_of(line);
  } catch (const InputError& error) {
    refuse(error.problem(), error.remedy());
  }
}

std::string shown(std::string_view text) {
  constexpr std::size_t most = 60;
  return "'" + std::string(text.substr(0, most)) + (text.size() > most ? "...'" : "'");
}

}  // namespace raven
