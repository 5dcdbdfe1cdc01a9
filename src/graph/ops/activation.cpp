#include "raven/graph/ops/activation.hpp"

#include "activation_attribute.hpp"
#include "join.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

using kernels::Activation;
using kernels::ActivationKind;

/// One row for each kind, all alike: y = f(x), dx = dy f'(...).
template <ActivationKind kind>
OpDef activation_row() {
  return {
      .name = name_of(kind),
      .infer =
          [](std::span<const ValueType> inputs, const Attributes& attributes) {
            const CallCheck check(name_of(kind), inputs, attributes);
            check.inputs(1);
            static_cast<void>(check_constants(check, kind));
            return makes(check.f32(0, "input"));
          },
      .forward =
          [](const ForwardCall& call) {
            kernels::activation_forward(constants_of(call.attributes, kind), call.inputs[0].count(),
                                        call.inputs[0].f32(), call.outputs[0].f32());
          },
      .backward =
          [](const BackwardCall& call) {
            const GradientSink& sink = call.input_gradients[0];
            const ConstView& kept =
                kernels::activation_needs_input(kind) ? call.inputs[0] : call.outputs[0];
            kernels::activation_backward(constants_of(call.attributes, kind), kept.count(),
                                         kept.f32(), call.output_gradients[0].f32(), sink.to.f32(),
                                         accumulate(sink));
          },
      .needs = kernels::activation_needs_input(kind) ? needs_inputs : needs_outputs,
      .row_inputs = first_by_rows,
      .forward_in_place = true,
      .backward_in_place = true,
  };
}

/// By ActivationKind; identity has no row.
const OpDef* row_of(ActivationKind kind) {
  static const OpDef rows[] = {
      activation_row<ActivationKind::relu>(),    activation_row<ActivationKind::leaky_relu>(),
      activation_row<ActivationKind::elu>(),     activation_row<ActivationKind::selu>(),
      activation_row<ActivationKind::gelu>(),    activation_row<ActivationKind::gelu_tanh>(),
      activation_row<ActivationKind::silu>(),    activation_row<ActivationKind::softplus>(),
      activation_row<ActivationKind::sigmoid>(), activation_row<ActivationKind::tanh>(),
  };
  return &rows[static_cast<std::size_t>(kind) - 1];
}

}  // namespace

OpRows activation_rows() {
  static const auto rows = [] {
    std::array<const OpDef*, kernels::activation_kinds - 1> all{};
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] = row_of(static_cast<ActivationKind>(i + 1));
    }
    return all;
  }();
  return rows;
}

Variable activate(Variable x, const Activation& activation) {
  if (activation.kind == ActivationKind::identity) return x;
  Attributes attributes;
  put_constants(attributes, activation);
  return x.tape().call(*row_of(activation.kind), {&x, 1}, std::move(attributes));
}

namespace {

Variable activate(Variable x, ActivationKind kind) {
  return activate(x, kernels::default_activation(kind));
}

Variable activate(Variable x, ActivationKind kind, double a) {
  Activation activation = kernels::default_activation(kind);
  activation.a = static_cast<float>(a);
  return activate(x, activation);
}

}  // namespace

Variable relu(Variable x) { return activate(x, ActivationKind::relu); }
Variable leaky_relu(Variable x, double slope) {
  return activate(x, ActivationKind::leaky_relu, slope);
}
Variable elu(Variable x, double alpha) { return activate(x, ActivationKind::elu, alpha); }
Variable selu(Variable x) { return activate(x, ActivationKind::selu); }
Variable gelu(Variable x) { return activate(x, ActivationKind::gelu); }
Variable gelu_tanh(Variable x) { return activate(x, ActivationKind::gelu_tanh); }
Variable silu(Variable x) { return activate(x, ActivationKind::silu); }
Variable softplus(Variable x, double beta, double threshold) {
  return activate(x, Activation{.kind = ActivationKind::softplus,
                                .a = static_cast<float>(beta),
                                .threshold = static_cast<float>(threshold)});
}
Variable sigmoid(Variable x) { return activate(x, ActivationKind::sigmoid); }
Variable tanh(Variable x) { return activate(x, ActivationKind::tanh); }

}  // namespace raven
