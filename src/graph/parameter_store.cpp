#include "raven/graph/parameter_store.hpp"

#include <algorithm>

#include "raven/core/error.hpp"

namespace raven {

ParameterId ParameterStore::add(Parameter parameter) {
  const bool taken =
      std::any_of(parameters_.begin(), parameters_.end(),
                  [&](const Parameter& other) { return other.name == parameter.name; });
  if (taken) {
    throw InputError("two parameters are called \"" + parameter.name + "\"",
                     "give the modules that own them different paths");
  }
  parameters_.push_back(std::move(parameter));
  return {static_cast<std::uint32_t>(parameters_.size() - 1)};
}

void ParameterStore::replace(ParameterId id, Tensor value, std::uint64_t version) {
  Parameter& parameter = parameters_.at(id.value);
  parameter.value = std::move(value);
  parameter.version = version;
}

Tensor ParameterStore::take(ParameterId id) { return std::move(parameters_.at(id.value).value); }

Digest ParameterStore::digest() const {
  Hasher hasher;
  for (const Parameter& parameter : parameters_) {
    ByteWriter head;
    head.put_string(parameter.name);
    head.put_list(parameter.value.shape().dims());
    hasher.add(head.bytes());
    hasher.add(parameter.value.bytes());
  }
  return hasher.finish();
}

}  // namespace raven
