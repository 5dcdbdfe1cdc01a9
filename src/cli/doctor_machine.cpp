#include "cli/doctor_machine.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <string_view>
#include <utility>

#include "cli/door_file.hpp"
#include "cli/run_lock.hpp"
#include "raven/core/error.hpp"
#include "raven/tensor/bench.hpp"
#include "raven/tensor/machine_peak.hpp"
#include "raven/tensor/numerics.hpp"

namespace raven {
namespace {

using Verdict = Finding::Verdict;

/// How much of a CPU's vector unit code uses.
enum class Vectors : std::uint8_t { sse, avx, avx2, avx512 };

/// What OpenBLAS's kernels of a name are written for.
Vectors vectors_of_kernels(std::string_view core) {
  using Row = std::pair<std::string_view, Vectors>;
  constexpr std::array<Row, 10> rows{{{"SkylakeX", Vectors::avx512},
                                      {"Cooperlake", Vectors::avx512},
                                      {"SapphireRapids", Vectors::avx512},
                                      {"Haswell", Vectors::avx2},
                                      {"Zen", Vectors::avx2},
                                      {"Excavator", Vectors::avx2},
                                      {"Sandybridge", Vectors::avx},
                                      {"Bulldozer", Vectors::avx},
                                      {"Piledriver", Vectors::avx},
                                      {"Steamroller", Vectors::avx}}};
  const auto found = std::ranges::find(rows, core, &Row::first);
  return found == rows.end() ? Vectors::sse : found->second;
}

Vectors vectors_of_cpu(std::string_view highway) {
  if (highway.starts_with("AVX3")) return Vectors::avx512;
  return highway == "AVX2" ? Vectors::avx2 : Vectors::sse;
}

std::string_view name_of(Vectors vectors) {
  constexpr std::array<std::string_view, 4> names{"SSE", "AVX", "AVX2", "AVX-512"};
  return names.at(static_cast<std::size_t>(vectors));
}

/// Kernels of the poorer kind that come near the peak are no harm: some CPUs do long vectors in
/// halves.
constexpr double good_share = 0.65;
/// Below this something is wrong, whatever the kernels are called.
constexpr double poor_share = 0.2;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// Bridges to containers and virtual machines on this machine: every machine that has them has the
/// same address on them.
bool is_private_bridge(std::string_view interface) {
  constexpr std::array<std::string_view, 8> beginnings{"docker", "virbr", "br-",   "cni",
                                                       "podman", "lxcbr", "lxdbr", "cbr"};
  return std::ranges::any_of(
      beginnings, [&](std::string_view beginning) { return interface.starts_with(beginning); });
}

std::vector<InterfaceAddress> addresses_here() {
  std::vector<InterfaceAddress> found;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return found;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> all(first, ::freeifaddrs);
  for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    const int family = at->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const bool is_v6 = family == AF_INET6;
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(at->ifa_addr);
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
    const void* bytes = is_v6 ? static_cast<const void*>(&v6->sin6_addr) : &v4->sin_addr;
    char text[INET6_ADDRSTRLEN] = {};
    if (::inet_ntop(family, bytes, text, sizeof text) == nullptr) continue;
    const bool local =
        (at->ifa_flags & IFF_LOOPBACK) != 0 || (is_v6 && IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr));
    found.push_back({at->ifa_name, text, is_v6, !local});
  }
  return found;
}

}  // namespace

Finding judge_products(const ProductSight& sight, const Cores& cores) {
  const Vectors kernels = vectors_of_kernels(sight.core);
  const Vectors cpu = vectors_of_cpu(sight.vectors);
  const std::string best = cpu == Vectors::avx512 ? "SkylakeX" : "Haswell";
  const bool forced = sight.asked != nullptr && *sight.asked != '\0';
  Finding finding{
      .verdict = Verdict::good,
      .what = "cores",
      .found = fmt::format("OpenBLAS {}, {:.0f} % of the CPU's {}, {} of {} cores", sight.core,
                           100 * sight.share, name_of(cpu), cores.allowed, cores.online),
      .mend = {}};
  if (forced) finding.found += fmt::format(", OPENBLAS_CORETYPE={}", sight.asked);
  const auto doubt = [&](std::string mend) {
    finding.verdict = Verdict::doubtful;
    finding.mend += (finding.mend.empty() ? "" : "; ") + std::move(mend);
  };
  if (std::string trouble = kernel_name_trouble(sight.asked, sight.core); !trouble.empty()) {
    doubt(std::move(trouble));
  } else if (kernels < cpu && sight.share < good_share) {
    finding.found += fmt::format("; these kernels are written for {}", name_of(kernels));
    doubt(forced ? "unset OPENBLAS_CORETYPE or set it to " + best +
                       ", unless contributors of other kinds must give the same bits"
                 : "set OPENBLAS_CORETYPE=" + best +
                       " for all processes of a run (this OpenBLAS does not know the CPU), or "
                       "install a newer OpenBLAS");
  } else if (sight.share < poor_share) {
    doubt("see whether other work keeps the CPU busy, and whether OpenBLAS is the system's own");
  }
  if (cores.allowed < cores.online) {
    finding.found += " may be used by this process";
    doubt(
        "if cores are not meant to be left out, start mpirun with '--bind-to none', or ask for "
        "more (sbatch --cpus-per-task)");
  }
  return finding;
}

