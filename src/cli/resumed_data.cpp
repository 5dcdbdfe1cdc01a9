#include "cli/resumed_data.hpp"

#include "raven/data/meaning.hpp"

namespace raven {

void check_same_meaning(const Manifest& now, const Manifest& began,
                        const std::filesystem::path& run) {
  const MeaningMatch match = compare_meanings(now, began);
  if (match.verdict == MeaningMatch::Verdict::equal) return;
  const std::string whose = "the run in " + run.string() + " began with";
  const std::string remedy =
      "give it the data that it began with, choose another --run folder, or start anew with "
      "--fresh";
  throw InputError({now.file.string()}, as_error(match, now, whose).problem(), remedy);
}

Manifest with_known(Manifest now, const std::optional<Manifest>& began) {
  if (began && began->identity() == now.identity()) keep_known(now, *began);
  return now;
}

}  // namespace raven
