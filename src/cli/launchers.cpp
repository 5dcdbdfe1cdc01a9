#include "cli/launchers.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace raven {
namespace {

constexpr std::string_view parameter = "OMPI_MCA_";

/// Names that mpirun sets, or makes of its options.
constexpr std::array<std::string_view, 8> of_mpirun{
    "OMPI_COMM_WORLD_", "OMPI_UNIVERSE_SIZE",     "OMPI_COMMAND",     "OMPI_ARGV",
    "OMPI_NUM_APP_CTX", "OMPI_APP_CTX_NUM_PROCS", "OMPI_FIRST_RANKS", "OMPI_FILE_LOCATION"};
constexpr std::array<std::string_view, 7> parameters_of_mpirun{"orte_",
                                                               "ess",
                                                               "rmaps_",
                                                               "mpi_oversubscribe",
                                                               "hwloc_base_binding_policy",
                                                               "initial_wdir",
                                                               "shmem_RUNTIME_QUERY_hint"};

template <class Names>
bool begins_with_one_of(std::string_view variable, const Names& names) {
  return std::ranges::any_of(names,
                             [&](std::string_view name) { return variable.starts_with(name); });
}

}  // namespace

bool is_launchers_word(std::string_view variable, bool under_mpirun) {
  if (variable.starts_with("SLURM_")) return variable != "SLURM_CONF";
  if (variable.starts_with("PMIX_")) return !variable.starts_with("PMIX_MCA_");
  if (variable.starts_with("PMI_") || variable.starts_with("ORTE_")) return true;
  if (begins_with_one_of(variable, of_mpirun)) return true;
  if (!under_mpirun || !variable.starts_with(parameter)) return false;
  const std::string_view name = variable.substr(parameter.size());
  return name == "pmix" || begins_with_one_of(name, parameters_of_mpirun);
}

std::vector<std::string> launchers_words(SlurmWords slurm) {
  const bool under_mpirun = std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr;
  std::vector<std::string> words;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (slurm == SlurmWords::keep && name.starts_with("SLURM_")) continue;
    if (is_launchers_word(name, under_mpirun)) words.emplace_back(name);
  }
  return words;
}

void leave_launchers() {
  for (const std::string& name : launchers_words()) ::unsetenv(name.c_str());
}

std::string shell_that_leaves_launchers() {
  return "for v in $(env | sed -n "
         "'s/^\\(\\(SLURM\\|PMI\\|PMIX\\|ORTE\\|OMPI_COMM\\)_[A-Za-z0-9_]*\\)=.*/\\1/p'); "
         "do case $v in SLURM_CONF|PMIX_MCA_*) ;; *) unset $v ;; esac; done; ";
}

}  // namespace raven
