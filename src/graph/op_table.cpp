#include <algorithm>
#include <vector>

#include "ops/rows.hpp"

namespace raven {

std::span<const OpDef* const> op_table() {
  static const std::vector<const OpDef*> table = [] {
    std::vector<const OpDef*> all;
    for (const OpRows family :
         {linear_rows(),    conv_rows(),       pool_rows(),     embedding_rows(), layout_rows(),
          pick_rows(),      arithmetic_rows(), function_rows(), reduce_rows(),    activation_rows(),
          softmax_rows(),   norm_rows(),       dropout_rows(),  attention_rows(), position_rows(),
          recurrent_rows(), ragged_rows(),     tree_rows(),     cell_rows(),      segment_rows(),
          loss_rows(),      metric_rows()}) {
      all.insert(all.end(), family.begin(), family.end());
    }
    return all;
  }();
  return table;
}

const OpDef* find_op(std::string_view name) {
  const auto table = op_table();
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const OpDef* op) { return op->name == name; });
  return found == table.end() ? nullptr : *found;
}

}  // namespace raven
