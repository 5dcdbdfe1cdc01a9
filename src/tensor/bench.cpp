#include "raven/tensor/bench.hpp"

#include <cblas.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "raven/tensor/kernels/conv.hpp"
#include "raven/tensor/kernels/dropout.hpp"
#include "raven/tensor/kernels/elementwise.hpp"
#include "raven/tensor/kernels/fill.hpp"
#include "raven/tensor/kernels/linear.hpp"
#include "raven/tensor/kernels/loss.hpp"
#include "raven/tensor/kernels/norm.hpp"
#include "raven/tensor/kernels/pool.hpp"
#include "raven/tensor/kernels/reduce.hpp"
#include "raven/tensor/kernels/softmax.hpp"
#include "raven/tensor/kernels/update.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/blas.hpp"
#include "tensor/kernels/gemm_tiles.hpp"
#include "tensor/simd.hpp"

namespace raven {
namespace {

using kernels::Accumulate;
using kernels::Activation;
using kernels::ActivationKind;
using kernels::Transpose;
using Clock = std::chrono::steady_clock;

/// What a kernel's work is counted in.
enum class Work : std::uint8_t { flops, bytes };

struct Case {
  std::string name;
  std::string shape;
  Work unit;
  double work;
  std::function<void()> run;
};

/// A buffer of small numbers, made once: denormals and infinities would be measured instead of the
/// kernel.
std::vector<float> numbers(std::int64_t count, std::uint64_t seed) {
  std::vector<float> values(as_size(count));
  kernels::fill_uniform({.seed = seed}, count, -0.5F, 0.5F, values.data());
  return values;
}

/// The arrays that all cases share, as large as the largest wants them.
struct Arrays {
  static constexpr std::int64_t count = std::int64_t{1} << 24;
  std::vector<float> a = numbers(count, 1);
  std::vector<float> b = numbers(count, 2);
  std::vector<float> c = numbers(count, 3);
  std::vector<float> d = numbers(count, 4);
  std::vector<float> e = numbers(count, 5);
  std::vector<std::int32_t> indices = std::vector<std::int32_t>(as_size(count));
};

double best_seconds(const Case& one, std::chrono::milliseconds patience) {
  one.run();
  double best = 1e300;
  const auto end = Clock::now() + patience;
  do {
    const auto start = Clock::now();
    one.run();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  } while (Clock::now() < end);
  return best;
}

std::string sizes(std::initializer_list<std::int64_t> dims) {
  std::string text;
  for (const std::int64_t dim : dims) text += (text.empty() ? "" : "x") + std::to_string(dim);
  return text;
}

void add_gemm(std::vector<Case>& cases, Arrays& m) {
  struct Shape {
    std::int64_t rows, in, out;
  };
  for (const Shape s : {Shape{256, 4096, 4096}, Shape{128, 784, 512}, Shape{128, 512, 512},
                        Shape{16, 784, 512}, Shape{128, 3136, 128}, Shape{128, 128, 10}}) {
    const kernels::LinearShape shape{s.rows, s.in, s.out};
    const double flops = 2.0 * static_cast<double>(s.rows * s.in * s.out);
    const std::string name = sizes({s.rows, s.in, s.out});
    cases.push_back({"linear_forward_relu", name, Work::flops, flops, [&m, shape] {
                       kernels::linear_forward(shape, m.a.data(), m.b.data(), m.c.data(),
                                               {.kind = ActivationKind::relu}, m.d.data());
                     }});
    cases.push_back({"linear_backward_weight", name, Work::flops, flops, [&m, shape] {
                       kernels::linear_backward_weight(shape, m.a.data(), m.b.data(), m.d.data(),
                                                       Accumulate::no);
                     }});
    cases.push_back({"linear_backward_input", name, Work::flops, flops, [&m, shape] {
                       kernels::linear_backward_input(shape, m.a.data(), m.b.data(), m.d.data(),
                                                      Accumulate::no);
                     }});
  }
}

void add_conv(std::vector<Case>& cases, Arrays& m) {
  const auto add = [&](const kernels::ConvShape& s) {
    const double flops = 2.0 * static_cast<double>(s.out_rows() * s.out * s.patch());
    const std::string name = sizes({s.batch, s.height, s.width, s.in}) + " " +
                             sizes({s.out, s.kernel_height, s.kernel_width});
    cases.push_back({"conv2d_forward_relu", name, Work::flops, flops, [&m, s] {
                       kernels::conv2d_forward(s, m.a.data(), m.b.data(), m.c.data(),
                                               {.kind = ActivationKind::relu}, m.d.data());
                     }});
    cases.push_back({"conv2d_backward_weight", name, Work::flops, flops, [&m, s] {
                       kernels::conv2d_backward_weight(s, m.a.data(), m.b.data(), m.d.data(),
                                                       Accumulate::no);
                     }});
    if (s.in == 1) return;
    cases.push_back({"conv2d_backward_input", name, Work::flops, flops, [&m, s] {
                       kernels::conv2d_backward_input(s, m.a.data(), m.b.data(), m.d.data(),
                                                      Accumulate::no);
                     }});
  };
  for (const std::int64_t batch : {128, 16}) {
    add({.batch = batch,
         .height = 28,
         .width = 28,
         .in = 1,
         .out = 32,
         .kernel_height = 3,
         .kernel_width = 3,
         .padding_height = 1,
         .padding_width = 1});
    add({.batch = batch,
         .height = 14,
         .width = 14,
         .in = 32,
         .out = 64,
         .kernel_height = 3,
         .kernel_width = 3,
         .padding_height = 1,
         .padding_width = 1});
  }
  add({.batch = 4,
       .height = 56,
       .width = 56,
       .in = 64,
       .out = 64,
       .kernel_height = 3,
       .kernel_width = 3,
       .padding_height = 1,
       .padding_width = 1});
  add({.batch = 8,
       .height = 7,
       .width = 7,
       .in = 512,
       .out = 512,
       .kernel_height = 3,
       .kernel_width = 3,
       .padding_height = 1,
       .padding_width = 1});
  add({.batch = 8,
       .height = 32,
       .width = 32,
       .in = 3,
       .out = 64,
       .kernel_height = 3,
       .kernel_width = 3,
       .stride_height = 2,
       .stride_width = 2,
       .padding_height = 1,
       .padding_width = 1});
}

void add_memory(std::vector<Case>& cases, Arrays& m) {
  const auto add = [&](const char* name, std::string shape, std::int64_t floats,
                       std::function<void()> run) {
    cases.push_back(
        {name, std::move(shape), Work::bytes, 4.0 * static_cast<double>(floats), std::move(run)});
  };
  constexpr std::int64_t n = Arrays::count;
  add("sgd_update", sizes({n}), 3 * n,
      [&m] { kernels::sgd_update(n, m.a.data(), m.d.data(), m.b.data(), nullptr, {}, {}); });
  add("sgd_momentum_update", sizes({n}), 5 * n, [&m] {
    kernels::sgd_update(n, m.a.data(), m.d.data(), m.b.data(), m.e.data(), {.momentum = 0.9F}, {});
  });
  add("adam_update", sizes({n}), 7 * n, [&m] {
    kernels::adam_update(n, m.a.data(), m.d.data(), m.b.data(), m.e.data(), m.c.data(), {}, {});
  });
  // As the master calls it: with an eye on whether the gradient is finite.
  const auto done = std::make_shared<std::vector<std::uint8_t>>();
  add("adam_update that looks", sizes({n}), 7 * n, [&m, done] {
    done->assign(static_cast<std::size_t>(n / kernels::update_block + 1), 0);
    kernels::adam_update(n, m.a.data(), m.d.data(), m.b.data(), m.e.data(), m.c.data(), {},
                         {.done = done->data()});
  });
  add("sum_of_squares", sizes({n}), n,
      [&m] { static_cast<void>(kernels::sum_of_squares(n, m.a.data())); });
  const std::int64_t rows = 128 * 28 * 28;
  add("bias_activation_backward", sizes({rows, 32}), 3 * rows * 32, [&m, rows] {
    kernels::bias_activation_backward(rows, 32, {.kind = ActivationKind::relu}, m.a.data(),
                                      m.b.data(), m.d.data(), m.e.data(), Accumulate::no);
  });
  add("gelu_forward", sizes({n}), 2 * n, [&m] {
    kernels::activation_forward({.kind = ActivationKind::gelu}, n, m.a.data(), m.d.data());
  });
  add("dropout", sizes({128, n / 128}), 2 * n,
      [&m] { kernels::dropout(128, n / 128, 0.5F, {.seed = 1}, m.a.data(), m.d.data()); });
  const kernels::PoolShape pool{.batch = 128, .height = 28, .width = 28, .channels = 32};
  const std::int64_t pixels = 128 * 28 * 28 * 32;
  add("max_pool2d_forward", "128x28x28x32 2x2", pixels + pixels / 2,
      [&m, pool] { kernels::max_pool2d_forward(pool, m.a.data(), m.d.data(), m.indices.data()); });
  add("max_pool2d_backward", "128x28x28x32 2x2", pixels + pixels / 2, [&m, pool] {
    kernels::max_pool2d_forward(pool, m.a.data(), m.d.data(), m.indices.data());
    kernels::max_pool2d_backward(pool, m.indices.data(), m.b.data(), m.e.data());
  });
  add("softmax_forward", sizes({4096, 1024}), 2 * 4096 * 1024,
      [&m] { kernels::softmax_forward(4096, 1024, m.a.data(), m.d.data()); });
  add("cross_entropy_forward", sizes({4096, 1024}), 4096 * 1024, [&m] {
    kernels::cross_entropy_forward(4096, 1024, m.a.data(), m.indices.data(), {}, m.d.data(),
                                   m.e.data(), m.c.data());
  });
  add("layer_norm_forward", sizes({4096, 1024}), 2 * 4096 * 1024, [&m] {
    kernels::layer_norm_forward(4096, 1024, 1e-5F, m.a.data(), m.b.data(), m.c.data(), m.d.data(),
                                m.e.data(), m.e.data() + 4096);
  });
  add("batch_norm_forward", sizes({rows, 32}), 4 * rows * 32, [&m, rows] {
    kernels::batch_norm_forward(rows, 32, 1e-5F, m.a.data(), m.b.data(), m.c.data(), m.d.data(),
                                m.e.data(), m.e.data() + 32);
  });
}

/// The machine's own measures: a large serial product, and reading two arrays into a third.
std::vector<Case> yardsticks(Arrays& m) {
  constexpr std::int64_t side = 1536;
  constexpr std::int64_t n = Arrays::count;
  return {{"gemm serial peak", sizes({side, side, side}), Work::flops,
           2.0 * static_cast<double>(side * side * side),
           [&m] {
             kernels::serial_gemm(Transpose::no, Transpose::no, side, side, side,
                                  {m.a.data(), side}, {m.b.data(), side}, {m.d.data(), side},
                                  Accumulate::no);
           }},
          {"memory bandwidth", sizes({n}), Work::bytes, 12.0 * static_cast<double>(n),
           [&m] { kernels::add(n, m.a.data(), m.b.data(), m.d.data()); }}};
}

}  // namespace

std::vector<KernelFigure> bench_kernels(const BenchOptions& options) {
  ComputePool pool(options.threads);
  std::vector<KernelFigure> figures;
  const auto measure = [&](const Case& one, double whole) {
    double seconds = 0;
    pool.run([&] { seconds = best_seconds(one, options.patience); });
    const double rate = one.work / seconds * 1e-9;
    figures.push_back({.name = one.name,
                       .shape = one.shape,
                       .seconds = seconds,
                       .rate = rate,
                       .unit = one.unit == Work::flops ? "GFLOP/s" : "GB/s",
                       .share = whole == 0 ? 1.0 : rate / whole});
  };
  Arrays arrays;
  for (const Case& one : yardsticks(arrays)) measure(one, 0);
  const double flops = figures[0].rate * options.threads;
  const double bandwidth = figures[1].rate;
  std::vector<Case> cases;
  add_gemm(cases, arrays);
  add_conv(cases, arrays);
  add_memory(cases, arrays);
  for (const Case& one : cases) {
    if (one.name.find(options.filter) == std::string::npos) continue;
    measure(one, one.unit == Work::flops ? flops : bandwidth);
  }
  return figures;
}

std::string openblas_core_name() { return openblas_get_corename(); }

}  // namespace raven
