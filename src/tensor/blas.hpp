#pragma once

namespace raven {

/// Tells OpenBLAS, once in a process, to stay on the calling thread: raven's tiles are the
/// parallelism.
void make_blas_serial();

}  // namespace raven