Finding judge_quota(const Cores& cores) {
  if (!cores.quota) return {Verdict::good, "quota", "no limit of processor time", {}};
  const std::string found =
      fmt::format("a control group grants {:.2f} cores of processor time", *cores.quota);
  if (*cores.quota >= cores.allowed) return {Verdict::good, "quota", found, {}};
  return {
      Verdict::doubtful, "quota", found + fmt::format(", and {} may be used", cores.allowed),
      fmt::format("leave --threads and the job's 'threads' out, or at most {}: more threads are "
                  "stopped together when the time is used up; or ask for more (docker run "
                  "--cpus, systemd's CPUQuota)",
                  cores.usable())};
}

Finding judge_network(const std::vector<InterfaceAddress>& here,
                      const std::vector<std::string>& gateways) {
  std::vector<std::string> v4;
  std::vector<std::string> v6;
  std::vector<std::string> bridges;
  std::vector<std::string> shared;
  for (const InterfaceAddress& one : here) {
    if (!one.reaches_out) continue;
    const std::string words = one.interface + " " + one.address;
    (one.is_v6 ? v6 : v4).push_back(words);
    if (one.is_v6) continue;
    if (std::ranges::find(gateways, one.address) != gateways.end()) shared.push_back(words);
    if (is_private_bridge(one.interface)) bridges.push_back(words);
  }
  const bool is_elsewhere = std::ranges::any_of(gateways, [&](const std::string& address) {
    return !address.starts_with("127.") &&
           std::ranges::none_of(
               here, [&](const InterfaceAddress& one) { return one.address == address; });
  });
  if (!shared.empty() && is_elsewhere) {
    return {Verdict::doubtful, "network",
            joined(shared) + " is an address of the gateway's machine, too",
            "'raven join' keeps to the network that leads to the gateway; an mpirun of your own "
            "needs '-mca btl_tcp_if_include NETWORK'"};
  }
  if (v4.empty() && !v6.empty()) {
    return {Verdict::doubtful, "network", joined(v6) + ", and no IPv4 address",
            "gateways, and MPI between machines, need IPv4: give an interface an IPv4 address, or "
            "let nobody join from other machines"};
  }
  if (v4.empty()) return {Verdict::good, "network", "none: this machine alone", {}};
  if (bridges.empty()) return {Verdict::good, "network", joined(v4), {}};
  return {Verdict::good,
          "network",
          joined(v4) + " (" + joined(bridges) +
              " may be another machine's address, too; 'raven join' leaves it out)",
          {}};
}

Finding judge_locks(const std::string& flock, const std::string& folder_sync) {
  Finding finding{Verdict::good, "locks", "files can be locked", {}};
  const auto doubt = [&](std::string mend) {
    finding.verdict = Verdict::doubtful;
    finding.mend += (finding.mend.empty() ? "" : "; ") + std::move(mend);
  };
  if (!flock.empty()) {
    finding.found = "files can't be locked (flock: " + flock + ")";
    doubt(
        "runs are kept for one master by the file .lock.holder, which its master touches every "
        "2 s; a dead master on another machine is known after 30 s (NFS 4, or Lustre with -o "
        "flock, locks)");
  }
  if (!folder_sync.empty()) {
    finding.found += ", folders can't be synced (fsync: " + folder_sync + ")";
    doubt("the newest checkpoint may be missing after a loss of power");
  }
  return finding;
}

Finding look_at_cores() {
  const ProductSpeed speed = measure_product_speed(std::chrono::milliseconds(150));
  return judge_products({.core = openblas_core_name(),
                         .vectors = vector_instructions(),
                         .share = speed.blas_gflops / speed.peak_gflops,
                         .asked = std::getenv("OPENBLAS_CORETYPE")},
                        cores_here());
}

Finding look_at_quota() { return judge_quota(cores_here()); }

Finding look_at_network(const std::filesystem::path& run) {
  std::vector<std::string> gateways;
  try {
    if (const std::optional<DoorFile> doors = read_door(run)) {
      for (const DoorFile::Gateway& gateway : doors->gateways) {
        std::istringstream addresses(gateway.address);
        for (std::string one; std::getline(addresses, one, ',');) gateways.push_back(one);
      }
    }
  } catch (const InputError&) {
    // A run that can't be read has no gateways to compare with.
  }
  return judge_network(addresses_here(), gateways);
}

Finding look_at_locks(const std::filesystem::path& run) {
  std::string folder_sync;
  const int folder = ::open(run.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    if (::fsync(folder) != 0) folder_sync = std::strerror(errno);
    ::close(folder);
  }
  return judge_locks(flock_trouble(run), folder_sync);
}

}  // namespace raven
