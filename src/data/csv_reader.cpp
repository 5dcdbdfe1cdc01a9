#include "data/csv_reader.hpp"

#include <algorithm>

#include "data/text_pieces.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

constexpr std::size_t max_record_bytes = std::size_t{4} << 20;
constexpr std::size_t max_fields = 65536;

}  // namespace

CsvReader::CsvReader(std::unique_ptr<ByteSource> source, char separator)
    : source_(std::move(source)), separator_(separator), block_(std::size_t{1} << 18) {
  constexpr unsigned char mark[] = {0xEF, 0xBB, 0xBF};
  if (peek() == mark[0]) {
    for (const unsigned char byte : mark) {
      if (take() != byte)
        refuse(1, "the first bytes are neither text nor a byte order mark", "save it as UTF-8");
    }
  }
}

void CsvReader::refuse(int line, const std::string& problem, const std::string& remedy) const {
  throw InputError({source_->name(), line}, problem, remedy);
}

int CsvReader::peek() {
  if (used_ == filled_) {
    filled_ = source_->read(block_);
    used_ = 0;
    if (filled_ == 0) return -1;
  }
  const int c = std::to_integer<int>(block_[used_]);
  return c == '\r' ? '\n' : c;
}

int CsvReader::take() {
  const int c = peek();
  if (c < 0) return c;
  const bool carriage_return = block_[used_++] == std::byte{'\r'};
  if (c == '\n') ++line_;
  // CRLF is one line end.
  if (carriage_return && peek() == '\n' && block_[used_] == std::byte{'\n'}) ++used_;
  return c;
}

void CsvReader::append(std::string& field, int c) {
  if (++record_bytes_ > max_record_bytes) {
    refuse(record_line_, "a record is longer than 4 MiB", "look for a quote that is never closed");
  }
  if (c == 0) refuse(line_, "there is a zero byte, so this is no text", "save it as UTF-8 text");
  field += static_cast<char>(c);
}

void CsvReader::read_quoted(std::string& field) {
  const int opened = line_;
  (void)take();
  for (;;) {
    const int c = take();
    if (c < 0) refuse(opened, "a quote is opened here and never closed", "close it");
    if (c == '"') {
      if (peek() != '"') return;
      (void)take();
    }
    append(field, c);
  }
}

void CsvReader::read_field(std::string& field) {
  field.clear();
  if (peek() == '"') {
    read_quoted(field);
    const int c = peek();
    if (c >= 0 && c != '\n' && c != separator_) {
      refuse(line_, "text follows a closing quote", "write a quote inside a quoted field twice");
    }
    return;
  }
  for (int c = peek(); c >= 0 && c != '\n' && c != separator_; c = peek()) {
    if (c == '"')
      refuse(line_, "a quote stands inside an unquoted field", "put the whole field in quotes");
    append(field, take());
  }
}

void CsvReader::check_text(const std::string& field) const {
  if (std::ranges::all_of(field, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    return;
  }
  try {
    (void)characters_of(field);
  } catch (const InputError& error) {
    refuse(record_line_, error.problem(), error.remedy());
  }
}

bool CsvReader::next(std::vector<std::string>& fields) {
  empty_line_ = peek() == '\n' ? line_ : 0;
  while (peek() == '\n') (void)take();
  if (peek() < 0) return false;
  record_line_ = line_;
  record_bytes_ = 0;
  std::size_t count = 0;
  for (;;) {
    if (count == max_fields)
      refuse(record_line_, "a record has more than 65536 fields", "check the separator");
    if (fields.size() == count) fields.emplace_back();
    read_field(fields[count]);
    check_text(fields[count++]);
    const int c = take();
    if (c < 0 || c == '\n') break;
  }
  fields.resize(count);
  return true;
}

}  // namespace raven
