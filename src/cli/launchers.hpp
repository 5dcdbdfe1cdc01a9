#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace raven {

// Open MPI, PMIx, PMI and Slurm tell a process by its environment that it is one of theirs. A
// process that raven starts for itself, or one that initialises MPI by itself, would take these
// words for its own: mpirun refuses to run "recursively", a singleton asks a server that is not
// its own, and MPI_Init ends the process. Every verb leaves them behind by the functions below.

/// Whether words of Slurm's are left behind, too: srun, which starts processes on other nodes of an
/// allocation, needs them.
enum class SlurmWords : std::uint8_t { leave, keep };

/// Whether a launcher sets this variable for the processes that it starts. What people and sites
/// set (OMPI_MCA_btl_tcp_if_include, OMPI_ALLOW_RUN_AS_ROOT, SLURM_CONF) is not among them.
/// @param under_mpirun whether an mpirun started this process: it passes its own parameters on as
/// OMPI_MCA_..., under names that without it are somebody's wish
[[nodiscard]] bool is_launchers_word(std::string_view variable, bool under_mpirun);

/// The launchers' words in this process's environment, for Child.
[[nodiscard]] std::vector<std::string> launchers_words(SlurmWords slurm = SlurmWords::leave);

/// Takes them out of this process's environment. Before any other thread is started.
void leave_launchers();

/// A piece of a shell script that does the same, for what an agent starts on another node.
[[nodiscard]] std::string shell_that_leaves_launchers();

}  // namespace raven
