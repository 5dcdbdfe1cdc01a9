#include <gtest/gtest.h>

#include <numeric>

#include "raven/core/error.hpp"
#include "raven/core/random.hpp"
#include "raven/graph/op_def.hpp"
#include "raven/tensor/kernels/ragged.hpp"
#include "raven/tensor/kernels/segment.hpp"
#include "raven/tensor/kernels/tree_lstm.hpp"

namespace raven {
namespace {

using kernels::Cell;

std::vector<float> drawn(std::int64_t count, std::uint64_t stream) {
  RandomStream random({.seed = 4, .step = stream});
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = random.uniform(-1.0F, 1.0F);
  return values;
}

std::vector<std::int32_t> sentence_lengths(std::int64_t count) {
  RandomStream random({.seed = 5});
  std::vector<std::int32_t> lengths;
  for (std::int64_t i = 0; i < count; ++i) {
    lengths.push_back(5 + static_cast<std::int32_t>(36 * random.uniform()));
  }
  return lengths;
}

/// An lstm over sentences, with everything it makes.
struct Sentences {
  explicit Sentences(std::vector<std::int32_t> of, std::vector<float> x_in)
      : lengths(std::move(of)), x(std::move(x_in)) {
    const std::int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
    shape = {.cell = Cell::lstm,
             .sequences = static_cast<std::int64_t>(lengths.size()),
             .tokens = tokens,
             .size = size};
    const std::vector<float> weight = drawn(4 * size * size, 1);
    std::vector<float> gates(static_cast<std::size_t>(tokens * 4 * size));
    std::vector<float> c(static_cast<std::size_t>(tokens * size));
    std::vector<float> states(c);
    y.resize(c.size());
    multiplied = kernels::ragged_forward(shape, x.data(), lengths.data(), weight.data(), nullptr,
                                         gates.data(), c.data(), states.data(), y.data());
  }
  static constexpr std::int64_t size = 12;
  std::vector<std::int32_t> lengths;
  std::vector<float> x;
  kernels::RaggedShape shape;
  std::vector<float> y;
  std::int64_t multiplied = 0;
};

TEST(Ragged, multiplies_a_row_for_each_token_but_the_first_ones_and_none_for_padding) {
  const std::vector<std::int32_t> lengths = sentence_lengths(64);
  const std::int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  const Sentences run(lengths, drawn(tokens * 4 * Sentences::size, 2));
  EXPECT_EQ(run.multiplied, tokens - 64);
}

TEST(Ragged, says_that_a_batch_costs_what_its_sentences_cost) {
  const std::vector<std::int32_t> lengths = sentence_lengths(64);
  const std::int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  const OpDef& op = *find_op("ragged_lstm");
  const auto said = [&](std::int64_t rows, std::int64_t samples) {
    const std::vector<ValueType> inputs = {
        {DType::f32, {rows, 256}}, {DType::i32, {samples}}, {DType::f32, {256, 64}}};
    return op.flops(inputs, op.infer(inputs, {{"reverse", std::int64_t{0}}}).outputs);
  };
  // A token's state times [64, 256], a multiplication and an addition each; the first has none.
  double closed_form = 0;
  double apart = 0;
  for (const std::int32_t length : lengths) {
    closed_form += 2.0 * (length - 1) * 64 * 256;
    apart += said(length, 1);
  }
  EXPECT_DOUBLE_EQ(said(tokens, 64), apart);
  EXPECT_DOUBLE_EQ(apart, closed_form);
}

TEST(Ragged, gives_a_sentence_the_same_bits_whoever_is_beside_it) {
  const std::vector<std::int32_t> lengths = {3, 17, 1, 8, 8, 2};
  const std::vector<float> x = drawn(39 * 4 * Sentences::size, 3);
  const Sentences all(lengths, x);
  std::int64_t first = 0;
  for (const std::int32_t length : lengths) {
    const auto from = x.begin() + first * 4 * Sentences::size;
    const Sentences alone({length}, {from, from + length * 4 * Sentences::size});
    EXPECT_TRUE(std::equal(alone.y.begin(), alone.y.end(), all.y.begin() + first * Sentences::size))
        << length;
    first += length;
  }
}

TEST(Ragged, refuses_lengths_that_do_not_make_up_the_tokens) {
  const std::vector<float> x = drawn(6 * 4 * Sentences::size, 3);
  for (const std::vector<std::int32_t>& lengths : std::vector<std::vector<std::int32_t>>{
           {3, 2}, {3, 4}, {6, 0}, {7, -1}, {0, 6}, {-1, 7}, {2147483647, 7}}) {
    kernels::RaggedShape shape{.cell = Cell::tanh, .sequences = 2, .tokens = 6, .size = 1};
    std::vector<float> memory(64);
    const float weight = 1;
    EXPECT_THROW(kernels::ragged_forward(shape, x.data(), lengths.data(), &weight, nullptr,
                                         memory.data(), nullptr, memory.data(), memory.data()),
                 InputError);
    EXPECT_THROW(kernels::check_lengths({2, lengths.data(), 6, 1}), InputError);
  }
}

/// Whether a forest of that structure is taken.
bool grows(const std::vector<std::int32_t>& parents, const std::vector<std::int32_t>& nodes,
           std::int64_t leaves, std::int64_t positions = 0) {
  const auto count = static_cast<std::int64_t>(parents.size());
  const kernels::TreeShape shape{.nodes = count,
                                 .trees = static_cast<std::int64_t>(nodes.size()),
                                 .size = 1,
                                 .positions = positions,
                                 .leaves = leaves};
  std::vector<float> memory(static_cast<std::size_t>(16 * (count + 4)), 0.5F);
  float* m = memory.data();
  const std::size_t part = static_cast<std::size_t>(2 * (count + 4));
  try {
    kernels::tree_lstm_forward(shape, {m, parents.data(), nodes.data(), m, m, m},
                               {m + 2 * part, m + 4 * part, m + 5 * part, m + 6 * part},
                               m + 7 * part);
  } catch (const InputError& error) {
    EXPECT_FALSE(error.remedy().empty());
    return false;
  }
  return true;
}

TEST(Trees, refuse_every_structure_that_is_no_tree_in_postorder) {
  EXPECT_TRUE(grows({2, 2, -1}, {3}, 2));
  EXPECT_TRUE(grows({2, 2, -1, -1}, {3, 1}, 3));
  EXPECT_TRUE(grows({1, 2, -1}, {3}, 1));
  EXPECT_FALSE(grows({2, 2, -1}, {2}, 2)) << "a node of no tree";
  EXPECT_FALSE(grows({2, 2, -1}, {4}, 2)) << "more nodes than there are";
  EXPECT_FALSE(grows({2, 2, -1}, {3, 0}, 2)) << "an empty tree";
  EXPECT_FALSE(grows({2, 2, -1}, {-1, 4}, 2)) << "fewer nodes than none";
  EXPECT_FALSE(grows({2, 2, 2}, {3}, 2)) << "a root of its own";
  EXPECT_FALSE(grows({2, -1, -1}, {3}, 2)) << "two roots";
  EXPECT_FALSE(grows({2, 2, 0}, {3}, 2)) << "a circle";
  EXPECT_FALSE(grows({1, 0, -1}, {3}, 2)) << "a circle beside the root";
  EXPECT_FALSE(grows({2, 2, 7}, {3}, 2)) << "a parent beyond the tree";
  EXPECT_FALSE(grows({2, -7, -1}, {3}, 2)) << "a parent below -1";
  EXPECT_FALSE(grows({2, 3, 4, 4, -1}, {5}, 2)) << "subtrees in each other";
  EXPECT_FALSE(grows({3, 2, -1, -1}, {3, 1}, 2)) << "a parent in another tree";
  EXPECT_FALSE(grows({2, 2, -1}, {3}, 1)) << "fewer rows than leaves";
  EXPECT_FALSE(grows({2, 2, -1}, {3}, 3)) << "more rows than leaves";
  EXPECT_FALSE(grows({3, 3, 3, -1}, {4}, 3, 2)) << "more children than positions";
}

}  // namespace
}  // namespace raven
