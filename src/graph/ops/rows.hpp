#pragma once

#include "raven/graph/op_def.hpp"

namespace raven {

// The rows of each family, for the table.
[[nodiscard]] OpRows linear_rows();
[[nodiscard]] OpRows conv_rows();
[[nodiscard]] OpRows pool_rows();
[[nodiscard]] OpRows embedding_rows();
[[nodiscard]] OpRows layout_rows();
[[nodiscard]] OpRows pick_rows();
[[nodiscard]] OpRows arithmetic_rows();
[[nodiscard]] OpRows function_rows();
[[nodiscard]] OpRows reduce_rows();
[[nodiscard]] OpRows activation_rows();
[[nodiscard]] OpRows softmax_rows();
[[nodiscard]] OpRows norm_rows();
[[nodiscard]] OpRows dropout_rows();
[[nodiscard]] OpRows attention_rows();
[[nodiscard]] OpRows position_rows();
[[nodiscard]] OpRows recurrent_rows();
[[nodiscard]] OpRows ragged_rows();
[[nodiscard]] OpRows tree_rows();
[[nodiscard]] OpRows cell_rows();
[[nodiscard]] OpRows segment_rows();
[[nodiscard]] OpRows loss_rows();
[[nodiscard]] OpRows metric_rows();

// What a row needs for its way back.
[[nodiscard]] inline BackwardNeeds needs_nothing(const Attributes&) { return {false, false}; }
[[nodiscard]] inline BackwardNeeds needs_inputs(const Attributes&) { return {true, false}; }
[[nodiscard]] inline BackwardNeeds needs_outputs(const Attributes&) { return {false, true}; }

}  // namespace raven
