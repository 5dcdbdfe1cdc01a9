#include "raven/tensor/tensor.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace raven {
namespace {

TEST(Shape, prints_and_counts) {
  EXPECT_EQ(to_string(Shape{32, 28, 28, 1}), "[32, 28, 28, 1]");
  EXPECT_EQ(to_string(Shape{}), "[]");
  EXPECT_EQ((Shape{2, 3, 4}.count()), 24);
  EXPECT_EQ((Shape{2, 3, 4}.row_count()), 12);
  EXPECT_EQ(Shape{}.count(), 1);
  EXPECT_EQ((Shape{3, 4}.with_first(2)), (Shape{2, 3, 4}));
}

TEST(Tensor, starts_as_zeros) {
  const Tensor tensor(ValueType{DType::f32, Shape{3, 2}});
  EXPECT_FALSE(tensor.empty());
  EXPECT_EQ(tensor.values().size(), 6U);
  for (const float value : tensor.values()) EXPECT_EQ(value, 0.0F);
  EXPECT_TRUE(Tensor().empty());
}

TEST(Tensor, rows_and_reshaped_share_the_buffer_and_clone_does_not) {
  Tensor tensor = Tensor::of(Shape{3, 2}, std::vector<float>{1, 2, 3, 4, 5, 6});
  Tensor part = tensor.rows(1, 2);
  EXPECT_EQ(part.shape(), (Shape{2, 2}));
  EXPECT_EQ(part.values()[0], 3.0F);
  Tensor flat = tensor.reshaped(Shape{6});
  Tensor copy = tensor.clone();
  EXPECT_FALSE(tensor.unique());
  part.values()[0] = 30.0F;
  EXPECT_EQ(tensor.values()[2], 30.0F);
  EXPECT_EQ(flat.values()[2], 30.0F);
  EXPECT_EQ(copy.values()[2], 3.0F);
  EXPECT_TRUE(copy.unique());
}

TEST(Tensor, without_elements_is_not_without_value) {
  const Tensor none(ValueType{DType::f32, Shape{0, 4}});
  EXPECT_FALSE(none.empty());
  EXPECT_EQ(none.values().size(), 0U);
  EXPECT_EQ(none.clone().bytes().size(), 0U);
}

TEST(Tensor, sees_a_blob_without_copying_and_keeps_it_alive) {
  const Tensor source = Tensor::of(Shape{2}, std::vector<std::int32_t>{7, 9});
  Tensor seen;
  {
    const Blob blob = source.blob();
    seen = Tensor(source.type(), blob);
    EXPECT_EQ(seen.bytes().data(), blob.bytes().data());
  }
  EXPECT_EQ(seen.indices()[1], 9);
}

TEST(Tensor, takes_buffers_from_a_pool) {
  BufferPool pool;
  const void* before = nullptr;
  {
    const Tensor tensor(ValueType{DType::f32, Shape{1000}}, pool);
    before = tensor.view().data;
  }
  const Tensor again(ValueType{DType::f32, Shape{900}}, pool);
  EXPECT_EQ(again.view().data, before);
}

}  // namespace
}  // namespace raven
