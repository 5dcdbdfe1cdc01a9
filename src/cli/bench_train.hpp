#pragma once

#include <string>

namespace raven {

struct BenchTrainOptions {
  std::string model;    ///< a name of bench_model_names()
  double seconds = 10;  ///< of measuring, after the warm-up
  int threads = 0;      ///< per process; 0: share the machine's cores
  int batch = 0;        ///< samples of a step; 0: what the model's row says
  int snippets = 0;     ///< 0: what the model's row says
  bool json = false;
};

/// Trains a network of the benchmark on random data through everything a job goes through, alone or
/// as the ranks of mpirun, and prints samples per second and what the rest cost.
/// @return an ExitCode  @throws InputError
int bench_train(const BenchTrainOptions& options);

}  // namespace raven
