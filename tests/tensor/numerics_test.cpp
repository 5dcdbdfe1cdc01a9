#include "raven/tensor/numerics.hpp"

#include <gtest/gtest.h>

#include "raven/tensor/bench.hpp"
#include "raven/tensor/fingerprint.hpp"
#include "raven/tensor/machine_peak.hpp"

namespace raven {
namespace {

Digest digest_of_word(std::string_view word) { return digest_of(std::as_bytes(std::span(word))); }

const NumericsClass skylake{digest_of_word("one"), "SkylakeX", "OpenBLAS 0.3.21", "AVX3"};

TEST(Numerics, a_class_is_equal_to_itself_only_with_all_of_its_names) {
  EXPECT_FALSE(gap_between(skylake, skylake, "it has"));
  NumericsClass other = skylake;
  other.core = "Cooperlake";
  auto gap = gap_between(other, skylake, "the master has");
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->difference, "OpenBLAS kernels: Cooperlake, the master has SkylakeX");
  EXPECT_EQ(gap->remedy, "start it with OPENBLAS_CORETYPE=SkylakeX");
  other.library = "OpenBLAS 0.3.26";
  gap = gap_between(other, skylake, "the master has");
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->difference,
            "OpenBLAS kernels: Cooperlake, the master has SkylakeX; library: OpenBLAS 0.3.26, the "
            "master has OpenBLAS 0.3.21");
}

TEST(Numerics, other_results_under_the_same_names_are_told_by_their_hashes) {
  NumericsClass other = skylake;
  other.fingerprint = digest_of_word("two");
  const auto gap = gap_between(other, skylake, "the run began with");
  ASSERT_TRUE(gap);
  EXPECT_NE(gap->difference.find(to_hex(other.fingerprint).substr(0, 16)), std::string::npos);
  EXPECT_NE(gap->difference.find(to_hex(skylake.fingerprint).substr(0, 16)), std::string::npos);
}

TEST(Numerics, this_process_names_its_kernels_its_library_and_its_instructions) {
  const NumericsClass here = numerics_class();
  EXPECT_EQ(here.core, openblas_core_name());
  EXPECT_EQ(here.fingerprint, numerics_fingerprint());
  EXPECT_TRUE(here.library.starts_with("OpenBLAS 0.")) << here.library;
  EXPECT_EQ(here.vectors, vector_instructions());
  EXPECT_FALSE(here.vectors.empty());
}

TEST(Numerics, a_kernel_name_that_was_not_taken_is_told) {
  EXPECT_EQ(kernel_name_trouble(nullptr, "Haswell"), "");
  EXPECT_EQ(kernel_name_trouble("", "Haswell"), "");
  EXPECT_EQ(kernel_name_trouble("Haswell", "Haswell"), "");
  EXPECT_EQ(kernel_name_trouble("HASWELL", "Haswell"), "");
  const std::string told = kernel_name_trouble("bogus", "Cooperlake");
  EXPECT_NE(told.find("OPENBLAS_CORETYPE=bogus"), std::string::npos);
  EXPECT_NE(told.find("Cooperlake"), std::string::npos);
}

TEST(MachinePeak, both_speeds_are_measured) {
  const ProductSpeed speed = measure_product_speed(std::chrono::milliseconds(50));
  EXPECT_GT(speed.peak_gflops, 0);
  EXPECT_GT(speed.blas_gflops, 0);
}

}  // namespace
}  // namespace raven
