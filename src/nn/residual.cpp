#include "raven/graph/ops/arithmetic.hpp"

#include "nn/layer.hpp"
#include "nn/rows.hpp"

namespace raven {
namespace {

std::unique_ptr<Module> make_residual(const ModuleContext& context, const Options&) {
  need_numbers(context, "residual");
  if (context.block.empty()) {
    throw InputError("residual has no layers, so it would only double its input",
                     "list its layers, such as residual: [{linear: {features: 64}}]");
  }
  std::shared_ptr<const Module> block = make_sequence(context.block, context);
  return module_of([block](const ParameterStore& store, Variable x) {
    const Variable y = block->forward(store, x);
    if (y.type() != x.type()) {
      throw InputError("the block turns " + sample_shape(x.type()) + " into " +
                           sample_shape(y.type()) + " per sample, so its input can't be added",
                       "make the block's last layer give the shape of the block's input");
    }
    return add(x, y);
  });
}

}  // namespace

const ModuleDef residual_layer{.name = "residual",
                               .help =
                                   "input + block(input): a list of layers with a way around "
                                   "them",
                               .options = {},
                               .has_block = true,
                               .make = make_residual};

}  // namespace raven
