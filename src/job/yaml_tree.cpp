#include "job/yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "job/yaml_text.hpp"

namespace raven {
namespace {

/// Builds the tree from the parser's events. yaml-cpp's own Node would accept keys that come twice
/// and resolve aliases, and with them documents that grow without bound.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string name, std::string_view text, std::vector<InputError>& errors)
      : name_(std::move(name)), text_(text), errors_(errors) {}

  [[nodiscard]] YamlNode take() { return std::move(root_); }
  [[nodiscard]] Place place_of(const YAML::Mark& mark) const {
    if (mark.is_null()) return {name_, 0, 0};
    return {name_, mark.line + 1, mark.column + 1};
  }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node = made(YamlNode::Kind::nothing, mark, {}, anchor);
    add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    report(place_of(mark),
           "an alias ('*name') (jobs have none, so that each value stands where it is used)",
           "write the value out");
    add(made(YamlNode::Kind::nothing, mark, {}, YAML::NullAnchor));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = made(YamlNode::Kind::scalar, mark, tag, anchor);
    node.text = value;
    node.quoted = tag == "!";
    if (node.quoted) check_closed(mark, node.place);
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(made(YamlNode::Kind::list, mark, tag, anchor));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(made(YamlNode::Kind::map, mark, tag, anchor));
  }
  void OnMapEnd() override { close(); }

 private:
  /// A list or map that is not complete yet.
  struct Open {
    YamlNode node;
    std::optional<YamlNode> key;  ///< of a map: read, its value not yet
  };

  YamlNode made(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor) {
    YamlNode node;
    node.kind = kind;
    node.place = place_of(mark);
    if (++nodes_ > YamlLimits::nodes) {
      throw InputError(
          node.place,
          "more than " + std::to_string(YamlLimits::nodes) + " values (no job needs that many)",
          "is this the data instead of the job?");
    }
    if (anchor != YAML::NullAnchor) {
      report(node.place,
             "an anchor ('&name') (jobs have none, so that each value stands where it is used)",
             "write the value out");
    }
    if (!tag.empty() && tag != "?" && tag != "!") {
      report(node.place, "a tag ('" + tag + "') (jobs have none)", "remove it");
    }
    return node;
  }

  /// yaml-cpp takes a quote that is never closed for text up to the end of the file.
  void check_closed(const YAML::Mark& mark, const Place& place) const {
    const auto start = static_cast<std::size_t>(std::max(mark.pos, 0));
    if (start >= text_.size() || (text_[start] != '"' && text_[start] != '\'')) return;
    const char quote = text_[start];
    for (std::size_t i = start + 1; i < text_.size(); ++i) {
      if (quote == '"' && text_[i] == '\\') {
        ++i;
      } else if (text_[i] == quote) {
        if (quote == '"' || i + 1 >= text_.size() || text_[i + 1] != quote) return;
        ++i;
      }
    }
    throw InputError(place, "this is not YAML: a quote is never closed",
                     "add it where the text ends");
  }

  void open(YamlNode node) {
    if (open_.size() >= YamlLimits::depth) {
      throw InputError(
          node.place,
          "more than " + std::to_string(YamlLimits::depth) + " lists and maps inside each other",
          "check the brackets and the indentation");
    }
    open_.push_back({std::move(node), std::nullopt});
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::list) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      parent.key = std::move(node);
    } else {
      const YamlNode key = std::move(*parent.key);
      parent.key.reset();
      add_entry(parent.node, key, std::move(node));
    }
  }

  void add_entry(YamlNode& map, const YamlNode& key, YamlNode value) {
    if (key.kind != YamlNode::Kind::scalar) {
      report(key.place, "a key that is " + describe(key) + " (keys are words)",
             "write a word before the ':'");
      return;
    }
    if (key.text == "<<") {
      report(key.place, "a merge key ('<<') (jobs have none)", "write the values out");
      return;
    }
    for (const YamlEntry& entry : map.entries) {
      if (entry.key != key.text) continue;
      report(key.place,
             "key '" + key.text + "' comes twice (first in line " +
                 std::to_string(entry.place.line) + ")",
             "remove one of them");
      return;
    }
    map.entries.push_back({key.text, key.place, std::move(value)});
  }

  void report(const Place& place, std::string problem, std::string remedy) {
    if (errors_.size() >= YamlLimits::mistakes) {
      throw InputError(place, "too many mistakes to go on", "mend those above first");
    }
    errors_.emplace_back(place, std::move(problem), std::move(remedy));
  }

  std::string name_;
  std::string_view text_;
  std::vector<InputError>& errors_;
  std::vector<Open> open_;
  std::size_t nodes_ = 0;
  YamlNode root_;
};

