#include "raven/graph/tape.hpp"

#include <gtest/gtest.h>

#include "graph/nets.hpp"
#include "raven/core/error.hpp"
#include "raven/graph/ops/activation.hpp"
#include "raven/graph/ops/arithmetic.hpp"
#include "raven/graph/ops/dropout.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/ops/linear.hpp"
#include "raven/graph/ops/loss.hpp"
#include "raven/graph/ops/norm.hpp"

namespace raven::test {
namespace {

TEST(Tape, records_shapes_in_order_and_computes_nothing) {
  ParameterStore store;
  const ParameterId w = add_parameter(store, {3, 4});
  Tape tape;
  const Variable x = tape.input(0, {DType::f32, {5, 4}});
  const Variable y = relu(linear(x, tape.parameter(store, w)));
  EXPECT_EQ(y.shape(), (Shape{5, 3}));
  ASSERT_EQ(tape.graph().nodes.size(), 4U);
  EXPECT_EQ(tape.graph().nodes[2].op->name, "linear");
  EXPECT_EQ(tape.graph().nodes[2].inputs, (std::vector<ValueRef>{{0, 0}, {1, 0}}));
  EXPECT_EQ(y.ref(), (ValueRef{3, 0}));
}

TEST(Tape, an_input_or_parameter_asked_for_twice_is_one_node) {
  ParameterStore store;
  const ParameterId w = add_parameter(store, {3, 4});
  Tape tape;
  EXPECT_EQ(tape.parameter(store, w).ref(), tape.parameter(store, w).ref());
  EXPECT_EQ(tape.input(1, {DType::f32, {5}}).ref(), tape.input(1, {DType::f32, {5}}).ref());
  EXPECT_THROW(static_cast<void>(tape.input(1, {DType::f32, {6}})), InputError);
  EXPECT_EQ(tape.graph().nodes.size(), 2U);
}

TEST(Tape, a_wrong_shape_is_reported_where_it_is_written_with_its_sizes) {
  ParameterStore store;
  Tape tape;
  const Variable x = tape.input(0, {DType::f32, {32, 784}});
  const Variable w = tape.parameter(store, add_parameter(store, {512, 700}));
  try {
    static_cast<void>(linear(x, w));
    FAIL() << "nothing was thrown";
  } catch (const InputError& error) {
    EXPECT_EQ(error.problem(),
              "linear: the input has 784 columns but the weight [512, 700] takes 700");
  }
}

TEST(Tape, identities_record_nothing) {
  Tape tape(Tape::Mode::inference);
  const Variable x = tape.input(0, {DType::f32, {4, 6}});
  EXPECT_EQ(dropout(x, 0.5).ref(), x.ref()) << "dropout outside of training";
  EXPECT_EQ(flatten(x).ref(), x.ref());
  EXPECT_EQ(activate(x, {}).ref(), x.ref());
  EXPECT_EQ(concat(std::array{x}).ref(), x.ref());
  Tape training;
  const Variable y = training.input(0, {DType::f32, {4, 6}});
  EXPECT_EQ(dropout(y, 0.0).ref(), y.ref());
  EXPECT_NE(dropout(y, 0.5).ref(), y.ref());
}

TEST(Tape, further_outputs_of_a_call_have_types_of_their_own) {
  ParameterStore store;
  Tape tape;
  const Variable x = tape.input(0, {DType::f32, {4, 6}});
  const Variable gamma = tape.parameter(store, add_parameter(store, {6}));
  const BatchNormed normed = batch_norm(x, gamma, gamma);
  EXPECT_EQ(normed.y.shape(), (Shape{4, 6}));
  EXPECT_EQ(normed.variance.shape(), Shape{6});
  EXPECT_EQ(normed.variance.ref().output, 2);
}

TEST(Tape, only_rows_of_real_numbers_can_be_a_loss) {
  Tape tape;
  const Variable x = tape.input(0, {DType::f32, {4, 6}});
  const Variable classes = tape.input(1, {DType::i32, {4}});
  const Variable one = tape.input(2, {DType::f32, {4}});
  EXPECT_THROW(tape.set_loss(x, x), InputError);
  EXPECT_THROW(tape.set_loss(one, classes), InputError);
  EXPECT_THROW(tape.set_prediction(classes), InputError);
  EXPECT_THROW(tape.add_metric("classes", classes), InputError);
  tape.set_loss(one, one);
  EXPECT_EQ(tape.graph().losses, one.ref());
}

TEST(Tape, the_same_model_recorded_twice_gives_the_same_bytes) {
  EXPECT_EQ(encode(every_layer()), encode(every_layer()));
  EXPECT_EQ(digest_of(every_layer()), digest_of(every_layer()));
  EXPECT_NE(digest_of(every_layer(6)), digest_of(every_layer(7)));
}

}  // namespace
}  // namespace raven::test
