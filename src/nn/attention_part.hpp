#pragma once

#include <optional>
#include <string_view>

#include "raven/core/option.hpp"
#include "raven/graph/tape.hpp"
#include "raven/nn/module.hpp"
#include "raven/nn/transformer.hpp"
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

/// Self-attention between two projections: [n, t, width] -> [n, t, width], or of ragged sequences
/// [tokens, width] -> [tokens, width].
struct AttentionPart {
  LinearPart in;  ///< to queries, keys and values side by side
  LinearPart out;
  AttentionSettings settings;
  bool ragged = false;

  /// @param back how the projection at the end starts
  /// @throws InputError when the heads don't divide the width
  static AttentionPart add(const ModuleContext& context, std::int64_t width,
                           const AttentionSettings& settings, const InitialChoice& initial,
                           const InitialChoice& back);
  [[nodiscard]] Variable operator()(const ParameterStore& store, Variable x) const;
};

/// Attention from x to a memory between projections: [n, t, width], [n, s, memory width] -> [n, t,
/// width].
struct CrossAttentionPart {
  LinearPart query;
  LinearPart key;
  LinearPart value;
  LinearPart out;
  AttentionSettings settings;

  /// @throws InputError when the heads don't divide the width
  static CrossAttentionPart add(const ModuleContext& context, std::int64_t width,
                                std::int64_t memory_width, const AttentionSettings& settings,
                                const InitialChoice& initial, const InitialChoice& back);
  /// @param lengths [n] of i32 or empty: from there on the memory is padding
  [[nodiscard]] Variable operator()(const ParameterStore& store, Variable x, Variable memory,
                                    Variable lengths) const;
};

/// `heads`, `causal`, `positions` and `bias`, as both layers with attention have them.
[[nodiscard]] OptionDef heads_option();
[[nodiscard]] OptionDef causal_option();
[[nodiscard]] OptionDef attention_positions_option();
[[nodiscard]] OptionDef attention_bias_option();
[[nodiscard]] AttentionSettings attention_settings(const Options& options, bool causal);

/// @throws InputError unless the input is sequences of vectors [length, width]
void need_sequences(const ModuleContext& context, std::string_view layer);
/// The same, or ragged sequences of vectors [width].
void need_sequences_or_tokens(const ModuleContext& context, std::string_view layer);

}  // namespace raven
