#pragma once

#include <span>
#include <vector>

#include "cluster/table_versions.hpp"
#include "raven/cluster/protocol.hpp"

namespace raven {

/// A parameter that a contributor was sent.
struct CachedParameter {
  Tensor value;
  std::uint64_t version = Ready::no_version;
  LastVersion last = {};  ///< of a table that changes by rows
};

/// Drops what is not of the type that it is to have. @return what version of each is left
[[nodiscard]] std::vector<std::uint64_t> keep_those_of(std::span<const ValueType> types,
                                                       std::vector<CachedParameter>& parameters);

// Takes over what the master sent. Returns what is wrong with it, or null.

[[nodiscard]] const char* receive(const ParameterMessage& message, const Blob& body,
                                  std::span<const ValueType> types,
                                  std::vector<CachedParameter>& parameters);
[[nodiscard]] const char* receive(const RowsMessage& message, const Blob& body, BufferPool& buffers,
                                  std::vector<CachedParameter>& parameters);

}  // namespace raven
