#include "data/token_windows.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "raven/core/error.hpp"

namespace raven {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& problem) {
  throw InputError({path.string()}, problem,
                   "make the shard again, for instance with raven data import text");
}

std::int64_t offset_at(const std::byte* offsets, std::int64_t i) {
  std::int64_t value = 0;
  std::memcpy(&value, offsets + 8 * i, 8);
  return value;
}

void check_offsets(const std::filesystem::path& path, const ShardExpectation& expected,
                   const std::byte* offsets) {
  if (offset_at(offsets, 0) != 0) refuse(path, "the first sequence does not begin at token 0");
  std::int64_t windows = 0;
  std::int64_t begin = 0;
  for (std::int64_t i = 1; i <= expected.sequences; ++i) {
    const std::int64_t end = offset_at(offsets, i);
    // In this order nothing overflows, whatever the numbers are.
    if (end > expected.tokens || end < begin || end - begin < 2) {
      refuse(path, "sequence " + std::to_string(i - 1) + " goes from token " +
                       std::to_string(begin) + " to " + std::to_string(end) +
                       ", which is not two tokens or more of the " +
                       std::to_string(expected.tokens));
    }
    windows += windows_of(end - begin, expected.schema.context());
    begin = end;
  }
  if (begin != expected.tokens) {
    refuse(path, "the sequences end at token " + std::to_string(begin) + " of " +
                     std::to_string(expected.tokens));
  }
  if (windows != expected.rows) {
    refuse(path, "the sequences make " + std::to_string(windows) + " windows of " +
                     std::to_string(expected.schema.context()) + " tokens, but the manifest says " +
                     std::to_string(expected.rows) + " rows");
  }
}

void check_tokens(const std::filesystem::path& path, const ShardExpectation& expected,
                  const std::byte* tokens) {
  for (std::int64_t i = 0; i < expected.tokens; ++i) {
    std::int32_t token = 0;
    std::memcpy(&token, tokens + 4 * i, 4);
    if (token < 0 || token >= expected.schema.vocabulary) {
      refuse(path, "token " + std::to_string(i) + " is " + std::to_string(token) +
                       ", outside the vocabulary 0 .. " +
                       std::to_string(expected.schema.vocabulary - 1));
    }
  }
}

}  // namespace

void check_counts(const std::filesystem::path& path, const ShardExpectation& expected) {
  // rows times the row's bytes is within the limit by now, so the product is small.
  const std::int64_t most_targets = expected.rows * expected.schema.context();
  if (expected.sequences < 1 || expected.sequences > expected.rows || expected.tokens < 2 ||
      expected.tokens / 2 < expected.sequences ||
      expected.tokens - expected.sequences > most_targets) {
    refuse(path, std::to_string(expected.tokens) + " tokens in " +
                     std::to_string(expected.sequences) + " sequences can't make " +
                     std::to_string(expected.rows) + " windows of " +
                     std::to_string(expected.schema.context()) + " tokens");
  }
}

std::size_t stored_bytes_of_sequences(const ShardExpectation& expected) {
  return static_cast<std::size_t>(expected.tokens) * 4 +
         (static_cast<std::size_t>(expected.sequences) + 1) * 8;
}

void cut_windows(const std::filesystem::path& path, const ShardExpectation& expected,
                 const std::byte* tokens, const std::byte* offsets, ShardRows& to) {
  check_offsets(path, expected, offsets);
  check_tokens(path, expected, tokens);
  const std::int64_t context = expected.schema.context();
  const std::size_t row_bytes = expected.schema.row_bytes();
  auto rows = std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(expected.rows) *
                                                          row_bytes);
  std::byte* row = rows.get();
  for (std::int64_t i = 0; i < expected.sequences; ++i) {
    const std::int64_t end = offset_at(offsets, i + 1);
    to.starts.push_back((row - rows.get()) / static_cast<std::int64_t>(row_bytes));
    for (std::int64_t first = offset_at(offsets, i); first + 1 < end; first += context) {
      const auto bytes = static_cast<std::size_t>(std::min(context + 1, end - first)) * 4;
      std::memcpy(row, tokens + 4 * first, bytes);
      // no_token has all its bits set.
      std::memset(row + bytes, 0xFF, row_bytes - bytes);
      row += row_bytes;
    }
  }
  to.features = std::move(rows);
}

}  // namespace raven
