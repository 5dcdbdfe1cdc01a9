#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "raven/core/digest.hpp"
#include "raven/graph/graph.hpp"
#include "raven/tensor/tensor.hpp"

namespace raven {

/// One tensor of the model. A running statistic is a parameter that is not trainable.
struct Parameter {
  std::string name;  ///< path in the model, "2.conv2d.weight"; unique
  Tensor value;
  bool trainable = true;
  bool decays = true;         ///< weight decay applies (not to biases and norms)
  std::uint64_t version = 0;  ///< store version at which `value` last changed
};

/// The tensors being trained, by id. Rank 0 owns the truth, others hold copies of what they need.
/// A value is never changed once it may have been sent: an update puts a new tensor in its place,
/// unless no other handle sees the old one. Threads: one writer, and no reader meanwhile.
class ParameterStore {
 public:
  /// @throws InputError when the name is taken
  ParameterId add(Parameter parameter);

  [[nodiscard]] std::size_t size() const { return parameters_.size(); }
  [[nodiscard]] std::span<const Parameter> all() const { return parameters_; }
  [[nodiscard]] const Parameter& operator[](ParameterId id) const { return parameters_[id.value]; }

  /// Rises by one per optimizer update.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  void set_version(std::uint64_t version) { version_ = version; }
  /// Puts a new value in place, of the same shape, as of `version`.
  void replace(ParameterId id, Tensor value, std::uint64_t version);
  /// Takes the value out to be overwritten in place and given back with replace().
  [[nodiscard]] Tensor take(ParameterId id);

  /// SHA-256 over names, shapes and bytes of all parameters in id order: the `weights_sha256` of a
  /// run.
  [[nodiscard]] Digest digest() const;

 private:
  std::vector<Parameter> parameters_;
  std::uint64_t version_ = 0;
};

}  // namespace raven
