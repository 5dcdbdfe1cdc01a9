#include "raven/tensor/numerics.hpp"

#include <cblas.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>

#include "raven/tensor/bench.hpp"
#include "raven/tensor/fingerprint.hpp"
#include "raven/tensor/machine_peak.hpp"

namespace raven {
namespace {

/// "OpenBLAS 0.3.21" of "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...". How it was built to use
/// threads changes no bits, since raven calls it from one thread at a time.
std::string openblas_version() {
  std::istringstream words(openblas_get_config());
  std::string name;
  std::string number;
  words >> name >> number;
  return name + " " + number;
}

bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

}  // namespace

NumericsClass numerics_class() {
  return {.fingerprint = numerics_fingerprint(),
          .core = openblas_core_name(),
          .library = openblas_version(),
          .vectors = vector_instructions()};
}

std::optional<NumericsGap> gap_between(const NumericsClass& one, const NumericsClass& other,
                                       std::string_view other_has) {
  if (one == other) return std::nullopt;
  NumericsGap gap;
  const auto compare = [&](std::string_view what, const std::string& mine,
                           const std::string& theirs, const std::string& remedy) {
    if (mine == theirs) return;
    gap.difference += gap.difference.empty() ? "" : "; ";
    gap.difference +=
        std::string(what) + ": " + mine + ", " + std::string(other_has) + " " + theirs;
    gap.remedy += (gap.remedy.empty() ? "" : " and ") + remedy;
  };
  compare("OpenBLAS kernels", one.core, other.core,
          "start it with OPENBLAS_CORETYPE=" + other.core);
  compare("library", one.library, other.library, "install " + other.library);
  compare("vector instructions", one.vectors, other.vectors,
          "use a machine with " + other.vectors + " instructions");
  if (gap.difference.empty()) {
    compare("results of the kernels (SHA-256)", to_hex(one.fingerprint).substr(0, 16),
            to_hex(other.fingerprint).substr(0, 16),
            "use the same build of raven and of OpenBLAS on both sides");
  }
  return gap;
}

std::string kernel_name_trouble(const char* asked, std::string_view got) {
  if (asked == nullptr || *asked == '\0' || same_letters(asked, got)) return {};
  return "OPENBLAS_CORETYPE=" + std::string(asked) +
         " names no kernels that this OpenBLAS has, and it took " + std::string(got) +
         " instead; unset it, or name kernels (SkylakeX, Haswell, Zen)";
}

}  // namespace raven
