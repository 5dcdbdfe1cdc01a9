#include "raven/graph/ops/activation.hpp"

#include <algorithm>
#include <iterator>

#include "nn/activation_option.hpp"
#include "nn/layer.hpp"
#include "nn/rows.hpp"

namespace raven {
namespace {

using Kind = kernels::ActivationKind;

// In the order of ActivationKind.
constexpr std::string_view activation_names[] = {"none",     "relu",    "leaky_relu", "elu",
                                                 "selu",     "gelu",    "gelu_tanh",  "silu",
                                                 "softplus", "sigmoid", "tanh"};
static_assert(std::size(activation_names) == kernels::activation_kinds);

const OptionDef leaky_relu_options[] = {
    {.name = "slope",
     .kind = OptionKind::real,
     .fallback = 0.01,
     .min = 0,
     .help = "factor on negative numbers"},
};
const OptionDef elu_options[] = {
    {.name = "alpha",
     .kind = OptionKind::real,
     .fallback = 1.0,
     .min = 1e-6,
     .help = "the most negative value is minus this"},
};
constexpr std::string_view gelu_choices[] = {"none", "tanh"};
const OptionDef gelu_options[] = {
    {.name = "approximate",
     .kind = OptionKind::text,
     .fallback = std::string("none"),
     .choices = gelu_choices,
     .help = "none: exact, by erf; tanh: the usual approximation"},
};
const OptionDef softplus_options[] = {
    {.name = "beta",
     .kind = OptionKind::real,
     .fallback = 1.0,
     .min = 1e-6,
     .help = "how sharp the bend is"},
    {.name = "threshold",
     .kind = OptionKind::real,
     .fallback = 20.0,
     .min = 0,
     .help = "x itself is taken where beta x is larger"},
};

std::unique_ptr<Module> make_activation(const ModuleContext& context,
                                        const kernels::Activation& activation) {
  need_numbers(context, activation_names[static_cast<std::size_t>(activation.kind)]);
  return module_of(
      [activation](const ParameterStore&, Variable x) { return activate(x, activation); });
}

template <Kind kind>
std::unique_ptr<Module> make_plain(const ModuleContext& context, const Options&) {
  return make_activation(context, kernels::default_activation(kind));
}

std::unique_ptr<Module> make_leaky_relu(const ModuleContext& context, const Options& options) {
  return make_activation(
      context, {.kind = Kind::leaky_relu, .a = static_cast<float>(options.real("slope"))});
}

std::unique_ptr<Module> make_elu(const ModuleContext& context, const Options& options) {
  return make_activation(context,
                         {.kind = Kind::elu, .a = static_cast<float>(options.real("alpha"))});
}

std::unique_ptr<Module> make_gelu(const ModuleContext& context, const Options& options) {
  const bool approximate = options.text("approximate") == "tanh";
  return make_activation(context,
                         kernels::default_activation(approximate ? Kind::gelu_tanh : Kind::gelu));
}

std::unique_ptr<Module> make_softplus(const ModuleContext& context, const Options& options) {
  return make_activation(context, {.kind = Kind::softplus,
                                   .a = static_cast<float>(options.real("beta")),
                                   .threshold = static_cast<float>(options.real("threshold"))});
}

std::unique_ptr<Module> make_softmax(const ModuleContext& context, const Options&) {
  need_numbers(context, "softmax");
  return module_of([](const ParameterStore&, Variable x) { return softmax(x); });
}

}  // namespace

OptionDef activation_option() {
  return {.name = "activation",
          .kind = OptionKind::text,
          .fallback = std::string("none"),
          .choices = activation_names,
          .help = "what the output goes through, at no extra pass over memory"};
}

kernels::Activation activation_named(std::string_view name) {
  const auto found = std::ranges::find(activation_names, name);
  expects(found != std::end(activation_names), "an activation is one of the option's choices");
  return kernels::default_activation(static_cast<Kind>(found - std::begin(activation_names)));
}

const ModuleDef relu_layer{
    .name = "relu", .help = "max(x, 0)", .options = {}, .make = make_plain<Kind::relu>};
const ModuleDef leaky_relu_layer{.name = "leaky_relu",
                                 .help = "x where positive, else slope x",
                                 .options = leaky_relu_options,
                                 .make = make_leaky_relu};
const ModuleDef elu_layer{.name = "elu",
                          .help = "x where positive, else alpha (exp(x) - 1)",
                          .options = elu_options,
                          .make = make_elu};
const ModuleDef selu_layer{.name = "selu",
                           .help = "elu with the constants that keep mean 0 and variance 1",
                           .options = {},
                           .make = make_plain<Kind::selu>};
const ModuleDef gelu_layer{.name = "gelu",
                           .help = "x times the normal distribution's share below x",
                           .options = gelu_options,
                           .make = make_gelu};
const ModuleDef silu_layer{.name = "silu",
                           .help = "x sigmoid(x), also known as swish",
                           .options = {},
                           .make = make_plain<Kind::silu>};
const ModuleDef softplus_layer{.name = "softplus",
                               .help = "log(1 + exp(beta x)) / beta, a smooth relu",
                               .options = softplus_options,
                               .make = make_softplus};
const ModuleDef sigmoid_layer{.name = "sigmoid",
                              .help = "1 / (1 + exp(-x))",
                              .options = {},
                              .make = make_plain<Kind::sigmoid>};
const ModuleDef tanh_layer{
    .name = "tanh", .help = "hyperbolic tangent", .options = {}, .make = make_plain<Kind::tanh>};
const ModuleDef softmax_layer{.name = "softmax",
                              .help =
                                  "shares that add up to 1 along the last dimension; not in "
                                  "front of cross_entropy, which has its own",
                              .options = {},
                              .make = make_softmax};

}  // namespace raven
