#include "activation_attribute.hpp"

#include <algorithm>
#include <iterator>

namespace raven {
namespace {

using kernels::Activation;
using kernels::ActivationKind;

constexpr std::string_view names[] = {"identity",  "relu", "leaky_relu", "elu",     "selu", "gelu",
                                      "gelu_tanh", "silu", "softplus",   "sigmoid", "tanh"};
static_assert(std::size(names) == kernels::activation_kinds);

bool has_constant(ActivationKind kind) {
  return kind == ActivationKind::leaky_relu || kind == ActivationKind::elu ||
         kind == ActivationKind::softplus;
}

}  // namespace

std::string_view name_of(ActivationKind kind) { return names[static_cast<std::size_t>(kind)]; }

void put_constants(Attributes& attributes, const Activation& activation) {
  if (!has_constant(activation.kind)) return;
  attributes.set("a", double{activation.a});
  if (activation.kind == ActivationKind::softplus) {
    attributes.set("threshold", double{activation.threshold});
  }
}

void put_activation(Attributes& attributes, const Activation& activation) {
  if (activation.kind == ActivationKind::identity) return;
  attributes.set("activation", std::string(name_of(activation.kind)));
  put_constants(attributes, activation);
}

Activation constants_of(const Attributes& attributes, ActivationKind kind) {
  Activation activation = kernels::default_activation(kind);
  if (!has_constant(kind)) return activation;
  activation.a = static_cast<float>(attributes.real("a"));
  if (kind == ActivationKind::softplus) {
    activation.threshold = static_cast<float>(attributes.real("threshold"));
  }
  return activation;
}

Activation check_constants(const CallCheck& check, ActivationKind kind) {
  Activation activation = kernels::default_activation(kind);
  if (!has_constant(kind)) return activation;
  const double least = kind == ActivationKind::leaky_relu ? 0.0 : 1.0e-6;
  activation.a = static_cast<float>(check.real("a", least, 1.0e6));
  if (kind == ActivationKind::softplus) {
    activation.threshold = static_cast<float>(check.real("threshold", 0.0, 1.0e6));
  }
  return activation;
}

Activation check_activation(const CallCheck& check) {
  if (!check.has("activation")) return {};
  const std::string& name = check.text("activation");
  const auto* found = std::find(std::begin(names), std::end(names), name);
  // "identity" is written by leaving the attribute out: equal calls have equal bytes.
  if (found == std::end(names) || found == std::begin(names)) {
    check.reject("there is no activation '" + name + "'", "choose relu, gelu, tanh or another");
  }
  return check_constants(check, static_cast<ActivationKind>(found - std::begin(names)));
}

Activation activation_of(const Attributes& attributes) {
  const Attributes::Value* value = attributes.find("activation");
  if (!value) return {};
  const auto* found = std::find(std::begin(names), std::end(names), std::get<std::string>(*value));
  return constants_of(attributes, static_cast<ActivationKind>(found - std::begin(names)));
}

BackwardNeeds fused_needs(const Attributes& attributes) {
  const ActivationKind kind = activation_of(attributes).kind;
  return {.inputs = true,
          .outputs = kind != ActivationKind::identity && !kernels::activation_needs_input(kind)};
}

}  // namespace raven
