#include "cli/doctor_machine.hpp"

#include <gtest/gtest.h>

namespace raven {
namespace {

using Verdict = Finding::Verdict;

Cores cores(int online, int allowed, std::optional<double> quota = std::nullopt) {
  return {.online = online, .allowed = allowed, .quota = quota};
}

Finding products(const std::string& core, const std::string& vectors, double share,
                 const char* asked = nullptr) {
  return judge_products({core, vectors, share, asked}, cores(2, 2));
}

TEST(DoctorMachine, kernels_that_fit_the_cpu_are_good_asked_for_or_not) {
  EXPECT_EQ(products("SkylakeX", "AVX3", 0.8).verdict, Verdict::good);
  EXPECT_EQ(products("SkylakeX", "AVX3", 0.8, "SkylakeX").verdict, Verdict::good);
  EXPECT_EQ(products("Cooperlake", "AVX3_DL", 0.7, "COOPERLAKE").verdict, Verdict::good);
  EXPECT_EQ(products("Haswell", "AVX2", 0.7).verdict, Verdict::good);
  EXPECT_EQ(products("Zen", "AVX2", 0.7, "Zen").verdict, Verdict::good);
}

// OpenBLAS takes Prescott for CPUs that it does not know.
TEST(DoctorMachine, kernels_poorer_than_the_cpu_are_doubtful_and_the_right_ones_are_named) {
  const Finding prescott = products("Prescott", "AVX3", 0.1);
  EXPECT_EQ(prescott.verdict, Verdict::doubtful);
  EXPECT_NE(prescott.mend.find("OPENBLAS_CORETYPE=SkylakeX"), std::string::npos) << prescott.mend;
  EXPECT_NE(prescott.found.find("10 % of the CPU's AVX-512"), std::string::npos) << prescott.found;
  const Finding forced = products("Haswell", "AVX3", 0.45, "Haswell");
  EXPECT_EQ(forced.verdict, Verdict::doubtful);
  EXPECT_NE(forced.mend.find("unset OPENBLAS_CORETYPE"), std::string::npos) << forced.mend;
  EXPECT_EQ(products("Prescott", "AVX2", 0.2).verdict, Verdict::doubtful);
}

// Some CPUs do a vector of AVX-512 as two of AVX2.
TEST(DoctorMachine, kernels_that_come_near_the_peak_are_good_whatever_they_are_called) {
  EXPECT_EQ(products("Zen", "AVX3", 0.8).verdict, Verdict::good);
}

TEST(DoctorMachine, the_right_kernels_that_reach_nothing_are_doubtful) {
  EXPECT_EQ(products("SkylakeX", "AVX3", 0.05).verdict, Verdict::doubtful);
}

TEST(DoctorMachine, a_name_that_openblas_did_not_take_is_doubtful) {
  const Finding bogus = products("Cooperlake", "AVX3", 0.8, "bogus");
  EXPECT_EQ(bogus.verdict, Verdict::doubtful);
  EXPECT_NE(bogus.mend.find("OPENBLAS_CORETYPE=bogus"), std::string::npos) << bogus.mend;
}

TEST(DoctorMachine, cores_that_are_left_out_are_told) {
  EXPECT_EQ(judge_products({"Haswell", "AVX2", 0.8, nullptr}, cores(8, 4)).verdict,
            Verdict::doubtful);
}

TEST(DoctorMachine, a_quota_below_the_cores_is_doubtful) {
  EXPECT_EQ(judge_quota(cores(8, 8)).verdict, Verdict::good);
  EXPECT_EQ(judge_quota(cores(8, 4, 4.0)).verdict, Verdict::good);
  const Finding half = judge_quota(cores(8, 8, 1.5));
  EXPECT_EQ(half.verdict, Verdict::doubtful);
  EXPECT_NE(half.found.find("1.50 cores"), std::string::npos) << half.found;
  EXPECT_NE(half.mend.find("at most 2"), std::string::npos) << half.mend;
}

const std::vector<InterfaceAddress> with_docker{
    {"lo", "127.0.0.1", false, false}, {"eth0", "192.0.2.7"}, {"docker0", "172.17.0.1"}};

TEST(DoctorMachine, an_address_that_the_gateway_s_machine_has_as_well_is_doubtful) {
  EXPECT_EQ(judge_network(with_docker, {}).verdict, Verdict::good);
  const Finding shared = judge_network(with_docker, {"192.0.2.9", "172.17.0.1", "127.0.0.1"});
  EXPECT_EQ(shared.verdict, Verdict::doubtful);
  EXPECT_NE(shared.found.find("docker0 172.17.0.1"), std::string::npos) << shared.found;
  // On the gateway's own machine all of its addresses are here.
  EXPECT_EQ(judge_network(with_docker, {"192.0.2.7", "172.17.0.1", "127.0.0.1"}).verdict,
            Verdict::good);
}

TEST(DoctorMachine, a_machine_of_ipv6_only_is_doubtful) {
  const std::vector<InterfaceAddress> here{{"lo", "127.0.0.1", false, false},
                                           {"eth0", "fe80::1", true, false},
                                           {"eth0", "2001:db8::7", true, true}};
  const Finding finding = judge_network(here, {});
  EXPECT_EQ(finding.verdict, Verdict::doubtful);
  EXPECT_NE(finding.found.find("2001:db8::7"), std::string::npos);
  // One machine without any network needs none.
  EXPECT_EQ(judge_network({{"lo", "127.0.0.1", false, false}}, {}).verdict, Verdict::good);
}

TEST(DoctorMachine, a_file_system_without_locks_is_named_with_the_cause) {
  EXPECT_EQ(judge_locks("", "").verdict, Verdict::good);
  const Finding flock = judge_locks("Function not implemented", "");
  EXPECT_EQ(flock.verdict, Verdict::doubtful);
  EXPECT_NE(flock.found.find("Function not implemented"), std::string::npos);
  EXPECT_EQ(judge_locks("", "Invalid argument").verdict, Verdict::doubtful);
}

}  // namespace
}  // namespace raven
