#include "raven/graph/ops/embedding.hpp"

#include "nn/initial.hpp"
#include "nn/layer.hpp"
#include "nn/rows.hpp"
#include "nn/vocabulary_size.hpp"

namespace raven {
namespace {

const OptionDef embedding_options[] = {
    vocabulary_size_option(),
    {.name = "width",
     .kind = OptionKind::integer,
     .required = true,
     .min = 1,
     .help = "numbers in a row"},
    initial_option("normal"),
    initial_scale_option(1.0),
};

std::unique_ptr<Module> make_embedding(const ModuleContext& context, const Options& options) {
  if (context.input.dtype != DType::i32) {
    throw InputError("embedding looks up whole numbers, but its input is real numbers, " +
                         sample_shape(context.input) + " per sample",
                     "make it the first layer, on features of dtype i32");
  }
  const std::int64_t count = vocabulary_size(context, options);
  const std::int64_t width = options.integer("width");
  // A table is a linear layer on one-hot vectors: one entry makes a row.
  const ParameterId table =
      add_weight(context, {count, width}, {.in = 1, .out = width}, options, "none");
  return module_of([table](const ParameterStore& store, Variable x) {
    return embedding(x, x.tape().parameter(store, table));
  });
}

}  // namespace

const ModuleDef embedding_layer{.name = "embedding",
                                .help = "a trained row of numbers for each whole number",
                                .options = embedding_options,
                                .make = make_embedding};

}  // namespace raven
