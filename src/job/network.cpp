#include "job/network.hpp"

#include "raven/job/suggest.hpp"
#include "raven/nn/loss.hpp"
#include "raven/optim/optimizer.hpp"

namespace raven {
namespace {

/// The name that was chosen, and its options; `options` points into the tree or is null for a bare
/// word.
struct Named {
  std::string name;
  Place place;
  const YamlNode* options = nullptr;
};

std::optional<Named> read_named(Checker& checker, const YamlNode& node, const std::string& path,
                                const std::string& kind) {
  const std::string remedy = "write a " + kind + "'s name, alone or as 'name: {option: value}'";
  if (node.kind == YamlNode::Kind::scalar && !node.text.empty())
    return Named{node.text, node.place};
  if (node.kind != YamlNode::Kind::map || node.entries.empty()) {
    checker.report(node.place, path + " is " + describe(node) + ", not a " + kind, remedy);
    return std::nullopt;
  }
  if (node.entries.size() > 1) {
    const YamlEntry& second = node.entries[1];
    checker.report(second.place,
                   path + " has both '" + node.entries[0].key + "' and '" + second.key +
                       "', but is one " + kind,
                   kind == "layer"
                       ? "begin a new list item with '-', or indent the layer's options further"
                       : "remove one of them, or indent the options further");
    return std::nullopt;
  }
  return Named{node.entries[0].key, node.entries[0].place, &node.entries[0].value};
}

template <class Row>
std::vector<std::string_view> names_of(std::span<const Row* const> table) {
  std::vector<std::string_view> names;
  for (const Row* row : table) names.push_back(row->name);
  return names;
}

template <class Row>
const Row* find_row(Checker& checker, std::span<const Row* const> table, const Named& named,
                    const std::string& kind) {
  for (const Row* row : table) {
    if (row->name == named.name) return row;
  }
  YamlNode shown;
  shown.kind = YamlNode::Kind::scalar;
  shown.text = named.name;
  checker.report(named.place, "there is no " + kind + " " + describe(shown),
                 did_you_mean(named.name, names_of(table)));
  return nullptr;
}

template <class Row>
Choice read_choice(Checker& checker, const YamlNode& node, std::span<const Row* const> table,
                   const std::string& key, const std::string& kind) {
  Choice choice;
  const std::optional<Named> named = read_named(checker, node, key, kind);
  if (!named) return choice;
  const Row* row = find_row(checker, table, *named, kind);
  if (!row) return choice;
  choice.type = row->name;
  choice.place = named->place;
  const YamlNode nothing;
  MapReader map(checker, named->options ? *named->options : nothing, key + "." + named->name);
  choice.options = read_options(map, row->options, named->place);
  map.finish();
  return choice;
}

LayerSpec read_layer(Checker& checker, const YamlNode& node, const std::string& path) {
  LayerSpec layer;
  const std::optional<Named> named = read_named(checker, node, path, "layer");
  if (!named) return layer;
  const ModuleDef* row = find_row(checker, module_table(), *named, "layer");
  if (!row) return layer;
  layer.layer.type = row->name;
  layer.layer.place = named->place;
  const YamlNode nothing;
  MapReader map(checker, named->options ? *named->options : nothing, path + "." + named->name);
  layer.layer.options = read_options(map, row->options, named->place);
  if (row->has_block) {
    const YamlNode* block = map.need(
        "layers", "add the layers inside, for instance 'layers: [{linear: {features: 64}}]'",
        &named->place);
    if (block) layer.block = read_layers(checker, *block, map.path_of("layers"));
  }
  map.finish();
  return layer;
}

}  // namespace

std::vector<LayerSpec> read_layers(Checker& checker, const YamlNode& node,
                                   const std::string& path) {
  std::vector<LayerSpec> layers;
  if (node.kind != YamlNode::Kind::list || node.items.empty()) {
    const bool empty = node.kind == YamlNode::Kind::list;
    checker.report(
        node.place,
        path + (empty ? " has no layers" : " is " + describe(node) + ", not a list of layers"),
        "write one layer per line, for instance '- linear: {features: 10}'");
    return layers;
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    layers.push_back(read_layer(checker, node.items[i], path + "." + std::to_string(i)));
  }
  return layers;
}

Choice read_loss(Checker& checker, const YamlNode& node) {
  return read_choice(checker, node, loss_table(), "loss", "loss");
}

Choice read_optimizer(Checker& checker, const YamlNode& node) {
  return read_choice(checker, node, optimizer_table(), "optimizer", "optimizer");
}

Choice read_schedule(Checker& checker, const YamlNode& node) {
  return read_choice(checker, node, schedule_table(), "schedule", "schedule");
}

}  // namespace raven
