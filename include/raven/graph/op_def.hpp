#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "raven/core/function_ref.hpp"
#include "raven/core/random.hpp"
#include "raven/graph/attributes.hpp"
#include "raven/tensor/tensor.hpp"

namespace raven {

class RowSink;

/// What a call makes: its outputs (seen by later calls) and what forward keeps for backward only.
struct CallTypes {
  std::vector<ValueType> outputs;
  std::vector<ValueType> saved;
};

/// Where backward puts the gradient of one input. Either nobody wants it, or this is the first
/// contribution (assign) or a further one (add): kernels write straight into it (GEMM with beta 0
/// or 1), so a large gradient never exists twice. The gradient check runs every op in both modes.
struct GradientSink {
  enum class Mode : std::uint8_t { none, assign, add };
  View to;
  Mode mode = Mode::none;
  /// Not null: the gradient is collected here, row by row, and `to` has no data. Only of an input
  /// that the row looks up (OpDef::looked_up_input).
  RowSink* rows = nullptr;

  [[nodiscard]] bool wanted() const { return mode != Mode::none; }
  [[nodiscard]] bool adds() const { return mode == Mode::add; }
};

/// One run of a call. Buffers belong to the caller and are the shapes that infer() promised.
struct ForwardCall {
  std::span<const ConstView> inputs;
  const Attributes& attributes;
  std::span<const View> outputs;
  std::span<const View> saved;
  RandomKey
      key;  ///< op = number of the node, sample = position in the batch of row 0 of this snippet
};

/// The way back through a call. Inputs and outputs that the row does not say it needs have a type
/// but no data.
struct BackwardCall {
  std::span<const ConstView> inputs;
  const Attributes& attributes;
  std::span<const ConstView> outputs;
  std::span<const ConstView> saved;
  /// One per output, null for outputs that carry no gradient. Nobody reads them afterwards, so a
  /// row may use them as working memory.
  std::span<const View> output_gradients;
  /// One per input, each in memory of its own.
  std::span<const GradientSink> input_gradients;
  RandomKey key;
  /// Null, or told by rows whose gradients take long.
  const FunctionRef<void(std::size_t input)>* on_written = nullptr;

  /// The gradient of this input is written to the end. A row need not say so before it returns, but
  /// where it does, a parameter's gradient travels while that of another input is computed.
  void written(std::size_t input) const {
    if (on_written != nullptr) (*on_written)(input);
  }
};

/// Which of forward's values backward reads; the planner reuses the memory of all others.
struct BackwardNeeds {
  bool inputs = true;
  bool outputs = true;
};

/// One differentiable operation: a row in a table, found by name.
///
/// A row has no state. Everything that a call needs is in its inputs and its attributes, so rank 0
/// can record a call and any other process can run it. All functions are pure and safe on several
/// threads; their results depend on the inputs alone, never on how many threads help.
struct OpDef {
  /// Name on the wire. Once released, a name keeps its meaning for ever.
  std::string_view name;
  /// Shapes of what the call makes. Runs while the model is recorded, so that a wrong shape is
  /// reported at the line that wrote it; and again on whoever received the graph, so it checks
  /// attributes as hostile input.
  /// @throws InputError when inputs or attributes do not fit together.
  CallTypes (*infer)(std::span<const ValueType> inputs, const Attributes& attributes);
  /// Null only if `aliases_input`.
  void (*forward)(const ForwardCall& call) = nullptr;
  /// Null for an op without a gradient (a metric).
  void (*backward)(const BackwardCall& call) = nullptr;
  /// Null means that backward reads both inputs and outputs.
  BackwardNeeds (*needs)(const Attributes& attributes) = nullptr;
  /// Multiply-add work of one forward run in FLOP; null where it does not count. The gradients
  /// of the first two inputs cost as much each.
  double (*flops)(std::span<const ValueType> inputs, std::span<const ValueType> outputs) = nullptr;
  /// Which inputs go by rows (bit i for input i): calls that agree in all other inputs and in their
  /// attributes are one call on those inputs, concatenated along the first dimension, and its
  /// outputs are theirs, concatenated likewise. 0, or null: the call can't be joined with others.
  /// Graphs of many samples are run as few large calls by this (autobatch.hpp).
  std::uint64_t (*row_inputs)(std::span<const ValueType> inputs,
                              const Attributes& attributes) = nullptr;
  /// Attributes of a call joined from others, with so many rows in its first output; null where
  /// they are the same. Calls join when this gives them equal attributes for equal rows.
  Attributes (*joined)(const Attributes& attributes, std::int64_t rows) = nullptr;
  /// The input, if any, of which the call takes rows by number and reads nothing else: backward
  /// bears GradientSink::rows there.
  std::int8_t looked_up_input = -1;
  /// Only so many of the first inputs ever have a gradient; targets and the like are constants.
  std::uint16_t differentiable_inputs = 0xFFFF;
  /// Only so many of the first outputs carry a gradient; the others are constants (statistics,
  /// weights of rows).
  std::uint16_t differentiable_outputs = 1;
  /// The only output is input 0 under another shape: the planner gives both the same memory, for
  /// values and for gradients, and runs nothing.
  bool aliases_input = false;
  /// outputs[0] may be inputs[0], if they are of one size and nobody needs the input any more.
  bool forward_in_place = false;
  /// input_gradients[0] may be output_gradients[0], if it assigns; backward writes it last.
  bool backward_in_place = false;
};

/// A family of ops: the rows of one source file.
using OpRows = std::span<const OpDef* const>;

/// Every op that raven knows.
[[nodiscard]] std::span<const OpDef* const> op_table();
/// Null when there is none of that name.
[[nodiscard]] const OpDef* find_op(std::string_view name);

}  // namespace raven
