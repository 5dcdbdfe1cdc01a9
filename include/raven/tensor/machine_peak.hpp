#pragma once

#include <chrono>
#include <string>

namespace raven {

/// The vector instructions that raven's own kernels use here, as Highway calls them: "AVX3" is
/// AVX-512, "AVX2" includes FMA.
[[nodiscard]] std::string vector_instructions();

/// What one core of this machine can do, and what OpenBLAS makes of it.
struct ProductSpeed {
  double peak_gflops = 0;  ///< of a loop of multiply-adds that touches registers only
  double blas_gflops = 0;  ///< of OpenBLAS's product of two square matrices that fit the L2 cache
};

/// Measures both in turns for so long on the calling thread, and takes the best of each: what else
/// runs on the machine slows both alike.
[[nodiscard]] ProductSpeed measure_product_speed(std::chrono::milliseconds patience);

}  // namespace raven
