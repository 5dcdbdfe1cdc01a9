#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "raven/core/digest.hpp"

namespace raven {

/// The arithmetic of a process. Two processes of equal class give the same bits for the same
/// snippet.
///
/// The fingerprint samples shapes, and kernels that agree on a sample may differ elsewhere
/// (OpenBLAS's SkylakeX and Cooperlake do, in long sums); so the names of the code that computes
/// belong to the class as well.
struct NumericsClass {
  Digest fingerprint;   ///< see numerics_fingerprint()
  std::string core;     ///< the kernels that OpenBLAS chose: "SkylakeX"
  std::string library;  ///< its version: "OpenBLAS 0.3.21"
  std::string vectors;  ///< the vector instructions that raven's own kernels use: "AVX3"

  bool operator==(const NumericsClass&) const = default;
};

/// This process's. Computes the fingerprint.
[[nodiscard]] NumericsClass numerics_class();

/// How two classes differ.
struct NumericsGap {
  std::string difference;  ///< "OpenBLAS kernels: Cooperlake, the master has SkylakeX"
  std::string remedy;      ///< what makes the first one like the other
};

/// None when they are equal. @param other_has the words before the other's values: "the master has"
[[nodiscard]] std::optional<NumericsGap> gap_between(const NumericsClass& one,
                                                     const NumericsClass& other,
                                                     std::string_view other_has);

/// What is wrong with the name that OPENBLAS_CORETYPE asks for; empty when nothing is. OpenBLAS
/// itself takes some other kernels, without a word, for a name that it doesn't know.
/// @param asked the variable's value, null when it is unset  @param got the kernels in use
[[nodiscard]] std::string kernel_name_trouble(const char* asked, std::string_view got);

}  // namespace raven
