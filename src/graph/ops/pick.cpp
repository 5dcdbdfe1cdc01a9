#include <algorithm>
#include <cstring>

#include "infer.hpp"
#include "raven/graph/ops/layout.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

/// Calls body(run) for each triple of the attribute, in order.
template <class Body>
void for_runs(const std::vector<std::int64_t>& runs, const Body& body) {
  for (std::size_t i = 0; i + 2 < runs.size(); i += 3) {
    body(RowRun{static_cast<std::size_t>(runs[i]), runs[i + 1], runs[i + 2]});
  }
}

CallTypes infer_pick(std::span<const ValueType> inputs, const Attributes& attributes) {
  const CallCheck check("pick", inputs, attributes);
  check.inputs(1, 1024);
  for (const ValueType& input : inputs) {
    if (input.dtype != inputs[0].dtype || input.shape.rank() == 0 ||
        input.shape.without_first() != inputs[0].shape.without_first()) {
      check.reject("rows of " + to_string(input.shape) + " are picked beside rows of " +
                       to_string(inputs[0].shape),
                   "let all inputs be of one type and agree in all dimensions but the first");
    }
  }
  const std::vector<std::int64_t>& runs = check.integers("runs");
  if (runs.empty() || runs.size() % 3 != 0) {
    check.reject("runs has " + std::to_string(runs.size()) + " numbers",
                 "give three for each run: input, first row, count");
  }
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < runs.size(); i += 3) {
    const bool known = runs[i] >= 0 && runs[i] < static_cast<std::int64_t>(inputs.size());
    const std::int64_t there = known ? inputs[static_cast<std::size_t>(runs[i])].shape[0] : 0;
    if (runs[i + 1] < 0 || runs[i + 1] >= there || runs[i + 2] < 1 ||
        runs[i + 2] > there - runs[i + 1]) {
      check.reject("run " + std::to_string(i / 3) + " leaves what is there: input " +
                       std::to_string(runs[i]) + ", row " + std::to_string(runs[i + 1]) + ", " +
                       std::to_string(runs[i + 2]) + " rows",
                   "let it lie within its input");
    }
    // Counts are below 2^40 and their number below 2^20.
    rows += runs[i + 2];
  }
  Shape y = inputs[0].shape;
  y[0] = rows;
  return {{{inputs[0].dtype, check.shape(y.dims())}}, {}};
}

void pick_forward(const ForwardCall& call) {
  const std::size_t row =
      call.outputs[0].type.bytes() / static_cast<std::size_t>(call.outputs[0].shape()[0]);
  auto* to = static_cast<std::byte*>(call.outputs[0].data);
  for_runs(call.attributes.integers("runs"), [&](const RowRun& run) {
    const auto* from = static_cast<const std::byte*>(call.inputs[run.input].data);
    const std::size_t bytes = static_cast<std::size_t>(run.count) * row;
    std::memcpy(to, from + static_cast<std::size_t>(run.first) * row, bytes);
    to += bytes;
  });
}

/// Adds in the order of the runs. What is assigned is not cleared first: up to row `ready` it has
/// been written, and a run beyond that is copied.
void pick_backward(const BackwardCall& call) {
  const std::int64_t row = call.output_gradients[0].shape().row_count();
  const auto bytes = [&](std::int64_t rows) {
    return static_cast<std::size_t>(rows * row) * sizeof(float);
  };
  const Scratch memory(2 * call.input_gradients.size());
  auto* ready = reinterpret_cast<std::int64_t*>(memory.data());
  for (std::size_t i = 0; i < call.input_gradients.size(); ++i) {
    const GradientSink& sink = call.input_gradients[i];
    ready[i] = sink.adds() ? sink.to.shape()[0] : 0;
  }
  const float* from = call.output_gradients[0].f32();
  for_runs(call.attributes.integers("runs"), [&](const RowRun& run) {
    const GradientSink& sink = call.input_gradients[run.input];
    const float* source = from;
    from += run.count * row;
    if (!sink.wanted()) return;
    float* to = sink.to.f32();
    std::int64_t& done = ready[run.input];
    if (run.first > done) {
      std::memset(to + done * row, 0, bytes(run.first - done));
      done = run.first;
    }
    const std::int64_t end = run.first + run.count;
    const std::int64_t add = std::min(done, end) - run.first;
    float* target = to + run.first * row;
    for (std::int64_t i = 0; i < add * row; ++i) target[i] += source[i];
    if (end > done) {
      std::memcpy(target + add * row, source + add * row, bytes(end - done));
      done = end;
    }
  });
  for (std::size_t i = 0; i < call.input_gradients.size(); ++i) {
    const GradientSink& sink = call.input_gradients[i];
    if (!sink.wanted()) continue;
    const std::int64_t rest = sink.to.shape()[0] - ready[i];
    if (rest > 0) std::memset(sink.to.f32() + ready[i] * row, 0, bytes(rest));
  }
}

/// Calls don't join: runs are places in whole inputs.
constexpr OpDef pick_row{
    .name = "pick",
    .infer = infer_pick,
    .forward = pick_forward,
    .backward = pick_backward,
    .needs = needs_nothing,
};

constexpr const OpDef* rows[] = {&pick_row};

}  // namespace

OpRows pick_rows() { return rows; }

Variable pick(std::span<const Variable> values, std::span<const RowRun> runs) {
  expects(!values.empty(), "there is something to pick from");
  std::vector<std::int64_t> list;
  list.reserve(3 * runs.size());
  for (const RowRun& run : runs) {
    list.insert(list.end(), {static_cast<std::int64_t>(run.input), run.first, run.count});
  }
  return values[0].tape().call(pick_row, values, {{"runs", std::move(list)}});
}

}  // namespace raven
