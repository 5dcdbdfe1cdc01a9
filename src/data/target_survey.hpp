#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/column_survey.hpp"
#include "raven/data/schema.hpp"

namespace raven {

/// What targets written as text are taken for.
struct TargetPlan {
  TargetKind kind = TargetKind::classes;
  std::vector<std::string> class_names{};  ///< plain_name() of each; numbers in their order
  /// For the user: the kind, what it holds and which other kind there is.
  std::string note{};

  /// Classes of these plain names, in this order. The note is left to the caller.
  [[nodiscard]] static TargetPlan of_classes(std::vector<std::string> names);
  /// The number of a class, by any way to write its name.
  [[nodiscard]] std::optional<std::int32_t> class_of(std::string_view text) const;

 private:
  friend class TargetSurvey;
  friend TargetPlan plan_like(const Manifest& other);
  std::map<std::string, std::int32_t, std::less<>> number_by_name_;
};

/// The targets of another data set: its kind and its classes, by number where they have no names.
[[nodiscard]] TargetPlan plan_like(const Manifest& other);
/// "none of the classes of data/train.yaml (apple, pear)": for what class_of() does not find there.
[[nodiscard]] std::string none_of_classes(const Manifest& other);

/// True when so many different whole numbers in so many rows may be measurements as well as
/// classes.
/// @param consecutive they count from 0 or 1 without a gap
[[nodiscard]] bool doubtful_classes(std::int64_t different, std::int64_t rows, bool consecutive);

/// What the first reading learns about the targets: a single odd one among numbers never makes
/// classes of them, and what can be read in two ways is asked about.
class TargetSurvey {
 public:
  /// Ends with an InputError. @param at what add() was given
  using Refuse =
      std::function<void(std::int64_t at, const std::string& problem, const std::string& remedy)>;

  /// @param kind none: found out from the targets @param refuse never returns
  TargetSurvey(std::optional<TargetKind> kind, Refuse refuse);

  /// @param at where it stands, such as the line
  void add(std::string_view text, std::int64_t at);
  /// @throws InputError by `refuse`. @pre there was a target
  [[nodiscard]] TargetPlan plan() const;

 private:
  struct Odd {
    std::string text;
    std::int64_t at = 0;
  };
  void add_label(std::string_view text, std::int64_t at);
  void add_number(double value, std::string_view text, std::int64_t at);
  void refuse_mixture() const;
  void refuse_unlike_numbers() const;
  void refuse_doubtful_classes() const;
  void refuse_collapse() const;
  [[nodiscard]] TargetKind found_kind() const;
  [[nodiscard]] bool conventional() const;
  [[nodiscard]] TargetPlan classes() const;

  std::optional<TargetKind> kind_;
  Refuse refuse_;
  std::int64_t rows_ = 0;
  std::int64_t numbers_ = 0;
  std::int64_t whole_ = 0;
  std::optional<Odd> first_number_;
  std::optional<Odd> first_word_;
  std::optional<Odd> first_too_large_;
  std::optional<Odd> one_too_many_;  ///< the target that made more classes than there may be
  ColumnSurvey values_;
  /// By plain name, its value if it is a number.
  std::map<std::string, std::optional<double>, std::less<>> labels_;
};

}  // namespace raven
