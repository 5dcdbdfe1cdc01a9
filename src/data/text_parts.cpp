#include "data/text_parts.hpp"

#include <algorithm>

#include "data/text_pieces.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

bool is_ascii_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

TextParts::TextParts(const InputFile& file, TokenUnit unit, Cut cut, std::size_t usual_part,
                     std::size_t most_part)
    : source_(open_file_source(file)),
      unit_(unit),
      cut_(cut),
      usual_part_(usual_part),
      most_part_(most_part) {}

void TextParts::fill(std::size_t bytes) {
  if (ended_ || raw_.size() >= bytes) return;
  const std::size_t before = raw_.size();
  raw_.resize(bytes);
  const std::size_t got = source_->read(std::as_writable_bytes(std::span(raw_).subspan(before)));
  raw_.resize(before + got);
  ended_ = raw_.size() < bytes;
  if (source_->offset() > most_text) {
    source_->refuse("the text has more than 1 GiB", "import it in parts");
  }
}

/// Only where plain_text() and the pieces of a text do not look across. @pre 0 < at < raw_.size()
bool TextParts::may_cut_at(std::size_t at) const {
  const std::string_view rest = std::string_view(raw_).substr(at);
  const char before = raw_[at - 1];
  // A byte order mark would be dropped in front of a part; the last bytes may be a piece of one.
  if (rest.size() < 3 || rest.starts_with("\xEF\xBB\xBF") || rest[0] == '\n' || rest[0] == '\r') {
    return false;
  }
  if (before == '\n') return true;
  if (cut_ == Cut::between_lines) return false;
  // The blank before a word belongs to its chunk, and ends what stands before it.
  if (rest[0] == ' ' && is_ascii_word(rest[1])) return true;
  return cut_ == Cut::between_characters && before != '\r' &&
         (static_cast<unsigned char>(rest[0]) & 0xC0U) != 0x80U;
}

/// @return the last place of a cut from `after` on; 0 when there is none
std::size_t TextParts::last_cut(std::size_t after) const {
  for (std::size_t at = raw_.size(); at-- > std::max<std::size_t>(after, 1);) {
    if (may_cut_at(at)) return at;
  }
  return 0;
}

bool TextParts::next(std::string& part) {
  bytes_before_ += part_bytes_;
  lines_before_ += lines_;
  std::size_t looked_at = 0;
  std::size_t end = 0;
  for (std::size_t wanted = usual_part_; end == 0; wanted = std::min(2 * wanted, most_part_)) {
    fill(wanted);
    if (ended_) {
      end = raw_.size();
      break;
    }
    end = last_cut(looked_at);
    if (end == 0 && wanted == most_part_) {
      source_->refuse("there are " + std::to_string(most_part_ >> 20U) + " MiB without " +
                          (cut_ == Cut::between_lines ? "a line's end" : "a line's end or a space"),
                      "break the text into lines");
    }
    looked_at = raw_.size() > 3 ? raw_.size() - 3 : 0;
  }
  part.assign(raw_, 0, end);
  raw_.erase(0, end);
  part_bytes_ = end;
  lines_ = static_cast<int>(std::ranges::count(part, '\n'));
  if (end == 0) return false;
  check(part);
  part = plain_text(std::move(part));
  return true;
}

/// Before the part becomes a plain one, which has fewer bytes, so that places are the file's.
void TextParts::check(const std::string& part) const {
  try {
    if (unit_ != TokenUnit::byte_pair) {
      check_characters(part, bytes_before_, lines_before_);
    } else if (bytes_before_ == 0) {
      check_byte_order(part);
    }
  } catch (const InputError& error) {
    throw InputError({source_->name()}, error.problem(), error.remedy());
  }
}

}  // namespace raven
