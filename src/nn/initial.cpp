#include "nn/initial.hpp"

#include <cmath>

#include "raven/tensor/kernels/fill.hpp"

namespace raven {
namespace {

constexpr std::string_view initial_choices[] = {"auto",   "he",      "lecun", "glorot",
                                                "normal", "uniform", "zeros"};

/// Keeps initial values apart from all other streams of a seed.
constexpr std::uint32_t initial_purpose = 0x494E4954;

std::string_view automatic_for(std::string_view activation) {
  if (activation == "selu") return "lecun";
  if (activation == "none" || activation == "sigmoid" || activation == "tanh") return "glorot";
  return "he";
}

void fill(std::string_view how, double scale, Fan fan, const RandomKey& key, Tensor& to) {
  const auto normal = [&](double deviation) {
    kernels::fill_normal(key, to.count(), 0.0F, static_cast<float>(deviation), to.view().f32());
  };
  const auto uniform = [&](double bound) {
    const auto limit = static_cast<float>(bound);
    kernels::fill_uniform(key, to.count(), -limit, limit, to.view().f32());
  };
  const auto or_usual = [&](double usual) { return scale > 0 ? scale : usual; };
  const auto in = static_cast<double>(fan.in);
  const auto out = static_cast<double>(fan.out);
  if (how == "he") normal(or_usual(1) * std::sqrt(2.0 / in));
  if (how == "lecun") normal(or_usual(1) * std::sqrt(1.0 / in));
  if (how == "glorot") uniform(or_usual(1) * std::sqrt(6.0 / (in + out)));
  if (how == "normal") normal(or_usual(0.02));
  if (how == "uniform") uniform(or_usual(0.05));
}

std::string name_of(const ModuleContext& context, std::string_view name) {
  return context.path.empty() ? std::string(name) : context.path + "." + std::string(name);
}

}  // namespace

OptionDef initial_option(std::string_view fallback) {
  return {.name = "initial",
          .kind = OptionKind::text,
          .fallback = std::string(fallback),
          .choices = initial_choices,
          .help =
              "how the weight starts; auto: he in front of relu and its kind, lecun in front "
              "of selu, else glorot"};
}

OptionDef initial_scale_option(double fallback) {
  return {.name = "initial_scale",
          .kind = OptionKind::real,
          .fallback = fallback,
          .min = 0,
          .help =
              "he, lecun, glorot: a factor (1); normal: the deviation (0.02); uniform: the "
              "bound (0.05); 0 for the value in brackets"};
}

ParameterId add_weight(const ModuleContext& context, const Shape& shape, Fan fan,
                       const Options& options, std::string_view activation) {
  std::string_view how = options.text("initial");
  if (how == "auto") how = automatic_for(activation);
  Tensor value(ValueType{DType::f32, shape});
  const RandomKey key{.seed = context.seed, .op = initial_purpose, .sample = context.store.size()};
  fill(how, options.real("initial_scale"), fan, key, value);
  return context.store.add({.name = name_of(context, "weight"), .value = std::move(value)});
}

ParameterId add_constant(const ModuleContext& context, std::string_view name, const Shape& shape,
                         float value, bool trainable) {
  Tensor filled(ValueType{DType::f32, shape});
  kernels::fill(filled.count(), value, filled.view().f32());
  return context.store.add({.name = name_of(context, name),
                            .value = std::move(filled),
                            .trainable = trainable,
                            .decays = false});
}

}  // namespace raven
