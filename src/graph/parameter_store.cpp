#include "raven/graph/parameter_store.hpp"

#include <algorithm>
#include <utility>

#include "raven/core/error.hpp"

namespace raven {

ParameterId ParameterStore::add(Parameter parameter) {
  expects(!parameter.value.empty(), "a parameter has a value");
  const bool taken =
      std::any_of(parameters_.begin(), parameters_.end(),
                  [&](const Parameter& other) { return other.name == parameter.name; });
  if (taken) {
    throw InputError("there are two parameters named '" + parameter.name + "'",
                     "give each layer a name of its own");
  }
  parameters_.push_back(std::move(parameter));
  return {static_cast<std::uint32_t>(parameters_.size() - 1)};
}

void ParameterStore::replace(ParameterId id, Tensor value, std::uint64_t version) {
  Parameter& parameter = parameters_.at(id.value);
  expects(parameter.value.empty() || parameter.value.type() == value.type(),
          "a parameter keeps its type and shape");
  parameter.value = std::move(value);
  parameter.version = version;
}

Tensor ParameterStore::take(ParameterId id) {
  return std::exchange(parameters_.at(id.value).value, {});
}

Digest ParameterStore::digest() const {
  Hasher hasher;
  for (const Parameter& parameter : parameters_) {
    ByteWriter head;
    head.put_string(parameter.name);
    head.put(parameter.value.type().dtype);
    head.put_list(parameter.value.shape().dims());
    hasher.add(head.bytes());
    hasher.add(parameter.value.bytes());
  }
  return hasher.finish();
}

}  // namespace raven
