#pragma once

#include <cstdint>
#include <memory>

#include "raven/nn/module.hpp"
#include "raven/tensor/kernels/activation.hpp"

namespace raven {

/// What attention looks like in every layer that has it.
struct AttentionSettings {
  std::int64_t heads = 1;  ///< divides the width
  bool causal = false;     ///< a position sees itself and what stands before it
  bool rotary = false;     ///< queries and keys turn with their position
  bool bias = true;        ///< trained offsets in the projections
};

/// What a stack of transformer blocks looks like.
struct TransformerSettings {
  AttentionSettings attention;
  std::int64_t count = 1;   ///< blocks one after the other
  std::int64_t hidden = 0;  ///< numbers between the two linear layers; 0: four times the width
  kernels::Activation activation{.kind = kernels::ActivationKind::gelu};
  bool norm_first = true;  ///< layer norm in front of each part (pre), or after each sum (post)
  double epsilon = 1.0e-5;
  double dropout = 0;  ///< share of what each part adds that becomes 0 in training
};

/// A module that looks at a second sequence beside its input.
class MemoryModule : public Module {
 public:
  /// @param x       [n, t, width]
  /// @param memory  [n, s, memory width]
  /// @param lengths [n] of i32 or empty: from there on the memory is padding, which nobody sees
  /// @return [n, t, width]
  [[nodiscard]] virtual Variable forward(const ParameterStore& store, Variable x, Variable memory,
                                         Variable lengths) const = 0;
  using Module::forward;
};

/// Attention whose queries come from x, and keys and values from a memory (Vaswani et al., 2017);
/// without a memory, from x itself. Parameters: `query`, `key`, `value` and `out`, each with
/// `.weight` and perhaps `.bias`.
/// @param context      its input is x: [n, t, width]
/// @throws InputError when the heads don't divide the width
[[nodiscard]] std::unique_ptr<MemoryModule> make_cross_attention(const ModuleContext& context,
                                                                 const AttentionSettings& settings,
                                                                 std::int64_t memory_width);

/// Decoder blocks: causal self-attention, attention to the memory, two linear layers, each added to
/// what it is given. The block's parts are those of the layer transformer_decoder, and
/// `norm_memory` and `memory` beside them. Without a memory the module refuses.
/// @param context      its input is x: [n, t, width]
/// @param settings     its `causal` is of no account: self-attention always is
/// @throws InputError when the heads don't divide the width
[[nodiscard]] std::unique_ptr<MemoryModule> make_transformer_decoder(
    const ModuleContext& context, const TransformerSettings& settings, std::int64_t memory_width);

}  // namespace raven
