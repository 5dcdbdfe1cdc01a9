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

/// What of a treebank's brackets is no part of a tree.
struct BracketRules {
  bool traces = false;      ///< keep elements without a word, (-NONE- *T*-1)
  bool categories = false;  ///< cut functions and indices off labels: NP-SBJ-1 becomes NP
};

struct BracketCounts {
  std::int64_t wrappers = 0;  ///< trees out of (ROOT ...), (TOP ...), (S1 ...) or a bare bracket
  std::int64_t traces = 0;    ///< left out
  std::int64_t hollow = 0;    ///< trees of which nothing was left

  BracketCounts& operator+=(const BracketCounts& other) {
    wrappers += other.wrappers;
    traces += other.traces;
    hollow += other.hollow;
    return *this;
  }
};

/// The label without what follows a - or =, unless that comes first, as in -LRB-.
[[nodiscard]] std::string_view category_of(std::string_view label);

/// Reads trees such as (3 (2 It) (4 (2 's) (3 fun))), over any number of lines. Nested as deep as
/// it may be: it keeps a stack of its own. A node with one child becomes one with it and keeps the
/// upper label, if it has one, but a wrapper around a whole tree is taken off: (ROOT (S ...)),
/// (TOP (S ...)) and ((S ...)) are (S ...). An element without a word goes, and with it what held
/// nothing else.
class BracketReader {
 public:
  explicit BracketReader(std::unique_ptr<ByteSource> source, BracketRules rules = {})
      : lines_(std::move(source)), rules_(rules) {}

  /// The next tree, reusing the memory. @return false at the end
  /// @throws InputError at file:line when the brackets make no trees
  bool next(BracketTree& tree);
  [[nodiscard]] const LineReader& lines() const { return lines_; }
  /// Of all trees so far.
  [[nodiscard]] const BracketCounts& counts() const { return counts_; }

 private:
  /// A bracket that is still open.
  struct Open {
    std::string label;
    std::string word;
    std::size_t first_part = 0;  // of its children, in parts_
    bool outermost = false;      // but for wrappers
    bool labelled = false;       // or known to have no label
    bool emptied = false;        // something in it was left out
  };
  bool skip_blanks();
  [[nodiscard]] std::string_view atom();
  void open(int line);
  void add_atom(std::string_view text);
  void leave_out();
  void close(BracketTree& tree);
  std::int32_t put_node(BracketTree& tree, std::string label);

  LineReader lines_;
  BracketRules rules_;
  BracketCounts counts_;
  std::string line_;
  std::size_t at_ = 0;
  int began_ = 0;  // the line of the outermost bracket
  std::vector<Open> open_;
  std::vector<std::int32_t> parts_;  // nodes whose parent is still open
};

}  // namespace raven
