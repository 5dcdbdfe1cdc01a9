#pragma once

#include <string>
#include <vector>

#include "raven/core/error.hpp"
#include "raven/data/manifest.hpp"

namespace raven {

/// Whether a data set without targets will do: to predict, not to train or to evaluate.
enum class Targets : std::uint8_t { needed, unused };

/// How what the rows of one data set mean compares with what those of another mean.
struct MeaningMatch {
  enum class Verdict : std::uint8_t { equal, mapped, refused };

  /// One thing that differs, as parts of a sentence: "its classes are", "pear, zebra", "apple,
  /// pear".
  struct Difference {
    std::string what;
    std::string given;
    std::string wanted;
    std::string remedy;
  };

  Verdict verdict = Verdict::equal;
  RowMapping mapping{};  ///< mapped: how the given rows become those that are wanted
  /// Makes of the given rows, mapped, what the wanted ones become: the wanted normalisation, unless
  /// the two were stored from other origins. Only where nothing is refused.
  Normalisation normalisation{};
  Difference difference{};           ///< refused or mapped: the first thing that differs
  std::vector<std::string> notes{};  ///< what was mapped, and what one side alone knows; in words
};

/// Compares columns, targets, classes, vocabulary and normalisation of `given` with `wanted`:
/// equal, mapped (another order of columns or classes, another normalisation, no targets where none
/// are used) or refused. What one side does not know is not compared; a note says so. A pure
/// function.
[[nodiscard]] MeaningMatch compare_meanings(const Manifest& given, const Manifest& wanted,
                                            Targets targets = Targets::needed);

/// The difference as somebody's mistake, at the given manifest. @param whose what stands before the
/// wanted value, such as "the model was trained on" @pre not equal
[[nodiscard]] InputError as_error(const MeaningMatch& match, const Manifest& given,
                                  const std::string& whose);

/// `given` with its rows taken for rows of `wanted`: what a Dataset is opened with.
/// @pre match is that of the two, and not refused
[[nodiscard]] Manifest mapped_to(Manifest given, const Manifest& wanted, const MeaningMatch& match);

/// Both at once: compares, and maps. @param notes gets what was mapped or not compared, each with
/// the manifest's name in front @throws InputError when refused
[[nodiscard]] Manifest taken_for(Manifest given, const Manifest& wanted, Targets targets,
                                 const std::string& whose, std::vector<std::string>& notes);

/// Adds what `now` does not say of its rows and `before`, a manifest of the same rows, does.
void keep_known(Manifest& now, const Manifest& before);

}  // namespace raven
