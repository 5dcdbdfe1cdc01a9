#include "job/override.hpp"

#include "job/value.hpp"

namespace raven {
namespace {

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts{""};
  for (const char c : path) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

/// The child of `node` called `key`, made if need be; null and a reported mistake when there can't
/// be one.
YamlNode* step_into(YamlNode& node, const std::string& key, const std::string& path_so_far,
                    const Place& place, std::vector<InputError>& errors) {
  const std::string owner = path_so_far.empty() ? "the job" : path_so_far;
  if (node.kind == YamlNode::Kind::list) {
    const auto index = parse_integer(key);
    if (!index || *index < 0 || *index >= static_cast<std::int64_t>(node.items.size())) {
      errors.emplace_back(place,
                          owner + " is a list of " + std::to_string(node.items.size()) +
                              " and has no item '" + key + "'",
                          "items are numbered from 0");
      return nullptr;
    }
    return &node.items[static_cast<std::size_t>(*index)];
  }
  if (node.kind == YamlNode::Kind::scalar && node.text == key) {
    // "optimizer: adam" says the same as "optimizer: {adam: {}}".
    YamlNode inner;
    inner.place = node.place;
    YamlNode outer;
    outer.kind = YamlNode::Kind::map;
    outer.place = node.place;
    outer.entries.push_back({key, node.place, std::move(inner)});
    node = std::move(outer);
  }
  if (node.kind == YamlNode::Kind::scalar) {
    errors.emplace_back(place,
                        owner + " is " + describe(node) + ", which has no '" + key + "' in it",
                        "override " + owner + " as a whole");
    return nullptr;
  }
  node.kind = YamlNode::Kind::map;
  if (YamlNode* found = node.find(key)) return found;
  YamlNode made;
  made.place = place;
  node.entries.push_back({key, place, std::move(made)});
  return &node.entries.back().value;
}

}  // namespace

void apply_override(YamlNode& root, const std::string& text, std::vector<InputError>& errors) {
  const Place place{"--set " + text};
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    errors.emplace_back(place, "this is not 'key=value'",
                        "write for instance --set train.batch=128");
    return;
  }
  YamlNode value;
  value.place = place;
  if (equals + 1 < text.size()) {
    auto parsed = parse_yaml_value(std::string_view(text).substr(equals + 1), place.file, errors);
    if (!parsed) return;
    value = std::move(*parsed);
  }
  YamlNode* node = &root;
  std::string so_far;
  const std::vector<std::string> parts = split(text.substr(0, equals));
  if (parts.size() > YamlLimits::depth) {
    errors.emplace_back(place, "too many '.' in the key", "no key of a job is that deep");
    return;
  }
  for (const std::string& part : parts) {
    if (part.empty()) {
      errors.emplace_back(place, "a part of the key is empty",
                          "write for instance --set train.batch=128");
      return;
    }
    node = step_into(*node, part, so_far, place, errors);
    if (!node) return;
    so_far += (so_far.empty() ? "" : ".") + part;
  }
  *node = std::move(value);
}

}  // namespace raven
