#include <fmt/format.h>

#include "cli/console.hpp"
#include "cli/verb.hpp"
#include "cli/version.hpp"
#include "raven/tensor/numerics.hpp"

namespace raven {
namespace {

int show_version() {
#if defined(__clang__)
  const std::string compiler =
      fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  const std::string compiler =
      fmt::format("g++ {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
  const NumericsClass numerics = numerics_class();
  print(fmt::format("raven {}\ncompiler {}\nOpenBLAS kernels {}, {}, vector instructions {}\n",
                    version, compiler, numerics.core, numerics.library, numerics.vectors));
  return exit_done;
}

void declare(Command parent, Action& chosen) {
  Command verb = parent.add_subcommand("version", "Show the version and what it was built with");
  verb.footer(R"(Examples:
  raven version
  raven --version            # the number alone

Two machines with unlike OpenBLAS kernels, versions or vector instructions may give unlike bits; see 'numerics' in jobs/README.md.)");
  verb.callback([&chosen] { chosen = [](Programs) { return show_version(); }; });
}

}  // namespace

const VerbDef version_verb{.declare = declare};

}  // namespace raven
