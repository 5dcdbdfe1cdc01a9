#pragma once

#include "raven/nn/model.hpp"

namespace raven {

/// A layer as a checked job would hold it: defaults filled in, then `given`.
inline LayerSpec layer(std::string_view name,
                       std::vector<std::pair<std::string, OptionValue>> given = {},
                       std::vector<LayerSpec> block = {}) {
  const ModuleDef* def = find_module(name);
  expects(def != nullptr, "a test names a layer of the table");
  LayerSpec spec{
      .layer = {.type = std::string(name), .options = defaults(def->options), .place = {}},
      .block = std::move(block)};
  for (auto& [option, value] : given) spec.layer.options.set(option, std::move(value));
  return spec;
}

inline LayerSpec linear_layer_spec(std::int64_t features, const std::string& activation = "none") {
  return layer("linear", {{"features", features}, {"activation", activation}});
}

inline Choice loss_choice(std::string_view name) {
  return {.type = std::string(name), .options = defaults(find_loss(name)->options), .place = {}};
}

}  // namespace raven
