#pragma once

// All that a program with a model of its own needs: docs/how-to/write-a-model.md.

#include <array>

#include "raven/cli/app.hpp"
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
#include "raven/graph/ops/segment.hpp"
#include "raven/graph/ops/tree.hpp"
#include "raven/nn/builder.hpp"
#include "raven/nn/program.hpp"

namespace raven {

/// The whole `raven` program with one model more, which jobs name by `model: {program: NAME}`. M is
/// made from a Builder& and called with a const Sample&.
/// @param ops rows of its own, which every rank of the same program can run
/// @return what main() returns
template <class M>
int run(int argc, char** argv, std::string_view name, OpRows ops = {}) {
  const ProgramDef program = program_of<M>(name, ops);
  const std::array<const ProgramDef*, 1> programs{&program};
  return run_raven(argc, argv, programs);
}

}  // namespace raven
