#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raven/core/option.hpp"
#include "raven/graph/tape.hpp"

namespace raven {

/// A named set of parameters and a forward that only records onto the tape of its input. Immutable
/// once made.
class Module {
 public:
  virtual ~Module() = default;
  /// @throws InputError when the input does not fit
  [[nodiscard]] virtual Variable forward(const ParameterStore& store, Variable input) const = 0;
};

/// One layer of a job's `model:` list, checked, with defaults filled in.
struct LayerSpec {
  Choice layer;
  std::vector<LayerSpec> block;  ///< the layers inside a residual
};

/// What a row of the input of a layer is.
enum class Ragged : std::uint8_t {
  no,         ///< a sample
  sequences,  ///< a token: samples stand one after the other, their lengths in slot_lengths
  trees,  ///< a token, that is, a leaf of a tree; its nodes are told by slot_parents, slot_nodes
  nodes   ///< a node of a tree, as a layer on trees gives them
};

/// Where a layer under construction declares its parameters.
struct ModuleContext {
  ParameterStore& store;
  std::string path;  ///< "2.conv2d": prefix of its parameters' names
  ValueType input;   ///< of one batch; the first dimension is the batch and its size means nothing
  std::uint64_t seed = 0;  ///< initial values are a pure function of (seed, parameter id)
  std::span<const LayerSpec> block = {};
  std::int64_t vocabulary = 0;  ///< of the features, when they are tokens
  Ragged ragged = Ragged::no;   ///< of the input; a layer that gives a row a sample ends it
  /// Numbers of state that layers carry from window to window (slot_state), added up while they are
  /// made; null where samples are not windows of a text.
  std::int64_t* carried = nullptr;
};

/// A kind of layer: a row in a table, found by the name that a job gives it.
struct ModuleDef {
  std::string_view name;
  std::string_view help;
  std::span<const OptionDef> options;
  bool has_block = false;
  /// @throws InputError when the input does not fit; without a place, which the caller adds
  std::unique_ptr<Module> (*make)(const ModuleContext& context, const Options& options);
  /// What a row of its output is, by that of its input; null: the same.
  Ragged (*gives)(Ragged input, const Options& options) = nullptr;
};

[[nodiscard]] std::span<const ModuleDef* const> module_table();
[[nodiscard]] const ModuleDef* find_module(std::string_view name);

/// Layers in order. @throws InputError with the place of the layer that does not fit
[[nodiscard]] std::unique_ptr<Module> make_sequence(std::span<const LayerSpec> layers,
                                                    ModuleContext context);

}  // namespace raven
