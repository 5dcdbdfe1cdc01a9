#include "graph/nets.hpp"

#include <array>

#include "raven/graph/ops/activation.hpp"
#include "raven/graph/ops/arithmetic.hpp"
#include "raven/graph/ops/attention.hpp"
#include "raven/graph/ops/conv.hpp"
#include "raven/graph/ops/dropout.hpp"
#include "raven/graph/ops/embedding.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/ops/linear.hpp"
#include "raven/graph/ops/loss.hpp"
#include "raven/graph/ops/metric.hpp"
#include "raven/graph/ops/norm.hpp"
#include "raven/graph/ops/pool.hpp"
#include "raven/graph/ops/recurrent.hpp"
#include "raven/graph/ops/reduce.hpp"

namespace raven::test {

using kernels::ActivationKind;
using kernels::default_activation;

ParameterId add_parameter(ParameterStore& store, const Shape& shape, bool trainable) {
  return store.add({.name = "p" + std::to_string(store.size()),
                    .value = Tensor({DType::f32, shape}),
                    .trainable = trainable});
}

Graph small_classifier(std::int64_t rows) {
  ParameterStore store;
  Tape tape;
  const auto parameter = [&](const Shape& shape) {
    return tape.parameter(store, add_parameter(store, shape));
  };
  const Variable x = tape.input(0, {DType::f32, {rows, 6}});
  const Variable classes = tape.input(1, {DType::i32, {rows}});
  // One after the other: the order in which a call's arguments are made is the compiler's choice.
  const Variable first = parameter({5, 6});
  const Variable first_bias = parameter({5});
  const Variable second = parameter({3, 5});
  const Variable second_bias = parameter({3});
  const Variable hidden = linear(x, first, first_bias, default_activation(ActivationKind::relu));
  const Variable logits = linear(hidden, second, second_bias);
  const RowLosses loss = cross_entropy(logits, classes);
  tape.set_loss(loss.losses, loss.weights);
  tape.set_prediction(logits);
  tape.add_metric("accuracy", accuracy(logits, classes));
  return tape.take();
}

Graph every_layer(std::int64_t rows) {
  ParameterStore store;
  Tape tape;
  const auto parameter = [&](const Shape& shape, bool trainable = true) {
    return tape.parameter(store, add_parameter(store, shape, trainable));
  };
  const Variable x = tape.input(0, {DType::f32, {rows, 12, 12, 3}});
  const Variable classes = tape.input(1, {DType::i32, {rows}});

  Variable y = conv2d(x, parameter({8, 3, 3, 3}), parameter({8}), {.padding = {1, 1}});
  const BatchNormed normed = batch_norm(y, parameter({8}), parameter({8}));
  tape.add_statistic({100}, normed.mean, 0.1);
  tape.add_statistic({101}, normed.variance, 0.1);
  const Variable before = relu(normed.y);
  y = conv2d(before, parameter({8, 3, 3, 4}), {}, {.padding = {1, 1}, .groups = 2},
             default_activation(ActivationKind::gelu));
  y = add(y, before);
  y = max_pool2d(y, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
  const Variable pooled = global_avg_pool2d(y);
  y = avg_pool2d(y, {.kernel = {2, 2}});
  y = dropout(flatten(y), 0.25);
  const Variable shared = parameter({16, 16});
  y = linear(y, parameter({16, 72}), parameter({16}), default_activation(ActivationKind::relu));
  y = linear(y, shared, parameter({16}), default_activation(ActivationKind::tanh));
  y = layer_norm(y, parameter({16}), parameter({16}));
  y = linear(y, shared);
  y = silu(matmul(y, shared));
  const Variable looked_up = embedding(classes, parameter({3, 4}));
  const std::array<Variable, 3> parts{y, pooled, looked_up};
  y = concat(parts);
  y = mul(softmax(slice(y, 0, 14)), elu(slice(y, 14, 14)));
  y = sub(div(y, exp(square(y))), scale(abs(y), 0.5));
  y = add(sqrt(softplus(y)), log(sigmoid(clamp(negate(y), -0.5, 0.5))));
  const Variable frozen = parameter({14}, false);
  y = batch_norm_inference(y, parameter({14}), parameter({14}), frozen, softplus(frozen));
  const Variable logits = linear(selu(y), parameter({3, 14}), parameter({3}));
  const RowLosses loss = cross_entropy(logits, classes, {.label_smoothing = 0.1});
  const RowLosses other =
      mse(row_mean(leaky_relu(y)), row_sum(to_f32(reshape(classes, {rows, 1}))));
  tape.set_loss(add(loss.losses, scale(other.losses, 0.125)), loss.weights);
  tape.set_prediction(log_softmax(logits));
  tape.add_metric("accuracy", accuracy(logits, classes));
  return tape.take();
}

namespace {

/// Records calls on values of [rows, 4] at random.
class RandomModel {
 public:
  explicit RandomModel(std::uint64_t seed) : random_({.seed = seed, .step = 77}) {}

  Graph make(int calls) {
    values_.push_back(tape_.input(0, {DType::f32, {rows, 4}}));
    targets_ = tape_.input(1, {DType::f32, {rows, 4}});
    for (int i = 0; i < calls; ++i) values_.push_back(call(random_.below(20)));
    Variable end = pick();
    for (std::uint32_t more = random_.below(3); more > 0; --more) end = add(end, pick());
    const RowLosses loss = mse(end, targets_);
    tape_.set_loss(random_.below(4) == 0 ? scale(loss.losses, 0.5) : loss.losses, loss.weights);
    if (random_.below(2) == 0) tape_.set_prediction(pick());
    if (random_.below(2) == 0) tape_.add_metric("error", absolute_error(pick(), targets_));
    return tape_.take();
  }

 private:
  static constexpr std::int64_t rows = 24;

  Variable pick() {
    // Often the newest, so that there are chains; sometimes any, so that there are long lives.
    const auto size = static_cast<std::uint32_t>(values_.size());
    return values_[random_.below(2) == 0 ? size - 1 : random_.below(size)];
  }

  Variable weight(const Shape& shape) {
    if (!weights_.empty() && random_.below(3) == 0) {
      const ParameterId id = weights_[random_.below(static_cast<std::uint32_t>(weights_.size()))];
      if (store_[id].value.shape() == shape) return tape_.parameter(store_, id);
    }
    weights_.push_back(add_parameter(store_, shape, random_.below(5) != 0));
    return tape_.parameter(store_, weights_.back());
  }

  Variable call(std::uint32_t which) {
    const Variable x = pick();
    switch (which) {
      case 0:
        return linear(x, weight({4, 4}), weight({4}));
      case 1:
        return linear(x, weight({4, 4}), {}, default_activation(ActivationKind::relu));
      case 2:
        return linear(x, weight({4, 4}), weight({4}), default_activation(ActivationKind::gelu));
      case 3:
        return relu(x);
      case 4:
        return gelu(x);
      case 5:
        return tanh(x);
      case 6:
        return add(x, pick());
      case 7:
        return mul(x, tanh(pick()));
      case 8:
        return sub(x, weight({4}));
      case 9:
        return reshape(tanh(reshape(x, {rows * 2, 2})), {rows, 4});
      case 10:
        return reshape(x, {rows, 4, 1}).shape().rank() == 3 ? mean(reshape(x, {rows, 4, 1}), 2) : x;
      case 11:
        return softmax(x);
      case 12:
        return layer_norm(x, weight({4}), weight({4}));
      case 13:
        return dropout(x, 0.5);
      case 14: {
        const std::array<Variable, 2> parts{slice(x, 0, 3), slice(pick(), 2, 1)};
        return concat(parts);
      }
      case 15:
        return mul(x, x);
      case 16:
        return scale(x, 0.5);
      case 17: {
        const BatchNormed normed = batch_norm(x, weight({4}), weight({4}));
        tape_.add_statistic({7}, random_.below(2) == 0 ? normed.mean : normed.variance, 0.1);
        return normed.y;
      }
      case 18:
        return matmul(tanh(x), weight({4, 4}));
      default:
        return add(reshape(tanh(x), {rows, 4}), reshape(reshape(x, {4 * rows}), {rows, 4}));
    }
  }

  RandomStream random_;
  ParameterStore store_;
  Tape tape_;
  Variable targets_;
  std::vector<Variable> values_;
  std::vector<ParameterId> weights_;
};

}  // namespace

Graph sequence_layers(std::int64_t rows) {
  constexpr std::int64_t length = 7;
  constexpr std::int64_t width = 12;
  ParameterStore store;
  Tape tape;
  const auto parameter = [&](const Shape& shape) {
    return tape.parameter(store, add_parameter(store, shape));
  };
  const Variable tokens = tape.input(0, {DType::i32, {rows, length}});
  const Variable next = tape.input(1, {DType::i32, {rows, length}});
  const Variable table = parameter({3, width});
  Variable x = add_sinusoidal_positions(embedding(tokens, table));
  const Variable project = parameter({3 * width, width});
  const Variable packed = rotate_positions(linear(x, project), 2 * width, 4);
  x = add(x, self_attention(packed, {}, {.heads = 3, .causal = true}));
  const std::int64_t counts[] = {2, 5};
  const std::vector<Variable> parts = split(x, 1, counts);
  const Variable swapped[] = {parts[1], parts[0]};
  x = concat(swapped, 1);
  const Variable lstm_in = parameter({24, width});
  const Variable lstm_state = parameter({24, 6});
  const Variable gru_in = parameter({18, width});
  const Variable gru_state = parameter({18, 6});
  const Variable gru_bias = parameter({6});
  const Variable ways[] = {lstm(linear(x, lstm_in), lstm_state),
                           gru(linear(x, gru_in), gru_state, gru_bias, Direction::reverse)};
  x = concat(ways);
  const Variable rnn_state = parameter({width, width});
  const Variable logits = linear(rnn(x, rnn_state), table);
  const RowLosses loss = cross_entropy(logits, next);
  tape.set_loss(loss.losses, loss.weights);
  tape.set_prediction(logits);
  return tape.take();
}

Graph random_graph(std::uint64_t seed, int calls) { return RandomModel(seed).make(calls); }

}  // namespace raven::test
