#include "raven/tensor/bench.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

TEST(Bench, measures_its_yardsticks_and_the_kernels_that_were_asked_for) {
  const std::vector<KernelFigure> figures = bench_kernels(
      {.threads = 2, .patience = std::chrono::milliseconds(1), .filter = "softmax_forward"});
  ASSERT_EQ(figures.size(), 3U);
  EXPECT_EQ(figures[0].unit, "GFLOP/s");
  EXPECT_EQ(figures[1].unit, "GB/s");
  EXPECT_EQ(figures[2].name, "softmax_forward");
  for (const KernelFigure& figure : figures) {
    EXPECT_GT(figure.rate, 0.0);
    EXPECT_GT(figure.share, 0.0);
  }
  EXPECT_FALSE(openblas_core_name().empty());
}

}  // namespace
}  // namespace raven
