#include "data/bracket_reader.hpp"

#include <algorithm>

#include "data/ragged_writer.hpp"
#include "raven/core/utf8.hpp"

namespace raven {
namespace {

constexpr char remedy[] = "write a leaf as (label word) and a branch as (label (...) (...))";

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// What parsers and treebanks put around a whole tree.
bool is_wrapper(std::string_view label) {
  return label.empty() || label == "ROOT" || label == "TOP" || label == "S1";
}

}  // namespace

std::string_view category_of(std::string_view label) {
  if (label.starts_with('-')) return label;
  return label.substr(0, label.find_first_of("-=", 1));
}

/// To the next character that says something. @return false at the end
bool BracketReader::skip_blanks() {
  for (;;) {
    while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
    if (at_ < line_.size()) return true;
    at_ = 0;
    if (!lines_.next(line_)) return false;
  }
}

std::string_view BracketReader::atom() {
  const std::size_t end = std::min(line_.find_first_of("() \t", at_), line_.size());
  const std::string_view text = std::string_view(line_).substr(at_, end - at_);
  at_ = end;
  return text;
}

void BracketReader::add_atom(std::string_view text) {
  if (open_.empty()) lines_.refuse(shown(text) + " stands outside of all brackets", remedy);
  Open& now = open_.back();
  if (!now.labelled) {
    now.label = text;
    now.labelled = true;
    return;
  }
  if (!now.word.empty() || parts_.size() > now.first_part) {
    lines_.refuse("the word " + shown(text) + " stands beside others in one bracket", remedy);
  }
  now.word = text;
}

std::int32_t BracketReader::put_node(BracketTree& tree, std::string label) {
  if (tree.parents.size() == RaggedWriter::most_tokens) {
    lines_.refuse("the tree has more than 1048576 nodes",
                  "look for a bracket that is never closed");
  }
  tree.labels.push_back(std::move(label));
  tree.parents.push_back(-1);
  return static_cast<std::int32_t>(tree.parents.size() - 1);
}

/// Of what was just closed.
void BracketReader::leave_out() {
  if (!open_.empty()) open_.back().emptied = true;
}

void BracketReader::close(BracketTree& tree) {
  if (open_.empty()) lines_.refuse("a bracket is closed that was never opened", remedy);
  Open now = std::move(open_.back());
  open_.pop_back();
  const std::size_t children = parts_.size() - now.first_part;
  if (!now.word.empty() && !rules_.traces && now.label == "-NONE-") {
    ++counts_.traces;
    leave_out();
    return;
  }
  if (children == 0 && now.emptied) {
    leave_out();
    return;
  }
  if (rules_.categories) now.label = std::string(category_of(now.label));
  if (!now.word.empty()) {
    parts_.push_back(put_node(tree, std::move(now.label)));
    tree.words.push_back(std::move(now.word));
    return;
  }
  if (children == 0) {
    lines_.refuse("the bracket (" + std::string(utf8_front(now.label, 60)) + ") holds no word",
                  remedy);
  }
  if (children == 1) {
    if (now.outermost && is_wrapper(now.label)) {
      counts_.wrappers += open_.empty() ? 1 : 0;
      return;
    }
    // A chain becomes one node with its upper label.
    if (!now.label.empty()) {
      tree.labels[static_cast<std::size_t>(parts_.back())] = std::move(now.label);
    }
    return;
  }
  const std::int32_t node = put_node(tree, std::move(now.label));
  for (std::size_t i = now.first_part; i < parts_.size(); ++i) {
    tree.parents[static_cast<std::size_t>(parts_[i])] = node;
  }
  parts_.resize(now.first_part);
  parts_.push_back(node);
}

void BracketReader::open(int line) {
  if (open_.empty()) began_ = line;
  if (open_.size() == RaggedWriter::most_tokens) {
    lines_.refuse(began_, "the tree is nested more than 1048576 deep",
                  "look for a bracket that is never closed");
  }
  bool outermost = true;
  if (!open_.empty()) {
    Open& around = open_.back();
    if (!around.word.empty()) {
      lines_.refuse("a bracket stands beside the word " + shown(around.word), remedy);
    }
    around.labelled = true;
    outermost = around.outermost && is_wrapper(around.label);
  }
  open_.push_back({.label = {}, .word = {}, .first_part = parts_.size(), .outermost = outermost});
}

bool BracketReader::next(BracketTree& tree) {
  tree = {};
  parts_.clear();
  while (skip_blanks()) {
    const char c = line_[at_];
    if (c == '(') {
      open(lines_.number());
      ++at_;
    } else if (c == ')') {
      close(tree);
      ++at_;
      if (open_.empty() && !tree.parents.empty()) return true;
      if (open_.empty()) ++counts_.hollow;
    } else {
      add_atom(atom());
    }
  }
  if (!open_.empty()) {
    lines_.refuse(began_, "the tree that begins here is never closed",
                  "add the brackets that are missing");
  }
  return false;
}

}  // namespace raven
