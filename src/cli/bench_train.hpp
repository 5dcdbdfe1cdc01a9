#pragma once

#include <string>

#include "raven/job/job_spec.hpp"

namespace raven {

struct BenchTrainOptions {
  std::string model;    ///< a name of bench_model_names(), or a job file with its data
  double seconds = 10;  ///< of measuring, after the warm-up
  int threads = 0;      ///< per process; 0: share the machine's cores
  int batch = 0;        ///< samples of a step; 0: what the model's row says
  int snippets = 0;     ///< 0: what the model's row says
  /// Graphs of samples are run one by one.
  bool one_by_one = false;
  bool json = false;
};

/// Trains a network of the benchmark on random data through everything a job goes through, alone or
/// as the ranks of mpirun, and prints samples per second and what the rest cost.
/// @return an ExitCode  @throws InputError
int bench_train(const BenchTrainOptions& options, Programs programs);

}  // namespace raven
