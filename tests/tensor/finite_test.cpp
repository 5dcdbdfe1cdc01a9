#include "raven/tensor/finite.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace raven {
namespace {

TEST(Finite, one_element_anywhere_is_found) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const std::int64_t count : {1, 15, 16, 67, 40000}) {
    Tensor tensor({DType::f32, {count}});
    std::ranges::fill(tensor.values(), -std::numeric_limits<float>::max());
    EXPECT_TRUE(is_finite(tensor)) << count;
    for (const std::int64_t at : {std::int64_t{0}, count / 2, count - 1}) {
      for (const float wrong : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
        float& place = tensor.values()[static_cast<std::size_t>(at)];
        const float before = std::exchange(place, wrong);
        EXPECT_FALSE(is_finite(tensor)) << count << " at " << at;
        place = before;
      }
    }
  }
}

TEST(Finite, whole_numbers_always_are) {
  Tensor tensor({DType::i32, {3}});
  static_cast<std::int32_t*>(tensor.view().data)[1] = 0x7f800000;  // the bits of infinity
  EXPECT_TRUE(is_finite(tensor));
}

}  // namespace
}  // namespace raven
