#include "raven/tensor/kernels/dropout.hpp"
#include "raven/tensor/kernels/embedding.hpp"
#include "raven/tensor/kernels/fill.hpp"

#include "raven/core/error.hpp"
#include "tensor/kernel_checks.hpp"

namespace raven {
namespace {

using kernels::Accumulate;

TEST(Dropout, keeps_what_the_stream_of_the_sample_says) {
  const RandomKey first{
      .seed = 0x123456789ABCDEFULL, .step = 7'000'000'000ULL, .op = 3, .sample = 0xFFFFFFFEULL};
  for (const std::int64_t columns : {1, 4, 31, 32, 33, 70001}) {
    const std::int64_t rows = 4;
    const float p = 0.3F;
    const Floats32 x = some_floats(rows * columns, 101, 1.0F, 2.0F);
    const Floats32 y = on_any_pool([&] {
      Floats32 out(x.size());
      kernels::dropout(rows, columns, p, first, x.data(), out.data());
      return out;
    });
    for (std::int64_t r = 0; r < rows; ++r) {
      RandomKey key = first;
      key.sample += static_cast<std::uint64_t>(r);
      RandomStream stream(key);
      for (std::int64_t c = 0; c < columns; ++c) {
        const std::size_t i = at(r * columns + c);
        const double expected = stream.uniform() >= p ? wide(x[i]) / (1.0 - wide(p)) : 0.0;
        ASSERT_NEAR(wide(y[i]), expected, 1e-6) << r << ' ' << c;
      }
    }
  }
}

TEST(Dropout, a_row_does_not_depend_on_its_neighbours) {
  const Floats32 x = some_floats(6 * 50, 102);
  Floats32 all(x.size());
  kernels::dropout(6, 50, 0.5F, {.seed = 1, .sample = 10}, x.data(), all.data());
  Floats32 part(100, 1.0F);
  kernels::dropout(2, 50, 0.5F, {.seed = 1, .sample = 13}, x.data() + 150, part.data(),
                   Accumulate::yes);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(part[i], 1.0F + all[150 + i]);
}

TEST(Fill, gives_uniform_and_normal_numbers_with_the_right_moments) {
  const std::int64_t count = 400'001;
  const Floats32 uniform = on_any_pool([&] {
    Floats32 out(at(count));
    kernels::fill_uniform({.seed = 5}, count, -1.0F, 3.0F, out.data());
    return out;
  });
  const Floats32 normal = on_any_pool([&] {
    Floats32 out(at(count));
    kernels::fill_normal({.seed = 6}, count, 2.0F, 0.5F, out.data());
    return out;
  });
  const auto moments = [&](const Floats32& values) {
    double sum = 0;
    double squares = 0;
    for (const float value : values) {
      sum += wide(value);
      squares += wide(value) * wide(value);
    }
    const double mean = sum / static_cast<double>(count);
    return std::pair(mean, squares / static_cast<double>(count) - mean * mean);
  };
  EXPECT_NEAR(moments(uniform).first, 1.0, 0.01);
  EXPECT_NEAR(moments(uniform).second, 16.0 / 12.0, 0.01);
  EXPECT_NEAR(moments(normal).first, 2.0, 0.005);
  EXPECT_NEAR(moments(normal).second, 0.25, 0.005);
  RandomStream stream({.seed = 5});
  EXPECT_EQ(uniform[0], -1.0F + 4.0F * stream.uniform());
  // Some 0.27 per cent of normal numbers are three deviations out.
  const auto far = std::count_if(normal.begin(), normal.end(),
                                 [](float value) { return std::abs(value - 2.0F) > 1.5F; });
  EXPECT_NEAR(static_cast<double>(far) / static_cast<double>(count), 0.0027, 0.0005);
  Floats32 few(3);
  kernels::fill(3, 4.0F, few.data());
  EXPECT_EQ(few, (Floats32{4.0F, 4.0F, 4.0F}));
}

TEST(Embedding, gathers_rows_and_adds_their_gradients) {
  const std::int64_t entries = 23;
  for (const std::int64_t width : {1, 6, 64, 40000}) {
    const std::int64_t count = width == 40000 ? 9 : 5000;
    std::vector<std::int32_t> indices(at(count));
    RandomStream stream({.seed = 7});
    for (auto& index : indices) index = static_cast<std::int32_t>(stream.below(23));
    const Floats32 table = some_floats(entries * width, 103);
    const Floats32 dout = some_floats(count * width, 104);
    Floats32 out(at(count * width));
    kernels::embedding_forward(count, entries, width, indices.data(), table.data(), out.data());
    for (std::size_t i = 0; i < out.size(); ++i) {
      ASSERT_EQ(out[i], table[at(indices[i / at(width)]) * at(width) + i % at(width)]);
    }
    const Floats32 found = on_any_pool([&] {
      Floats32 gradient(at(entries * width), 1.0F);
      kernels::embedding_backward(count, entries, width, indices.data(), dout.data(),
                                  gradient.data(), Accumulate::yes, 4);
      return gradient;
    });
    // The order of additions is part of the contract: compare bits with the plain loop.
    Floats32 expected(at(entries * width), 1.0F);
    for (std::int64_t i = 0; i < count; ++i) {
      if (indices[at(i)] == 4) continue;
      for (std::int64_t c = 0; c < width; ++c) {
        expected[at(indices[at(i)] * width + c)] += dout[at(i * width + c)];
      }
    }
    EXPECT_TRUE(same_bits(found, expected));
    Floats32 cleared(at(entries * width), 1.0F);
    kernels::embedding_backward(0, entries, width, indices.data(), dout.data(), cleared.data(),
                                Accumulate::no);
    EXPECT_EQ(cleared, Floats32(at(entries * width), 0.0F));
  }
}

TEST(Embedding, refuses_an_index_outside_the_table) {
  const Floats32 table(8);
  Floats32 out(2);
  for (const std::int32_t index : {-1, 4}) {
    EXPECT_THROW(kernels::embedding_forward(1, 4, 2, &index, table.data(), out.data()), InputError);
  }
}

}  // namespace
}  // namespace raven
