#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/line_reader.hpp"

namespace raven {

/// A tree as brackets say it, without nodes that have one child.
struct BracketTree {
  std::vector<std::string> words;     ///< the leaves', from left to right
  std::vector<std::string> labels;    ///< of the nodes in postorder; empty: none
  std::vector<std::int32_t> parents;  ///< of the nodes, as SampleSchema has them
};

/// Reads trees such as (3 (2 It) (4 (2 's) (3 fun))), over any number of lines. Nested as deep as
/// it may be: it keeps a stack of its own.
class BracketReader {
 public:
  explicit BracketReader(std::unique_ptr<ByteSource> source) : lines_(std::move(source)) {}

  /// The next tree, reusing the memory. @return false at the end
  /// @throws InputError at file:line when the brackets make no trees
  bool next(BracketTree& tree);
  [[nodiscard]] const LineReader& lines() const { return lines_; }

 private:
  /// A bracket that is still open.
  struct Open {
    std::string label;
    std::string word;
    bool labelled = false;       // or known to have no label
    std::size_t first_part = 0;  // of its children, in parts_
  };
  bool skip_blanks();
  [[nodiscard]] std::string_view atom();
  void add_atom(std::string_view text);
  void close(BracketTree& tree);
  std::int32_t put_node(BracketTree& tree, std::string label);

  LineReader lines_;
  std::string line_;
  std::size_t at_ = 0;
  std::vector<Open> open_;
  std::vector<std::int32_t> parts_;  // nodes whose parent is still open
};

}  // namespace raven
