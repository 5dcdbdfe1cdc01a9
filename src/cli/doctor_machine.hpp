#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/doctor.hpp"
#include "cli/processes.hpp"

namespace raven {

// What 'raven doctor' makes of the machine itself: each judgement is a pure function of what was
// seen, and each look_at... sees and judges.

/// The products of matrices as OpenBLAS computes them here.
struct ProductSight {
  std::string core;             ///< the kernels that OpenBLAS chose
  std::string vectors;          ///< the best vector instructions of the CPU; vector_instructions()
  double share = 1;             ///< of what a loop of multiply-adds in registers reaches
  const char* asked = nullptr;  ///< OPENBLAS_CORETYPE
};
[[nodiscard]] Finding judge_products(const ProductSight& sight, const Cores& cores);
[[nodiscard]] Finding judge_quota(const Cores& cores);

/// An address of an interface that is up.
struct InterfaceAddress {
  std::string interface;
  std::string address;
  bool is_v6 = false;
  bool reaches_out = true;  ///< neither loopback nor link-local
};
/// @param gateways addresses that the run's gateways have, when there is a run
[[nodiscard]] Finding judge_network(const std::vector<InterfaceAddress>& here,
                                    const std::vector<std::string>& gateways);
/// @param flock why it fails, empty when it works  @param folder_sync the same of fsync of folders
[[nodiscard]] Finding judge_locks(const std::string& flock, const std::string& folder_sync);

[[nodiscard]] Finding look_at_cores();
[[nodiscard]] Finding look_at_quota();
[[nodiscard]] Finding look_at_network(const std::filesystem::path& run);
[[nodiscard]] Finding look_at_locks(const std::filesystem::path& run);

}  // namespace raven
