#include "data/target_survey.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "data/line_reader.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/number.hpp"

namespace raven {
namespace {

constexpr std::size_t most_classes = 65536;
constexpr std::size_t longest_name = 1024;

constexpr char odd_remedy[] =
    "correct it; if it stands for a missing value, name it with --missing and leave such rows out "
    "with --drop-missing; if the targets are classes, add --kind classes";

std::string text_of(double value) {
  std::array<char, 32> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

}  // namespace

std::optional<std::int32_t> TargetPlan::class_of(std::string_view text) const {
  const auto found = number_by_name_.find(plain_name(text));
  if (found == number_by_name_.end()) return std::nullopt;
  return found->second;
}

TargetPlan TargetPlan::of_classes(std::vector<std::string> names) {
  TargetPlan plan;
  plan.class_names = std::move(names);
  for (const std::string& name : plan.class_names) {
    plan.number_by_name_.emplace(name, static_cast<std::int32_t>(plan.number_by_name_.size()));
  }
  return plan;
}

TargetPlan plan_like(const Manifest& other) {
  TargetPlan plan;
  plan.kind = other.schema.target_kind;
  plan.note = "as in " + other.file.string();
  if (plan.kind == TargetKind::real) return plan;
  for (std::int32_t i = 0; i < other.schema.target_width; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::string name =
        at < other.class_names.size() ? other.class_names[at] : std::to_string(i);
    plan.number_by_name_.emplace(plain_name(name), i);
  }
  plan.class_names = other.class_names;
  return plan;
}

std::string none_of_classes(const Manifest& other) {
  std::string names;
  for (std::size_t i = 0; i < other.class_names.size() && i < 6; ++i) {
    names += (i == 0 ? "" : ", ") + shown(other.class_names[i]);
  }
  if (other.class_names.size() > 6) names += ", ...";
  if (names.empty()) names = "0 to " + std::to_string(other.schema.target_width - 1);
  return "none of the classes of " + other.file.string() + " (" + names + ")";
}

bool doubtful_classes(std::int64_t different, std::int64_t rows, bool consecutive) {
  constexpr std::int64_t most_unasked = 1000;
  return different > most_unasked || different * (consecutive ? 2 : 10) > rows;
}

TargetSurvey::TargetSurvey(std::optional<TargetKind> kind, Refuse refuse)
    : kind_(kind), refuse_(std::move(refuse)) {}

void TargetSurvey::add(std::string_view text, std::int64_t at) {
  ++rows_;
  const auto number = number_of(text);
  if (number) {
    add_number(*number, text, at);
  } else if (!first_word_) {
    first_word_ = Odd{std::string(text.substr(0, longest_name)), at};
  }
  if (kind_ != TargetKind::real) add_label(text, at);
}

void TargetSurvey::add_number(double value, std::string_view text, std::int64_t at) {
  const auto odd = [&] { return Odd{std::string(text.substr(0, longest_name)), at}; };
  if (!first_number_) first_number_ = odd();
  ++numbers_;
  whole_ += value == std::floor(value);
  if (!fits_float(value)) {
    if (!first_too_large_) first_too_large_ = odd();
    return;
  }
  values_.add(value, true);
}

void TargetSurvey::add_label(std::string_view text, std::int64_t at) {
  if (one_too_many_) return;
  std::string name = plain_name(text);
  if (name.size() > longest_name) {
    refuse_(at, "the target " + shown(name) + " is longer than 1024 bytes",
            "check that this is the column of targets");
  }
  if (labels_.size() == most_classes && !labels_.contains(name)) {
    one_too_many_ = Odd{std::move(name), at};
    return;
  }
  labels_.try_emplace(std::move(name), number_of(text));
}

void TargetSurvey::refuse_mixture() const {
  const std::int64_t words = rows_ - numbers_;
  const bool word_is_odd = kind_ == TargetKind::real || words <= numbers_;
  const Odd& odd = word_is_odd ? *first_word_ : *first_number_;
  refuse_(odd.at,
          "the target " + shown(odd.text) + (word_is_odd ? " is no number" : " is a number") +
              ", while " + std::to_string(word_is_odd ? numbers_ : words) + " of " +
              std::to_string(rows_) + (word_is_odd ? " are" : " are words"),
          odd_remedy);
}

void TargetSurvey::refuse_unlike_numbers() const {
  refuse_(first_too_large_->at,
          "the target " + shown(first_too_large_->text) +
              " is beyond what float32 can hold (3.4e38), while " +
              std::to_string(values_.all().count()) + " of " + std::to_string(rows_) + " are not",
          "correct it, or give the targets in a larger unit");
}

bool TargetSurvey::conventional() const {
  return labels_.size() <= 2 && values_.all().min() >= -1 && values_.all().max() <= 2;
}

void TargetSurvey::refuse_doubtful_classes() const {
  const auto different = static_cast<std::int64_t>(labels_.size());
  const std::string rows = std::to_string(rows_);
  if (numbers_ == 0) {
    constexpr std::int64_t few = 20;
    if (different <= few || 2 * different <= rows_) return;
    refuse_(first_word_->at,
            "the targets of " + rows + " rows are " + std::to_string(different) +
                " different words (such as " + shown(first_word_->text) +
                "): they look like names of rows, not like classes",
            "name another column with --target, or add --kind classes");
  }
  const bool consecutive =
      values_.all().min() >= 0 && values_.all().min() <= 1 &&
      values_.all().max() - values_.all().min() == static_cast<double>(different - 1);
  if (conventional() || !(one_too_many_ || doubtful_classes(different, rows_, consecutive))) return;
  refuse_(first_number_->at,
          "the targets of " + rows + " rows are " + (one_too_many_ ? "more than " : "") +
              std::to_string(different) + " different whole numbers from " +
              text_of(values_.all().min()) + " to " + text_of(values_.all().max()) +
              ": they may be classes or values",
          "say which: --kind classes or --kind real");
}

void TargetSurvey::refuse_collapse() const {
  if (!values_.drowns()) return;
  refuse_(first_number_->at,
          "the targets, from " + text_of(values_.all().min()) + " to " +
              text_of(values_.all().max()) + ", can't be told apart in float32 (its numbers are " +
              text_of(values_.spacing()) + " apart there, the targets' standard deviation is " +
              text_of(values_.all().std()) + ")",
          "subtract a number near their mean from all targets first, and add it to what is "
          "predicted");
}

TargetKind TargetSurvey::found_kind() const {
  if (kind_) return *kind_;
  if (numbers_ > 0 && numbers_ < rows_) refuse_mixture();
  return numbers_ == rows_ && whole_ < rows_ ? TargetKind::real : TargetKind::classes;
}

TargetPlan TargetSurvey::classes() const {
  if (one_too_many_) {
    refuse_(one_too_many_->at, "there are more than 65536 different targets",
            "import them as real numbers (--kind real), or name another target");
  }
  std::vector<std::pair<std::string, std::optional<double>>> names(labels_.begin(), labels_.end());
  if (numbers_ == rows_) {
    std::ranges::stable_sort(names, {}, [](const auto& name) { return *name.second; });
  }
  std::vector<std::string> in_order;
  for (const auto& [name, value] : names) in_order.push_back(name);
  TargetPlan plan = TargetPlan::of_classes(std::move(in_order));
  constexpr std::size_t most_told = 8;
  plan.note = std::to_string(names.size()) + (names.size() == 1 ? " class (" : " classes (");
  for (std::size_t i = 0; i < std::min(names.size(), most_told); ++i) {
    plan.note += (i == 0 ? "" : ", ") + shown(names[i].first);
  }
  plan.note += names.size() > most_told ? ", ...)" : ")";
  if (numbers_ == rows_) plan.note += "; --kind real takes these numbers as values";
  return plan;
}

TargetPlan TargetSurvey::plan() const {
  expects(rows_ > 0, "a survey of targets needs one");
  const TargetKind kind = found_kind();
  if (kind == TargetKind::classes) {
    if (!kind_) {
      if (first_too_large_) refuse_unlike_numbers();
      refuse_doubtful_classes();
    }
    return classes();
  }
  if (numbers_ < rows_) refuse_mixture();
  if (first_too_large_) refuse_unlike_numbers();
  refuse_collapse();
  TargetPlan plan;
  plan.kind = TargetKind::real;
  plan.note = "real numbers from " + text_of(values_.all().min()) + " to " +
              text_of(values_.all().max()) + "; --kind classes makes a class of each";
  return plan;
}

}  // namespace raven
