#include "nn/layer.hpp"
#include "nn/rows.hpp"
#include "raven/graph/ops/layout.hpp"

namespace raven {
namespace {

const OptionDef reshape_options[] = {
    {.name = "shape",
     .kind = OptionKind::integers,
     .required = true,
     .min = -1,
     .help = "sizes of one sample, without the batch; one of them may be -1 for what is left"},
};

std::unique_ptr<Module> make_flatten(const ModuleContext&, const Options&) {
  return module_of([](const ParameterStore&, Variable x) {
    const Shape& shape = x.shape();
    return reshape(x, {shape[0], shape.row_count()});
  });
}

/// The shape of a sample, with -1 worked out.
Shape sample_of(const std::vector<std::int64_t>& given, const ModuleContext& context) {
  const auto refuse = [&](const std::string& why) {
    return InputError(
        why + " (its input is " + sample_shape(context.input) + " per sample)",
        "give sizes whose product is " + std::to_string(context.input.shape.row_count()));
  };
  if (given.size() >= Shape::max_rank) throw refuse("shape has more than five sizes");
  Shape shape{std::span<const std::int64_t>(given)};
  std::int64_t product = 1;
  std::int64_t* open = nullptr;
  for (std::size_t axis = 0; axis < given.size(); ++axis) {
    if (given[axis] == 0) throw refuse("a size of shape is 0");
    if (given[axis] > 0) {
      // Sizes are a user's: the product must not overflow.
      if (product > context.input.shape.row_count()) break;
      product *= given[axis];
    } else {
      if (open != nullptr) throw refuse("shape has more than one -1");
      open = &shape[axis];
    }
  }
  const std::int64_t wanted = context.input.shape.row_count();
  if (open != nullptr && wanted % product == 0) *open = wanted / product;
  if (shape.count() != wanted) throw refuse("shape doesn't hold as many numbers as its input");
  return shape;
}

std::unique_ptr<Module> make_reshape(const ModuleContext& context, const Options& options) {
  return module_of(
      [sample = sample_of(options.integers("shape"), context)](const ParameterStore&, Variable x) {
        return reshape(x, sample.with_first(x.shape()[0]));
      });
}

}  // namespace

const ModuleDef flatten_layer{.name = "flatten",
                              .help = "all numbers of a sample in one row, at no cost",
                              .options = {},
                              .make = make_flatten};

const ModuleDef reshape_layer{.name = "reshape",
                              .help = "the same numbers under another shape, at no cost",
                              .options = reshape_options,
                              .make = make_reshape};

}  // namespace raven
