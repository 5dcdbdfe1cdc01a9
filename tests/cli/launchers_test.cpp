#include "cli/launchers.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

TEST(Launchers, words_of_slurm_pmi_pmix_and_mpirun_are_theirs) {
  for (const char* word :
       {"SLURM_STEPID", "SLURM_NODELIST", "SLURM_JOB_ID", "PMI_RANK", "PMI_FD", "PMIX_RANK",
        "PMIX_SERVER_URI41", "PMIX_NAMESPACE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
        "OMPI_UNIVERSE_SIZE", "OMPI_FILE_LOCATION", "OMPI_FIRST_RANKS"}) {
    EXPECT_TRUE(is_launchers_word(word, false)) << word;
    EXPECT_TRUE(is_launchers_word(word, true)) << word;
  }
}

TEST(Launchers, what_people_and_sites_set_is_not) {
  for (const char* word :
       {"SLURM_CONF", "OMPI_ALLOW_RUN_AS_ROOT", "OMPI_MCA_pml", "OMPI_MCA_btl_tcp_if_include",
        "OMPI_MCA_pmix_server_uri", "PMIX_MCA_gds", "PATH", "OPENBLAS_CORETYPE", "SLURMISH"}) {
    EXPECT_FALSE(is_launchers_word(word, false)) << word;
    EXPECT_FALSE(is_launchers_word(word, true)) << word;
  }
}

// mpirun passes these on to its processes; without it somebody set them on purpose.
TEST(Launchers, an_mpirun_s_own_parameters_are_its_own_under_an_mpirun_only) {
  for (const char* word :
       {"OMPI_MCA_orte_hnp_uri", "OMPI_MCA_ess", "OMPI_MCA_ess_base_jobid", "OMPI_MCA_pmix",
        "OMPI_MCA_rmaps_base_oversubscribe", "OMPI_MCA_initial_wdir"}) {
    EXPECT_TRUE(is_launchers_word(word, true)) << word;
    EXPECT_FALSE(is_launchers_word(word, false)) << word;
  }
}

}  // namespace
}  // namespace raven
