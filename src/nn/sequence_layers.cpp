#include "nn/attention_part.hpp"
#include "nn/initial.hpp"
#include "nn/layer.hpp"
#include "nn/ragged.hpp"
#include "nn/rows.hpp"
#include "nn/vocabulary_size.hpp"
#include "raven/graph/ops/arithmetic.hpp"
#include "raven/graph/ops/attention.hpp"
#include "raven/graph/ops/embedding.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/ops/linear.hpp"

namespace raven {
namespace {

constexpr std::string_view kind_choices[] = {"learnt", "sinusoidal"};

const OptionDef positions_options[] = {
    {.name = "kind",
     .kind = OptionKind::text,
     .fallback = std::string("learnt"),
     .choices = kind_choices,
     .help = "learnt: a trained row for each position; sinusoidal: fixed waves"},
    {.name = "longest",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{0},
     .min = 0,
     .max = 1 << 24,
     .help = "most tokens of a sequence, for learnt rows where samples are of any length"},
    initial_option("normal"),
    initial_scale_option(0.0),
};

std::unique_ptr<Module> make_ragged_positions(const ModuleContext& context,
                                              const Options& options) {
  const auto positions = [](Variable x) { return sequence_positions(lengths_of(x.tape()), x); };
  if (options.text("kind") == "sinusoidal") {
    return module_of([positions](const ParameterStore&, Variable x) {
      return add_sinusoidal_positions(x, positions(x));
    });
  }
  const std::int64_t longest = options.integer("longest");
  if (longest == 0) {
    throw InputError("samples are of any length, so nothing tells how many positions to learn",
                     "say how many, such as positions: {longest: 256}");
  }
  const std::int64_t width = context.input.shape[1];
  const ParameterId table =
      add_weight(context, {longest, width}, {.in = 1, .out = width}, options, "none");
  return module_of([positions, table](const ParameterStore& store, Variable x) {
    return add(x, embedding(positions(x), x.tape().parameter(store, table)));
  });
}

std::unique_ptr<Module> make_positions(const ModuleContext& context, const Options& options) {
  need_sequences_or_tokens(context, "positions");
  if (context.ragged == Ragged::sequences) return make_ragged_positions(context, options);
  if (options.text("kind") == "sinusoidal") {
    return module_of([](const ParameterStore&, Variable x) { return add_sinusoidal_positions(x); });
  }
  const std::int64_t length = context.input.shape[1];
  const std::int64_t width = context.input.shape[2];
  const ParameterId table =
      add_weight(context, {length, width}, {.in = 1, .out = width}, options, "none");
  return module_of([table](const ParameterStore& store, Variable x) {
    const Variable rows = x.tape().parameter(store, table);
    // A shorter sequence stands at the first positions.
    return add(x, slice(rows, 0, 0, x.shape()[1]));
  });
}

const OptionDef tied_options[] = {
    vocabulary_size_option(),
    {.name = "width",
     .kind = OptionKind::integer,
     .required = true,
     .min = 1,
     .help = "numbers in a row"},
    initial_option("normal"),
    initial_scale_option(0.0),
};

std::unique_ptr<Module> make_tied_embedding(const ModuleContext& context, const Options& options) {
  if (context.input.dtype != DType::i32) {
    throw InputError("tied_embedding looks up whole numbers, but its input is real numbers, " +
                         sample_shape(context.input) + " per sample",
                     "make it the only layer, on features of dtype i32");
  }
  const std::int64_t count = vocabulary_size(context, options);
  const std::int64_t width = options.integer("width");
  const ParameterId table =
      add_weight(context, {count, width}, {.in = 1, .out = width}, options, "none");
  ModuleContext inner = context;
  std::vector<std::int64_t> dims(context.input.shape.begin(), context.input.shape.end());
  dims.push_back(width);
  inner.input = {DType::f32, Shape(dims)};
  std::shared_ptr<const Module> block = make_sequence(context.block, inner);
  return module_of([table, block, width](const ParameterStore& store, Variable x) {
    const Variable rows = x.tape().parameter(store, table);
    const Variable y = block->forward(store, embedding(x, rows));
    if (y.shape().back() != width) {
      throw InputError("the layers inside give " + sample_shape(y.type()) +
                           " per sample, which can't be compared with rows of " +
                           std::to_string(width),
                       "let the last layer inside give the width");
    }
    return linear(y, rows);
  });
}

}  // namespace

const ModuleDef positions_layer{.name = "positions",
                                .help = "adds to each element of a sequence what tells its place",
                                .options = positions_options,
                                .make = make_positions};

const ModuleDef tied_embedding_layer{
    .name = "tied_embedding",
    .help =
        "a row for each whole number, layers, and how well each row fits what comes out: one "
        "table in and out (Press and Wolf, 2017)",
    .options = tied_options,
    .has_block = true,
    .make = make_tied_embedding};

}  // namespace raven
