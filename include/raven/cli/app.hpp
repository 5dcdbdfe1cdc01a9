#pragma once

#include "raven/job/job_spec.hpp"

namespace raven {

/// What a raven process tells its caller.
enum ExitCode : int {
  exit_done = 0,
  exit_failure = 1,  ///< something that nobody's input explains: out of memory, a full disk, a bug
  exit_mistake = 2,  ///< the command line, a job or data is wrong; said in one line on stderr
  exit_interrupted = 130  ///< by Ctrl-C
};

/// The `raven` program: reads the command line, runs one verb, reports what went wrong.
/// @param programs models written in C++ that jobs may name
/// @return an ExitCode
int run_raven(int argc, char** argv, Programs programs = {});

}  // namespace raven
