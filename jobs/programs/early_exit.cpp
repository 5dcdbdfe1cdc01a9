// Digits by a network that thinks as long as it needs: it stops as soon as it is sure of its
// answer. docs/how-to/write-a-model.md explains it; jobs/programs/early_exit.yaml trains it.
#include <algorithm>
#include <array>
#include <cmath>
#include <raven/raven.hpp>

namespace {

using raven::Variable;

// An op of its own, y = a sigmoid(b) for x = [a, b]: [rows, 2 n] -> [rows, n], the gated linear
// unit of Dauphin et al. (ICML 2017).

float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

constexpr raven::OpDef glu_row{
    .name = "early_exit.glu",
    .infer =
        [](std::span<const raven::ValueType> inputs, const raven::Attributes&) {
          // What comes from another process is checked as anything else that does.
          if (inputs.size() != 1 || inputs[0].dtype != raven::DType::f32 ||
              inputs[0].shape.rank() != 2 || inputs[0].shape[1] % 2 != 0) {
            throw raven::InputError("glu takes numbers [rows, 2 n]", "give it twice the width");
          }
          return raven::CallTypes{
              {{raven::DType::f32, {inputs[0].shape[0], inputs[0].shape[1] / 2}}}, {}};
        },
    .forward =
        [](const raven::ForwardCall& call) {
          const std::int64_t n = call.outputs[0].shape()[1];
          const float* x = call.inputs[0].f32();
          float* y = call.outputs[0].f32();
          for (std::int64_t i = 0; i < call.outputs[0].count(); ++i) {
            const float* a = x + i / n * 2 * n + i % n;
            y[i] = a[0] * sigmoid(a[n]);
          }
        },
    .backward =
        [](const raven::BackwardCall& call) {
          const raven::GradientSink& sink = call.input_gradients[0];
          const std::int64_t n = call.outputs[0].shape()[1];
          const float* dy = call.output_gradients[0].f32();
          for (std::int64_t i = 0; i < call.outputs[0].count(); ++i) {
            const std::int64_t at = i / n * 2 * n + i % n;
            const float a = call.inputs[0].f32()[at];
            const float s = sigmoid(call.inputs[0].f32()[at + n]);
            float* to = sink.to.f32() + at;
            to[0] = (sink.adds() ? to[0] : 0.0F) + dy[i] * s;
            to[n] = (sink.adds() ? to[n] : 0.0F) + dy[i] * a * s * (1.0F - s);
          }
        },
    // Rows do not know of each other: calls of many samples are one call on all their rows.
    .row_inputs = [](std::span<const raven::ValueType>, const raven::Attributes&) -> std::uint64_t {
      return 1;
    },
};
constexpr std::array<const raven::OpDef*, 1> ops{&glu_row};

Variable glu(Variable x) { return x.tape().call(glu_row, {&x, 1}); }

constexpr std::int64_t width = 96;
constexpr int longest = 6;
constexpr float sure = 0.9F;

class EarlyExit {
 public:
  explicit EarlyExit(raven::Builder& build)
      : look_(build, "look", build.input().shape.row_count(), width),
        think_(build, "think", width, 2 * width),
        answer_(build, "answer", width, build.classes()) {}

  void operator()(const raven::Sample& sample) const {
    Variable state = look_(raven::flatten(sample.features()));
    for (int thoughts = 1;; ++thoughts) {
      state = raven::add(state, glu(think_(state)));
      const Variable answer = answer_(state);
      // Computed here and now.
      const float largest = std::ranges::max(raven::softmax(answer).value().values());
      if (largest < sure && thoughts < longest) continue;
      const raven::RowLosses loss = raven::cross_entropy(answer, sample.targets());
      sample.predict(answer);
      sample.learn(loss);
      sample.report("accuracy", raven::class_hits(answer, sample.targets()));
      sample.report("thoughts", raven::scale(loss.weights, thoughts));
      return;
    }
  }

 private:
  raven::Linear look_;
  raven::Linear think_;
  raven::Linear answer_;
};

}  // namespace

int main(int argc, char** argv) { return raven::run<EarlyExit>(argc, argv, "early_exit", ops); }
