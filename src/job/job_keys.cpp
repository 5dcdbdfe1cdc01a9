#include "raven/job/job_keys.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "job/override.hpp"
#include "job/value.hpp"
#include "job/yaml_tree.hpp"

namespace raven {
namespace {

using Keys = std::vector<std::pair<std::string, std::string>>;

constexpr const char* not_given = "not given";
/// Keys at the top that change nothing in what is learnt; data is compared by what it holds.
constexpr std::array<std::string_view, 6> others{
    "name", "data", "contributors", "threads", "master_computes", "checkpoint"};

/// A list or map without anything in it is a key as well.
void flatten(const YamlNode& node, const std::string& key, Keys& keys) {
  const auto below = [&](const std::string& name) { return key.empty() ? name : key + "." + name; };
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    flatten(node.items[i], below(std::to_string(i)), keys);
  }
  for (const YamlEntry& entry : node.entries) {
    if (key.empty() && std::ranges::find(others, entry.key) != others.end()) continue;
    flatten(entry.value, below(entry.key), keys);
  }
  if (node.kind == YamlNode::Kind::scalar) keys.emplace_back(key, node.text);
  const bool is_empty = node.items.empty() && node.entries.empty();
  if (is_empty && node.kind != YamlNode::Kind::scalar && !key.empty()) {
    keys.emplace_back(key, "");
  }
}

Keys keys_of(const JobText& job) {
  std::vector<InputError> ignored;
  std::optional<YamlNode> root = parse_yaml(job.text, "job.yaml", ignored);
  if (!root) return {};
  for (const std::string& text : job.overrides) apply_override(*root, text, ignored);
  Keys keys;
  flatten(*root, "", keys);
  return keys;
}

bool is_same(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const std::optional<double> x = parse_real(a);
  return x && x == parse_real(b);
}

const std::string* value_of(const Keys& keys, const std::string& key) {
  const auto found = std::ranges::find(keys, key, &Keys::value_type::first);
  return found == keys.end() ? nullptr : &found->second;
}

std::string in_words(const std::string* value) {
  if (value == nullptr) return not_given;
  return value->empty() ? "given" : *value;
}

}  // namespace

std::vector<JobDifference> job_differences(const JobText& before, const JobText& now) {
  const Keys old_keys = keys_of(before);
  const Keys new_keys = keys_of(now);
  std::vector<JobDifference> found;
  for (const auto& [key, value] : new_keys) {
    const std::string* old = value_of(old_keys, key);
    if (old == nullptr || !is_same(*old, value)) {
      found.push_back({key, in_words(old), in_words(&value)});
    }
  }
  for (const auto& [key, value] : old_keys) {
    if (value_of(new_keys, key) == nullptr) found.push_back({key, in_words(&value), not_given});
  }
  return found;
}

}  // namespace raven
