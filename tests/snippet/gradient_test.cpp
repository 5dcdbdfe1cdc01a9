#include "raven/snippet/gradient.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <random>

#include "raven/snippet/tree.hpp"

namespace raven {
namespace {

using Words = std::vector<std::uint32_t>;

BufferPool& pool() {
  static BufferPool buffers;
  return buffers;
}

RowGradient rows_of(const Words& numbers, const std::vector<float>& values) {
  const auto width =
      numbers.empty() ? std::size_t{0} : values.size() / std::max<std::size_t>(1, numbers.size());
  RowGradient rows(numbers.size(), static_cast<std::int64_t>(width), pool());
  std::copy(numbers.begin(), numbers.end(), rows.numbers().begin());
  std::copy(values.begin(), values.end(), rows.values().begin());
  return rows;
}

Tensor dense_of(const Shape& shape, const std::vector<float>& values) {
  return Tensor::of(shape, std::span(values));
}

Blob body_of(const Words& words) {
  Bytes bytes(words.size() * sizeof(std::uint32_t));
  if (!bytes.empty()) std::memcpy(bytes.data(), words.data(), bytes.size());
  return Blob(std::move(bytes));
}

void expect_rows(const Gradient& gradient, const Words& numbers, const std::vector<float>& values) {
  ASSERT_EQ(gradient.form(), Gradient::Form::rows);
  const RowGradient& rows = gradient.rows();
  EXPECT_EQ(Words(rows.numbers().begin(), rows.numbers().end()), numbers);
  EXPECT_EQ(std::vector<float>(rows.values().begin(), rows.values().end()), values);
}

void expect_dense(const Gradient& gradient, const std::vector<float>& values) {
  ASSERT_EQ(gradient.form(), Gradient::Form::dense);
  const std::span<const float> found = std::as_const(gradient).dense().values();
  EXPECT_EQ(std::vector<float>(found.begin(), found.end()), values);
}

const ValueType table{DType::f32, {6, 2}};

TEST(Gradient, of_rows_travels_as_their_count_numbers_and_elements) {
  const RowGradient rows = rows_of({1, 5}, {1, 2, 3, 4});
  const Words expected{2, 1, 5, 0x3f800000, 0x40000000, 0x40400000, 0x40800000};
  const Blob body = rows.blob();
  ASSERT_EQ(body.size(), expected.size() * sizeof(std::uint32_t));
  EXPECT_EQ(std::memcmp(body.bytes().data(), expected.data(), body.size()), 0);
  const auto back = decode_gradient(Gradient::Form::rows, body, table);
  ASSERT_TRUE(back);
  expect_rows(*back, {1, 5}, {1, 2, 3, 4});
  const auto none = decode_gradient(Gradient::Form::rows, RowGradient(0, 0, pool()).blob(), table);
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->empty());
  expect_rows(*none, {}, {});
}

TEST(Gradient, that_makes_no_sense_is_none) {
  const struct {
    const char* what;
    Words words;
  } cases[] = {
      {"nothing", {}},
      {"rows without numbers", {2}},
      {"rows without elements", {2, 0, 1}},
      {"an element too many", {1, 0, 9, 9, 9}},
      {"an element too few", {2, 0, 1, 9, 9, 9}},
      {"elements of no row", {0, 9}},
      {"more rows than words", {0xffffffff, 0, 1, 9, 9, 9, 9}},
      {"numbers that fall", {2, 1, 0, 9, 9, 9, 9}},
      {"a number twice", {2, 1, 1, 9, 9, 9, 9}},
      {"a row beyond the table", {2, 1, 6, 9, 9, 9, 9}},
      {"rows of another width", {1, 1, 9}},
  };
  for (const auto& [what, words] : cases) {
    EXPECT_FALSE(decode_gradient(Gradient::Form::rows, body_of(words), table)) << what;
  }
  EXPECT_FALSE(decode_rows(body_of({2, 0, 1}))) << "rows of no width";
  Bytes odd(13);
  odd[0] = std::byte{1};
  EXPECT_FALSE(decode_gradient(Gradient::Form::rows, Blob(std::move(odd)), table));
  const Blob good = body_of({1, 1, 9, 9});
  EXPECT_TRUE(decode_gradient(Gradient::Form::rows, good, table));
  EXPECT_FALSE(decode_gradient(Gradient::Form::rows, good, {DType::f32, {12}}));
  EXPECT_FALSE(decode_gradient(Gradient::Form::rows, good, {DType::i32, {6, 2}}));
  EXPECT_FALSE(decode_gradient(Gradient::Form::dense, good, table));
  EXPECT_TRUE(decode_gradient(Gradient::Form::dense, Blob(Bytes(48)), table));
  EXPECT_FALSE(decode_gradient(Gradient::Form::dense, Blob(Bytes(47))));
}

TEST(Gradient, sums_of_rows_are_the_rows_of_either) {
  const Gradient left = rows_of({0, 2, 5}, {1, 2, 3, 4, 5, 6});
  const Gradient right = rows_of({2, 3}, {10, 20, 30, 40});
  expect_rows(sum_of(left, right, pool()), {0, 2, 3, 5}, {1, 2, 13, 24, 30, 40, 5, 6});
  expect_rows(sum_of(right, left, pool()), {0, 2, 3, 5}, {1, 2, 13, 24, 30, 40, 5, 6});
  const Gradient none = RowGradient(0, 0, pool());
  expect_rows(sum_of(none, right, pool()), {2, 3}, {10, 20, 30, 40});
  expect_rows(sum_of(right, none, pool()), {2, 3}, {10, 20, 30, 40});
  expect_rows(sum_of(none, none, pool()), {}, {});
}

TEST(Gradient, sums_of_rows_and_all_elements_are_all_elements) {
  const Tensor whole = dense_of({3, 2}, {1, 2, 3, 4, 5, 6});
  const Gradient rows = rows_of({1}, {10, 20});
  expect_dense(sum_of(whole, rows, pool()), {1, 2, 13, 24, 5, 6});
  expect_dense(sum_of(rows, whole, pool()), {1, 2, 13, 24, 5, 6});
  expect_dense(sum_of(whole, RowGradient(0, 0, pool()), pool()), {1, 2, 3, 4, 5, 6});
  expect_dense(sum_of(whole, whole, pool()), {2, 4, 6, 8, 10, 12});
  expect_dense(whole, {1, 2, 3, 4, 5, 6});
}

TEST(Gradient, that_belong_to_different_tensors_are_not_added) {
  const Gradient whole = dense_of({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(can_add(whole, rows_of({2}, {1, 2})));
  EXPECT_TRUE(can_add(whole, RowGradient(0, 0, pool())));
  EXPECT_FALSE(can_add(whole, rows_of({3}, {1, 2})));
  EXPECT_FALSE(can_add(rows_of({0}, {1, 2, 3, 4}), whole));
  EXPECT_FALSE(can_add(rows_of({0}, {1, 2, 3}), rows_of({0}, {1, 2})));
  EXPECT_FALSE(can_add(whole, dense_of({2, 2}, {1, 2, 3, 4})));
}

TEST(Gradient, of_rows_is_expanded_and_squared_as_all_elements_are) {
  const Gradient rows = rows_of({0, 3}, {1, 2, 3, 4});
  expect_dense(expand(rows, table, pool()), {1, 2, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0});
  EXPECT_EQ(sum_of_squares(rows), 1 + 4 + 9 + 16);
  EXPECT_EQ(sum_of_squares(dense_of({2}, {3, 4})), 25);
  EXPECT_EQ(sum_of_squares(RowGradient(0, 0, pool())), 0);
}

/// Some rows of a table of eleven, or all of them.
Gradient random_gradient(std::mt19937& random, bool dense) {
  constexpr std::int64_t width = 3;
  std::uniform_real_distribution<float> value(-1, 1);
  Words numbers;
  std::vector<float> values;
  for (std::uint32_t row = 0; row < 11; ++row) {
    if (!dense && random() % 3 != 0) continue;
    numbers.push_back(row);
    for (std::int64_t i = 0; i < width; ++i) values.push_back(value(random));
  }
  if (dense) return dense_of({11, width}, values);
  return rows_of(numbers, values);
}

/// Adds up what the leaves have in the order in which they come.
Gradient along_tree(const std::vector<Gradient>& leaves, const std::vector<std::uint32_t>& order) {
  TreeSum sum({0, static_cast<std::uint32_t>(leaves.size())});
  for (const std::uint32_t leaf : order) {
    SnippetRange node{leaf, 1};
    Gradient gradient = leaves[leaf];
    while (auto pair = sum.bring(node, std::move(gradient))) {
      gradient = sum_of(pair->left, pair->right, pool());
      node = pair->node;
    }
  }
  return sum.take_total();
}

TEST(Gradient, in_any_form_and_order_adds_up_to_the_bits_of_all_elements) {
  const ValueType type{DType::f32, {11, 3}};
  std::mt19937 random(4);
  for (int repeat = 0; repeat < 200; ++repeat) {
    std::vector<Gradient> leaves;
    std::vector<Gradient> expanded;
    const auto dense_one_in = 1 + random() % 8;
    for (auto count = 1 + random() % 9; count > 0; --count) {
      leaves.push_back(random_gradient(random, random() % dense_one_in == 0));
      expanded.emplace_back(expand(leaves.back(), type, pool()));
    }
    std::vector<std::uint32_t> order(leaves.size());
    std::iota(order.begin(), order.end(), 0U);
    const Gradient expected = along_tree(expanded, order);
    const Gradient first = along_tree(leaves, order);
    std::shuffle(order.begin(), order.end(), random);
    const Gradient second = along_tree(leaves, order);
    EXPECT_EQ(first.form(), second.form());
    const Tensor a = expand(first, type, pool());
    EXPECT_EQ(std::memcmp(a.bytes().data(), expected.dense().bytes().data(), type.bytes()), 0);
    EXPECT_EQ(first.blob().size(), second.blob().size());
    EXPECT_EQ(
        std::memcmp(first.blob().bytes().data(), second.blob().bytes().data(), first.blob().size()),
        0);
  }
}

}  // namespace
}  // namespace raven
