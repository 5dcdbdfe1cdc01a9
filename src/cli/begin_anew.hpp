#pragma once

#include <string>
#include <vector>

namespace raven {

/// How this process was started, so that it can become a new one: what MPI puts into the
/// environment when it is initialised would tell the new one that an mpirun had started it.
class Beginning {
 public:
  /// Remembers the environment as it is now. @pre MPI is not initialised
  Beginning();

  /// Replaces this process by a new one of the same program, words and environment; files that are
  /// open stay behind. Returns only when the system refuses.
  void begin_anew() const;

 private:
  std::vector<std::string> words_;
  std::vector<std::string> environment_;
};

}  // namespace raven
