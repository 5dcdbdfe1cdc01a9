#include "raven/tensor/fingerprint.hpp"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <map>

namespace raven {
namespace {

std::map<std::string_view, Digest> by_name() {
  std::map<std::string_view, Digest> parts;
  for (const NumericsPart& part : numerics_parts()) parts[part.kernels] = part.digest;
  return parts;
}

/// Within its life kernels are those of a CPU that can't multiply and add with one rounding.
class OldCpu {
 public:
  OldCpu() { use(HWY_SSE4 | HWY_SSSE3); }
  ~OldCpu() { use(0); }
  OldCpu(const OldCpu&) = delete;
  OldCpu& operator=(const OldCpu&) = delete;

 private:
  static void use(std::int64_t targets) {
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

TEST(Fingerprint, is_the_same_every_time) {
  EXPECT_EQ(numerics_fingerprint(), numerics_fingerprint());
}

// All families that Highway chooses vector instructions for; the products of OpenBLAS are chosen by
// OpenBLAS.
TEST(Fingerprint, tells_kernels_of_unlike_vector_instructions_apart_in_each_family) {
  if ((hwy::SupportedTargets() & ~(HWY_SSE4 | HWY_SSSE3 | HWY_SCALAR)) == 0) {
    GTEST_SKIP() << "this CPU has no other vector instructions";
  }
  const auto here = by_name();
  const Digest fingerprint = numerics_fingerprint();
  const OldCpu old;
  const auto there = by_name();
  EXPECT_NE(numerics_fingerprint(), fingerprint);
  for (const std::string_view kernels : {"products of few rows", "convolutions", "normalisations",
                                         "pointwise functions and updates"}) {
    ASSERT_TRUE(here.contains(kernels)) << kernels;
    EXPECT_NE(here.at(kernels), there.at(kernels)) << kernels;
  }
}

}  // namespace
}  // namespace raven
