#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace raven {

/// One measured kernel at one shape.
struct KernelFigure {
  std::string name;
  std::string shape;
  double seconds = 0;  ///< best run
  double rate = 0;     ///< in `unit`
  std::string unit;    ///< "GFLOP/s" or "GB/s"
  /// Of what this machine gave in the same run: serial GEMM peak times threads, or memory
  /// bandwidth.
  double share = 0;
};

struct BenchOptions {
  int threads = 1;
  /// Time spent on each kernel.
  std::chrono::milliseconds patience{200};
  /// Only kernels whose name contains this.
  std::string filter;
};

/// Runs every kernel at the shapes of the project's benchmarks. The first figures are the
/// yardsticks.
[[nodiscard]] std::vector<KernelFigure> bench_kernels(const BenchOptions& options);

/// Which of its kernels OpenBLAS chose for this CPU, for instance "Haswell".
[[nodiscard]] std::string openblas_core_name();

}  // namespace raven
