#pragma once

#include "infer.hpp"
#include "raven/tensor/kernels/activation.hpp"

namespace raven {

/// The name of a non-linearity on the wire.
[[nodiscard]] std::string_view name_of(kernels::ActivationKind kind);

/// Writes a fused activation into the attributes of a call: its name, and its constants if it has
/// any.
void put_activation(Attributes& attributes, const kernels::Activation& activation);

/// Reads and checks what put_activation() wrote.
[[nodiscard]] kernels::Activation check_activation(const CallCheck& check);
/// The same when infer has checked it already.
[[nodiscard]] kernels::Activation activation_of(const Attributes& attributes);

/// What the backward of a fused call needs: its inputs, and its output if the derivative of the
/// activation is made from that.
[[nodiscard]] BackwardNeeds fused_needs(const Attributes& attributes);

/// Checks the constants of one kind, which its own row and fused calls share.
[[nodiscard]] kernels::Activation check_constants(const CallCheck& check,
                                                  kernels::ActivationKind kind);
void put_constants(Attributes& attributes, const kernels::Activation& activation);
[[nodiscard]] kernels::Activation constants_of(const Attributes& attributes,
                                               kernels::ActivationKind kind);

}  // namespace raven
