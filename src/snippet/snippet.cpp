#include "raven/snippet/snippet.hpp"

#include <algorithm>

namespace raven {

std::vector<Snippet> cut_batch(std::int64_t rows, std::int64_t pieces) {
  expects(rows > 0 && pieces > 0, "a batch has rows and is cut into pieces");
  const std::int64_t count = std::min(rows, pieces);
  std::vector<Snippet> snippets(static_cast<std::size_t>(count));
  std::int64_t first = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t length = rows / count + (i < rows % count ? 1 : 0);
    snippets[static_cast<std::size_t>(i)] = {
        .index = static_cast<std::uint32_t>(i), .graph = {}, .first = first, .rows = length};
    first += length;
  }
  return snippets;
}

}  // namespace raven
