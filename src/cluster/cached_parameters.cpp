#include "cluster/cached_parameters.hpp"

namespace raven {

std::vector<std::uint64_t> keep_those_of(std::span<const ValueType> types,
                                         std::vector<CachedParameter>& parameters) {
  std::vector<std::uint64_t> versions;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    CachedParameter& kept = parameters[i];
    const bool fits = kept.version != Ready::no_version && kept.value.type() == types[i];
    if (!fits) kept = {};
    versions.push_back(kept.version);
  }
  return versions;
}

const char* receive(const ParameterMessage& message, const Blob& body,
                    std::span<const ValueType> types, std::vector<CachedParameter>& parameters) {
  if (message.id.value >= parameters.size()) return "an unknown parameter";
  const ValueType& type = types[message.id.value];
  if (body.size() != type.bytes()) return "a parameter of the wrong size";
  parameters[message.id.value] = {Tensor(type, body), message.version};
  return nullptr;
}

const char* receive(const RowsMessage& message, const Blob& body, BufferPool& buffers,
                    std::vector<CachedParameter>& parameters) {
  if (message.id.value >= parameters.size()) return "rows of an unknown parameter";
  CachedParameter& kept = parameters[message.id.value];
  if (kept.version == Ready::no_version || kept.version != message.from) {
    return "rows for another version of a table";
  }
  const auto rows = decode_gradient(Gradient::Form::rows, body, kept.value.type());
  if (!rows) return "rows that a table has not";
  if (rows->rows().count() == 0) {
    kept.version = message.version;
    return nullptr;
  }
  // None until it is there: should memory end, nobody takes the half of it for a version.
  kept.version = Ready::no_version;
  Tensor now = std::move(kept.value);
  kept.value = kept.last.to_change(now, buffers);
  put_rows(rows->rows(), kept.value);
  kept.last.changed(std::move(now), kept.value, rows->rows());
  kept.version = message.version;
  return nullptr;
}

}  // namespace raven
