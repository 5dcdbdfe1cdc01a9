#include "infer.hpp"
#include "join.hpp"
#include "raven/graph/ops/arithmetic.hpp"
#include "rows.hpp"
#include "sink.hpp"

namespace raven {
namespace {

// Functions of one variable, element by element. Each can run over its own input and leave its
// gradient where the output's was.

float real(const Attributes& attributes, std::string_view key) {
  return static_cast<float>(attributes.real(key));
}

/// What the derivative is made from.
enum class From : std::uint8_t { nothing, input, output };

constexpr auto needs_for(From from) {
  return from == From::input ? needs_inputs : from == From::output ? needs_outputs : needs_nothing;
}

/// A row of such a function; `Kernel` has `name`, `from`, forward(), backward() and perhaps
/// check().
template <class Kernel>
constexpr OpDef function_row() {
  return {
      .name = Kernel::name,
      .infer =
          [](std::span<const ValueType> inputs, const Attributes& attributes) {
            const CallCheck check(Kernel::name, inputs, attributes);
            check.inputs(1);
            if constexpr (requires { Kernel::check(check); }) Kernel::check(check);
            return makes(check.f32(0, "input"));
          },
      .forward =
          [](const ForwardCall& call) {
            Kernel::forward(call.inputs[0].count(), call.inputs[0].f32(), call.outputs[0].f32(),
                            call.attributes);
          },
      .backward =
          [](const BackwardCall& call) {
            float* dy = call.output_gradients[0].f32();
            const float* kept =
                Kernel::from == From::output ? call.outputs[0].f32() : call.inputs[0].f32();
            assign_or_add(call.input_gradients[0], dy, [&](float* dx) {
              Kernel::backward(call.outputs[0].count(), kept, dy, dx, call.attributes);
            });
          },
      .needs = needs_for(Kernel::from),
      .row_inputs = first_by_rows,
      .forward_in_place = true,
      .backward_in_place = true,
  };
}

struct Scale {
  static constexpr std::string_view name = "scale";
  static constexpr From from = From::nothing;
  static void check(const CallCheck& check) {
    static_cast<void>(check.real("factor", -max_real, max_real));
  }
  static void forward(std::int64_t n, const float* x, float* y, const Attributes& attributes) {
    kernels::scale(n, real(attributes, "factor"), x, y);
  }
  static void backward(std::int64_t n, const float*, const float* dy, float* dx,
                       const Attributes& attributes) {
    kernels::scale(n, real(attributes, "factor"), dy, dx);
  }
};

struct Negate {
  static constexpr std::string_view name = "negate";
  static constexpr From from = From::nothing;
  static void forward(std::int64_t n, const float* x, float* y, const Attributes&) {
    kernels::negate(n, x, y);
  }
  static void backward(std::int64_t n, const float*, const float* dy, float* dx,
                       const Attributes&) {
    kernels::negate(n, dy, dx);
  }
};

struct Exp {
  static constexpr std::string_view name = "exp";
  static constexpr From from = From::output;
  static void forward(std::int64_t n, const float* x, float* y, const Attributes&) {
    kernels::exp(n, x, y);
  }
  static void backward(std::int64_t n, const float* y, const float* dy, float* dx,
                       const Attributes&) {
    kernels::mul(n, dy, y, dx);
  }
};

struct Log {
  static constexpr std::string_view name = "log";
  static constexpr From from = From::input;
  static void forward(std::int64_t n, const float* x, float* y, const Attributes&) {
    kernels::log(n, x, y);
  }
  static void backward(std::int64_t n, const float* x, const float* dy, float* dx,
                       const Attributes&) {
    kernels::div(n, dy, x, dx);
  }
};

struct Sqrt {
  static constexpr std::string_view name = "sqrt";
  static constexpr From from = From::output;
  static void forward(std::int64_t n, const float* x, float* y, const Attributes&) {
    kernels::sqrt(n, x, y);
  }
  static void backward(std::int64_t n, const float* y, const float* dy, float* dx,
                       const Attributes&) {
    kernels::sqrt_backward(n, y, dy, dx);
  }
};

struct Square {
  static constexpr std::string_view name = "square";
  static constexpr From from = From::input;
  static void forward(std::int64_t n, const float* x, float* y, const Attributes&) {
    kernels::square(n, x, y);
  }
  static void backward(std::int64_t n, const float* x, const float* dy, float* dx,
                       const Attributes&) {
    kernels::square_backward(n, x, dy, dx);
  }
};

struct Abs {
  static constexpr std::string_view name = "abs";
  static constexpr From from = From::input;
  static void forward(std::int64_t n, const float* x, float* y, const Attributes&) {
    kernels::abs(n, x, y);
  }
  static void backward(std::int64_t n, const float* x, const float* dy, float* dx,
                       const Attributes&) {
    kernels::abs_backward(n, x, dy, dx);
  }
};

struct Clamp {
  static constexpr std::string_view name = "clamp";
  static constexpr From from = From::input;
  static void check(const CallCheck& check) {
    const double low = check.real("low", -max_real, max_real);
    static_cast<void>(check.real("high", low, max_real));
  }
  static void forward(std::int64_t n, const float* x, float* y, const Attributes& attributes) {
    kernels::clamp(n, real(attributes, "low"), real(attributes, "high"), x, y);
  }
  static void backward(std::int64_t n, const float* x, const float* dy, float* dx,
                       const Attributes& attributes) {
    kernels::clamp_backward(n, real(attributes, "low"), real(attributes, "high"), x, dy, dx);
  }
};

constexpr OpDef scale_row = function_row<Scale>();
constexpr OpDef negate_row = function_row<Negate>();
constexpr OpDef exp_row = function_row<Exp>();
constexpr OpDef log_row = function_row<Log>();
constexpr OpDef sqrt_row = function_row<Sqrt>();
constexpr OpDef square_row = function_row<Square>();
constexpr OpDef abs_row = function_row<Abs>();
constexpr OpDef clamp_row = function_row<Clamp>();

constexpr const OpDef* rows[] = {&scale_row, &negate_row, &exp_row, &log_row,
                                 &sqrt_row,  &square_row, &abs_row, &clamp_row};

}  // namespace

OpRows function_rows() { return rows; }

Variable scale(Variable x, double factor) {
  return x.tape().call(scale_row, {&x, 1}, {{"factor", factor}});
}
Variable negate(Variable x) { return x.tape().call(negate_row, {&x, 1}); }
Variable exp(Variable x) { return x.tape().call(exp_row, {&x, 1}); }
Variable log(Variable x) { return x.tape().call(log_row, {&x, 1}); }
Variable sqrt(Variable x) { return x.tape().call(sqrt_row, {&x, 1}); }
Variable square(Variable x) { return x.tape().call(square_row, {&x, 1}); }
Variable abs(Variable x) { return x.tape().call(abs_row, {&x, 1}); }
Variable clamp(Variable x, double low, double high) {
  return x.tape().call(clamp_row, {&x, 1}, {{"low", low}, {"high", high}});
}

}  // namespace raven
