#include "raven/graph/ops/pool.hpp"

#include "nn/layer.hpp"
#include "nn/rows.hpp"

namespace raven {
namespace {

const OptionDef pool_options[] = {
    {.name = "size",
     .kind = OptionKind::integers,
     .required = true,
     .min = 1,
     .help = "size of the window, one number or [height, width]"},
    {.name = "stride",
     .kind = OptionKind::integers,
     .fallback = std::vector<std::int64_t>{},
     .min = 1,
     .help = "pixels from one window to the next, one number or [height, width]; if not given, "
             "the size"},
    {.name = "padding",
     .kind = OptionKind::integers,
     .fallback = std::vector<std::int64_t>{0},
     .min = 0,
     .help = "pixels around the image on each side, at most half the size"},
};

Pool2dOptions checked(const ModuleContext& context, const Options& options) {
  Pool2dOptions pool{.kernel = height_and_width(options, "size"),
                     .padding = height_and_width(options, "padding")};
  pool.stride =
      options.integers("stride").empty() ? pool.kernel : height_and_width(options, "stride");
  for (std::size_t side = 0; side < 2; ++side) {
    if (2 * pool.padding[side] > pool.kernel[side]) {
      throw InputError("padding " + std::to_string(pool.padding[side]) +
                           " is more than half of size " + std::to_string(pool.kernel[side]) +
                           ", so some windows would hold nothing",
                       "use less padding");
    }
    const std::int64_t padded = context.input.shape[side + 1] + 2 * pool.padding[side];
    if (pool.kernel[side] > padded) {
      throw InputError("the window has size " + std::to_string(pool.kernel[side]) +
                           ", but the padded image has only " + std::to_string(padded),
                       "use a smaller size, or less pooling in front");
    }
  }
  return pool;
}

template <Variable (*pooling)(Variable, const Pool2dOptions&)>
std::unique_ptr<Module> make_pool(const ModuleContext& context, const Options& options) {
  need_images(context, "pooling");
  return module_of([pool = checked(context, options)](const ParameterStore&, Variable x) {
    return pooling(x, pool);
  });
}

std::unique_ptr<Module> make_global_avg_pool2d(const ModuleContext& context, const Options&) {
  need_images(context, "pooling");
  return module_of([](const ParameterStore&, Variable x) { return global_avg_pool2d(x); });
}

}  // namespace

const ModuleDef max_pool2d_layer{.name = "max_pool2d",
                                 .help = "the largest value of each channel under each window",
                                 .options = pool_options,
                                 .make = make_pool<max_pool2d>};

const ModuleDef avg_pool2d_layer{.name = "avg_pool2d",
                                 .help =
                                     "the mean of each channel under each window; padding "
                                     "counts as zeros",
                                 .options = pool_options,
                                 .make = make_pool<avg_pool2d>};

const ModuleDef global_avg_pool2d_layer{.name = "global_avg_pool2d",
                                        .help = "the mean of each channel over the whole image",
                                        .options = {},
                                        .make = make_global_avg_pool2d};

}  // namespace raven
