#include "raven/nn/module.hpp"

#include <algorithm>

#include "nn/layer.hpp"
#include "nn/rows.hpp"

namespace raven {
namespace {

constexpr const ModuleDef* table[] = {&linear_layer,
                                      &conv1d_layer,
                                      &conv2d_layer,
                                      &max_pool2d_layer,
                                      &avg_pool2d_layer,
                                      &global_avg_pool2d_layer,
                                      &flatten_layer,
                                      &reshape_layer,
                                      &embedding_layer,
                                      &tied_embedding_layer,
                                      &positions_layer,
                                      &multi_head_attention_layer,
                                      &transformer_encoder_layer,
                                      &transformer_decoder_layer,
                                      &rnn_layer,
                                      &gru_layer,
                                      &lstm_layer,
                                      &tree_lstm_layer,
                                      &pool_layer,
                                      &batch_norm_layer,
                                      &layer_norm_layer,
                                      &dropout_layer,
                                      &residual_layer,
                                      &relu_layer,
                                      &leaky_relu_layer,
                                      &elu_layer,
                                      &selu_layer,
                                      &gelu_layer,
                                      &silu_layer,
                                      &softplus_layer,
                                      &sigmoid_layer,
                                      &tanh_layer,
                                      &softmax_layer};

class Sequence final : public Module {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Module>> modules) : modules_(std::move(modules)) {}

  [[nodiscard]] Variable forward(const ParameterStore& store, Variable input) const override {
    for (const auto& module : modules_) input = module->forward(store, input);
    return input;
  }

 private:
  std::vector<std::unique_ptr<Module>> modules_;
};

}  // namespace

ValueType output_type(const Module& module, const ModuleContext& context) {
  Tape tape;
  const ValueType one{DType::i32, {1}};
  ValueType input = context.input;
  if (context.ragged != Ragged::no) {
    // One sample of one token, or of a tree's one node.
    (void)tape.input(slot_lengths, one);
    input.shape[0] = 1;
  }
  if (context.ragged == Ragged::trees || context.ragged == Ragged::nodes) {
    (void)tape.input(slot_parents, one);
    (void)tape.input(slot_nodes, one);
  }
  if (context.carried != nullptr && *context.carried > 0) {
    (void)tape.input(slot_state, {DType::f32, {input.shape[0], *context.carried}});
  }
  return module.forward(context.store, tape.input(slot_features, input)).type();
}

std::span<const ModuleDef* const> module_table() { return table; }

const ModuleDef* find_module(std::string_view name) {
  const auto found = std::ranges::find(table, name, &ModuleDef::name);
  return found == std::end(table) ? nullptr : *found;
}

std::unique_ptr<Module> make_sequence(std::span<const LayerSpec> layers, ModuleContext context) {
  const std::string prefix = context.path.empty() ? "" : context.path + ".";
  std::vector<std::unique_ptr<Module>> made;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerSpec& layer = layers[i];
    const ModuleDef* def = find_module(layer.layer.type);
    expects(def != nullptr, "a checked model names layers of module_table()");
    context.path = prefix + std::to_string(i) + "." + layer.layer.type;
    context.block = layer.block;
    try {
      made.push_back(def->make(context, layer.layer.options));
      context.input = output_type(*made.back(), context);
      if (def->gives != nullptr) context.ragged = def->gives(context.ragged, layer.layer.options);
    } catch (const InputError& error) {
      // An error from within a block knows its own layer's place better.
      if (error.place().line != 0) throw;
      throw InputError(layer.layer.place, context.path + ": " + error.problem(), error.remedy());
    }
  }
  return std::make_unique<Sequence>(std::move(made));
}

}  // namespace raven
