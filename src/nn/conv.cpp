#include "raven/graph/ops/conv.hpp"

#include <optional>

#include "nn/activation_option.hpp"
#include "nn/attention_part.hpp"
#include "nn/initial.hpp"
#include "nn/layer.hpp"
#include "nn/rows.hpp"

namespace raven {
namespace {

const OptionDef conv2d_options[] = {
    {.name = "channels",
     .kind = OptionKind::integer,
     .required = true,
     .min = 1,
     .help = "channels that come out"},
    {.name = "kernel",
     .kind = OptionKind::integers,
     .required = true,
     .min = 1,
     .help = "size of the window, one number or [height, width]"},
    {.name = "stride",
     .kind = OptionKind::integers,
     .fallback = std::vector<std::int64_t>{1},
     .min = 1,
     .help = "pixels from one window to the next, one number or [height, width]"},
    {.name = "padding",
     .kind = OptionKind::integers,
     .fallback = std::vector<std::int64_t>{0},
     .min = 0,
     .help = "zeros around the image on each side, one number or [height, width]"},
    {.name = "dilation",
     .kind = OptionKind::integers,
     .fallback = std::vector<std::int64_t>{1},
     .min = 1,
     .help = "pixels from one element of the window to the next, one number or [height, width]"},
    {.name = "groups",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{1},
     .min = 1,
     .help = "parts that the channels are cut into, each convolved on its own"},
    {.name = "bias", .kind = OptionKind::boolean, .fallback = true, .help = "add a trained offset"},
    activation_option(),
    initial_option("auto"),
    initial_scale_option(0.0),
};

void check_window(const ModuleContext& context, const Size2d& kernel, const Conv2dOptions& conv) {
  constexpr const char* sides[] = {"height", "width"};
  for (std::size_t side = 0; side < 2; ++side) {
    const std::int64_t covered = conv.dilation[side] * (kernel[side] - 1) + 1;
    const std::int64_t size = context.input.shape[side + 1] + 2 * conv.padding[side];
    if (covered <= size) continue;
    throw InputError("the window covers " + std::to_string(covered) + " pixels of " + sides[side] +
                         ", but the padded image has " + std::to_string(size),
                     "use a smaller kernel, more padding, or less pooling in front");
  }
}

void check_groups(std::int64_t in, std::int64_t out, std::int64_t groups) {
  if (in % groups == 0 && out % groups == 0) return;
  throw InputError(std::to_string(groups) + " groups don't divide " + std::to_string(in) +
                       " channels in and " + std::to_string(out) + " out",
                   "choose groups that divide both");
}

const OptionDef conv1d_options[] = {
    {.name = "channels",
     .kind = OptionKind::integer,
     .required = true,
     .min = 1,
     .help = "channels that come out"},
    {.name = "kernel",
     .kind = OptionKind::integer,
     .required = true,
     .min = 1,
     .max = 1 << 20,
     .help = "positions in the window"},
    {.name = "stride",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{1},
     .min = 1,
     .max = 1 << 20,
     .help = "positions from one window to the next"},
    {.name = "padding",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{0},
     .min = 0,
     .max = 1 << 20,
     .help = "zeros at each end of the sequence"},
    {.name = "dilation",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{1},
     .min = 1,
     .max = 1 << 20,
     .help = "positions from one element of the window to the next"},
    {.name = "groups",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{1},
     .min = 1,
     .help = "parts that the channels are cut into, each convolved on its own"},
    {.name = "bias", .kind = OptionKind::boolean, .fallback = true, .help = "add a trained offset"},
    activation_option(),
    initial_option("auto"),
    initial_scale_option(0.0),
};

std::unique_ptr<Module> make_conv1d(const ModuleContext& context, const Options& options) {
  need_sequences(context, "conv1d");
  const std::int64_t kernel = options.integer("kernel");
  const Conv1dOptions conv{.stride = options.integer("stride"),
                           .padding = options.integer("padding"),
                           .dilation = options.integer("dilation"),
                           .groups = options.integer("groups")};
  const std::int64_t in = context.input.shape[2];
  const std::int64_t out = options.integer("channels");
  const std::int64_t covered = conv.dilation * (kernel - 1) + 1;
  const std::int64_t length = context.input.shape[1] + 2 * conv.padding;
  if (covered > length) {
    throw InputError("the window covers " + std::to_string(covered) +
                         " positions, but the padded sequence has " + std::to_string(length),
                     "use a smaller kernel or more padding");
  }
  check_groups(in, out, conv.groups);
  const Fan fan{.in = kernel * (in / conv.groups), .out = kernel * (out / conv.groups)};
  const std::string& activation = options.text("activation");
  const ParameterId weight =
      add_weight(context, {out, kernel, in / conv.groups}, fan, options, activation);
  std::optional<ParameterId> bias;
  if (options.boolean("bias")) bias = add_constant(context, "bias", {out}, 0.0F);
  return module_of([weight, bias, conv, activation = activation_named(activation)](
                       const ParameterStore& store, Variable x) {
    Tape& tape = x.tape();
    return conv1d(x, tape.parameter(store, weight),
                  bias ? tape.parameter(store, *bias) : Variable(), conv, activation);
  });
}

std::unique_ptr<Module> make_conv2d(const ModuleContext& context, const Options& options) {
  need_images(context, "conv2d");
  const Size2d kernel = height_and_width(options, "kernel");
  const Conv2dOptions conv{.stride = height_and_width(options, "stride"),
                           .padding = height_and_width(options, "padding"),
                           .dilation = height_and_width(options, "dilation"),
                           .groups = options.integer("groups")};
  const std::int64_t in = context.input.shape.back();
  const std::int64_t out = options.integer("channels");
  check_window(context, kernel, conv);
  check_groups(in, out, conv.groups);
  const std::int64_t area = kernel[0] * kernel[1];
  const Fan fan{.in = area * (in / conv.groups), .out = area * (out / conv.groups)};
  const std::string& activation = options.text("activation");
  const ParameterId weight =
      add_weight(context, {out, kernel[0], kernel[1], in / conv.groups}, fan, options, activation);
  std::optional<ParameterId> bias;
  if (options.boolean("bias")) bias = add_constant(context, "bias", {out}, 0.0F);
  return module_of([weight, bias, conv, activation = activation_named(activation)](
                       const ParameterStore& store, Variable x) {
    Tape& tape = x.tape();
    return conv2d(x, tape.parameter(store, weight),
                  bias ? tape.parameter(store, *bias) : Variable(), conv, activation);
  });
}

}  // namespace

const ModuleDef conv1d_layer{.name = "conv1d",
                             .help = "convolution along sequences: activation(conv(x, W) + b)",
                             .options = conv1d_options,
                             .make = make_conv1d};

const ModuleDef conv2d_layer{.name = "conv2d",
                             .help = "2-d convolution of images: activation(conv(x, W) + b)",
                             .options = conv2d_options,
                             .make = make_conv2d};

}  // namespace raven