/// The parser's few words, made longer where they puzzle.
std::string in_words(const std::string& message) {
  if (message == YAML::ErrorMsg::END_OF_MAP_FLOW)
    return "a '{' is never closed, or a ',' is missing";
  if (message == YAML::ErrorMsg::END_OF_SEQ_FLOW)
    return "a '[' is never closed, or a ',' is missing";
  if (message == YAML::ErrorMsg::END_OF_MAP || message == YAML::ErrorMsg::END_OF_SEQ) {
    return "the indentation does not fit the lines above";
  }
  if (message == YAML::ErrorMsg::MAP_VALUE) return "a ':' where no key can stand";
  if (message == YAML::ErrorMsg::EOF_IN_SCALAR) return "a quote is never closed";
  return message;
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

YamlNode* YamlNode::find(std::string_view key) {
  return const_cast<YamlNode*>(std::as_const(*this).find(key));
}

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::nothing:
      return "nothing";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a map";
    case YamlNode::Kind::scalar:
      break;
  }
  constexpr std::size_t shown = 40;
  if (node.text.size() <= shown) return "'" + node.text + "'";
  std::size_t end = shown;
  // Never cut a UTF-8 character in two.
  while (end > 0 && (static_cast<unsigned char>(node.text[end]) & 0xC0U) == 0x80U) --end;
  return "'" + node.text.substr(0, end) + "...'";
}

std::optional<YamlNode> parse_yaml(std::string_view text, const std::string& name,
                                   std::vector<InputError>& errors) {
  if (!check_text(text, name, errors)) return std::nullopt;
  if (constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
      text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
  }
  TreeBuilder builder(name, text, errors);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      errors.emplace_back(Place{name}, "the file is empty",
                          "see jobs/README.md for what a job says");
      return std::nullopt;
    }
    YamlNode root = builder.take();
    if (TreeBuilder second(name, text, errors); parser.HandleNextDocument(second)) {
      errors.emplace_back(second.take().place, "a second document ('---') (a file holds one job)",
                          "put it into a file of its own");
    }
    return root;
  } catch (const YAML::Exception& error) {
    errors.emplace_back(builder.place_of(error.mark), "this is not YAML: " + in_words(error.msg),
                        "check brackets, quotes and indentation in this line and the one before");
  } catch (const InputError& error) {
    errors.push_back(error);
  }
  return std::nullopt;
}

namespace {

void place_all(YamlNode& node, const Place& place) {
  node.place = place;
  for (YamlNode& item : node.items) place_all(item, place);
  for (YamlEntry& entry : node.entries) {
    entry.place = place;
    place_all(entry.value, place);
  }
}

}  // namespace

std::optional<YamlNode> parse_yaml_value(std::string_view text, const std::string& name,
                                         std::vector<InputError>& errors) {
  std::vector<InputError> found;
  std::optional<YamlNode> node = parse_yaml(text, name, found);
  for (const InputError& error : found) {
    errors.emplace_back(Place{name}, error.problem(), error.remedy());
  }
  if (node) place_all(*node, Place{name});
  return node;
}

}  // namespace raven
