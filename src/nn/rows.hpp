#pragma once

#include "raven/nn/loss.hpp"
#include "raven/nn/module.hpp"

namespace raven {

extern const ModuleDef linear_layer;
extern const ModuleDef conv1d_layer;
extern const ModuleDef conv2d_layer;
extern const ModuleDef max_pool2d_layer;
extern const ModuleDef avg_pool2d_layer;
extern const ModuleDef global_avg_pool2d_layer;
extern const ModuleDef flatten_layer;
extern const ModuleDef reshape_layer;
extern const ModuleDef embedding_layer;
extern const ModuleDef tied_embedding_layer;
extern const ModuleDef positions_layer;
extern const ModuleDef multi_head_attention_layer;
extern const ModuleDef transformer_encoder_layer;
extern const ModuleDef transformer_decoder_layer;
extern const ModuleDef rnn_layer;
extern const ModuleDef gru_layer;
extern const ModuleDef lstm_layer;
extern const ModuleDef tree_lstm_layer;
extern const ModuleDef pool_layer;
extern const ModuleDef batch_norm_layer;
extern const ModuleDef layer_norm_layer;
extern const ModuleDef dropout_layer;
extern const ModuleDef residual_layer;
extern const ModuleDef relu_layer;
extern const ModuleDef leaky_relu_layer;
extern const ModuleDef elu_layer;
extern const ModuleDef selu_layer;
extern const ModuleDef gelu_layer;
extern const ModuleDef silu_layer;
extern const ModuleDef softplus_layer;
extern const ModuleDef sigmoid_layer;
extern const ModuleDef tanh_layer;
extern const ModuleDef softmax_layer;

extern const LossDef cross_entropy_loss;
extern const LossDef mse_loss;
extern const LossDef huber_loss;
extern const LossDef bce_with_logits_loss;

}  // namespace raven
