#pragma once

#include <memory>
#include <vector>

#include "raven/nn/loss.hpp"
#include "raven/nn/module.hpp"

namespace raven {

/// The network of a job as data: what to build.
struct ModelSpec {
  std::vector<LayerSpec> layers;
  Choice loss;
  std::uint64_t seed = 0;
  std::int64_t vocabulary = 0;  ///< of the features, when they are tokens; the data tells
};

/// The network of a job: modules over a parameter store, and the loss. record() runs the model once
/// and writes down the graph of a batch of that many rows; nothing is computed.
class Model {
 public:
  /// Declares and initialises all parameters in `store`.
  /// @param features,targets type of one sample, without a batch dimension
  /// @throws InputError when layers, data and loss do not fit together
  Model(const ModelSpec& spec, const ValueType& features, const ValueType& targets,
        ParameterStore& store);

  [[nodiscard]] Graph record(const ParameterStore& store, std::int64_t rows, Tape::Mode mode) const;

 private:
  std::unique_ptr<Module> body_;
  const LossDef* loss_;
  Options loss_options_;
  ValueType features_;
  ValueType targets_;
};

}  // namespace raven
