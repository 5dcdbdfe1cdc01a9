#include "raven/graph/ops/dropout.hpp"

#include "nn/layer.hpp"
#include "nn/rows.hpp"

namespace raven {
namespace {

const OptionDef dropout_options[] = {
    {.name = "rate",
     .kind = OptionKind::real,
     .fallback = 0.5,
     .min = 0,
     .max = 0.999,
     .help = "share of the numbers that become 0 in training; the others grow to make up for it"},
};

std::unique_ptr<Module> make_dropout(const ModuleContext& context, const Options& options) {
  need_numbers(context, "dropout");
  return module_of([rate = options.real("rate")](const ParameterStore&, Variable x) {
    return dropout(x, rate);
  });
}

}  // namespace

const ModuleDef dropout_layer{.name = "dropout",
                              .help = "numbers at random become 0 in training, none in evaluation",
                              .options = dropout_options,
                              .make = make_dropout};

}  // namespace raven
