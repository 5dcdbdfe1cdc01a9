#pragma once

#include <optional>
#include <string_view>

#include "raven/core/option.hpp"
#include "raven/graph/tape.hpp"
#include "raven/nn/module.hpp"
#include "raven/tensor/kernels/activation.hpp"

namespace raven {

/// How a part's weights start: `initial` and `initial_scale` of initial.hpp.
struct InitialChoice {
  std::string how = "auto";
  double scale = 0;
};

/// A linear layer inside another layer.
struct LinearPart {
  ParameterId weight;
  std::optional<ParameterId> bias;

  /// Declares `path`.`name`.weight [out, in] and perhaps `path`.`name`.bias.
  static LinearPart add(const ModuleContext& context, std::string_view name, std::int64_t in,
                        std::int64_t out, bool with_bias, const InitialChoice& initial);
  [[nodiscard]] Variable operator()(const ParameterStore& store, Variable x,
                                    const kernels::Activation& activation = {}) const;
};

/// A layer norm inside another layer.
struct NormPart {
  ParameterId gamma;
  ParameterId beta;
  double epsilon;

  static NormPart add(const ModuleContext& context, std::string_view name, std::int64_t width,
                      double epsilon);
  [[nodiscard]] Variable operator()(const ParameterStore& store, Variable x) const;
};

/// What attention looks like in every layer that has it.
struct AttentionSettings {
  std::int64_t heads = 1;
  bool causal = false;
  bool rotary = false;
  bool bias = true;
};

/// Self-attention between two projections: [n, t, width] -> [n, t, width].
struct AttentionPart {
  LinearPart in;  ///< to queries, keys and values side by side
  LinearPart out;
  AttentionSettings settings;

  /// @param back how the projection at the end starts
  /// @throws InputError when the heads don't divide the width
  static AttentionPart add(const ModuleContext& context, std::int64_t width,
                           const AttentionSettings& settings, const InitialChoice& initial,
                           const InitialChoice& back);
  [[nodiscard]] Variable operator()(const ParameterStore& store, Variable x) const;
};

/// `heads`, `causal`, `positions` and `bias`, as both layers with attention have them.
[[nodiscard]] OptionDef heads_option();
[[nodiscard]] OptionDef causal_option();
[[nodiscard]] OptionDef attention_positions_option();
[[nodiscard]] OptionDef attention_bias_option();
[[nodiscard]] AttentionSettings attention_settings(const Options& options);

/// @throws InputError unless the input is sequences of vectors [length, width]
void need_sequences(const ModuleContext& context, std::string_view layer);

}  // namespace raven
