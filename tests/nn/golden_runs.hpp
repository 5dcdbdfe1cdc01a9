#pragma once

#include "golden/golden.hpp"
#include "nn/probe.hpp"
#include "raven/nn/model.hpp"

namespace raven::golden {

// Each runs one case of its file, reports how it differs from PyTorch, and returns the graph that
// was recorded.

Graph run_layer(const Json& test_case);
Graph run_loss(const Json& test_case);
Graph run_op(const Json& test_case);
Graph run_memory(const Json& test_case);

/// The case without its numbers.
std::string describe(const Json& test_case);

}  // namespace raven::golden
