#include "raven/data/meaning.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "raven/core/contract.hpp"

namespace raven {
namespace {

using Names = std::vector<std::string>;
using Difference = MeaningMatch::Difference;

constexpr std::size_t most_shown = 8;

/// A name as a message may show it: short, and without what a terminal would obey.
std::string shown(const std::string& name) {
  constexpr std::size_t longest = 40;
  std::string text;
  for (const char c : name.substr(0, longest)) {
    const auto code = static_cast<unsigned char>(c);
    text += code < 0x20 || code == 0x7F ? '?' : c;
  }
  const bool plain =
      !name.empty() && text == name && name.find_first_of(" ,'") == std::string::npos;
  if (plain) return text;
  return "'" + text + (name.size() > longest ? "..." : "") + "'";
}

std::string listed(const Names& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < most_shown; ++i) {
    text += (i == 0 ? "" : ", ") + shown(names[i]);
  }
  if (names.size() > most_shown) {
    text += " and " + std::to_string(names.size() - most_shown) + " more";
  }
  return text;
}

/// Those of `names` that `others` lacks.
Names missing_in(const Names& names, const Names& others) {
  const std::set<std::string_view> known(others.begin(), others.end());
  Names missing;
  for (const std::string& name : names) {
    if (!known.contains(name)) missing.push_back(name);
  }
  return missing;
}

/// All names when they are few, else those that the others lack, so that the difference shows.
std::string telling(const Names& names, const Names& others) {
  if (names.size() <= most_shown) return listed(names);
  const Names missing = missing_in(names, others);
  return std::to_string(names.size()) + (missing.empty() ? "" : ", among them " + listed(missing));
}

/// All names in their order when they are few, else from the first one on that differs.
std::string ordered(const Names& names, const Names& others) {
  if (names.size() <= most_shown) return listed(names);
  std::size_t first = 0;
  while (first + 1 < names.size() && names[first] == others[first]) ++first;
  return shown(names[first]) + " as number " + std::to_string(first + 1) + " of " +
         std::to_string(names.size());
}

/// Where each of `names` stands in `among`; none unless both hold the same names.
std::optional<std::vector<std::int32_t>> places_of(const Names& names, const Names& among) {
  std::map<std::string_view, std::int32_t> place;
  for (const std::string& name : among)
    place.emplace(name, static_cast<std::int32_t>(place.size()));
  std::vector<std::int32_t> places;
  for (const std::string& name : names) {
    const auto found = place.find(name);
    if (found == place.end()) return std::nullopt;
    places.push_back(found->second);
  }
  if (names.size() != among.size()) return std::nullopt;
  return places;
}

std::string shape_in_words(const SampleSchema& schema) {
  std::string text =
      std::string(to_string(schema.feature_type)) + " " + to_string(schema.feature_shape);
  if (schema.vocabulary > 0) text += " below " + std::to_string(schema.vocabulary);
  return text + (schema.ragged() ? " per token" : " per sample");
}

std::string form_in_words(SampleForm form) {
  switch (form) {
    case SampleForm::sequence:
      return "sentences";
    case SampleForm::tree:
      return "trees";
    case SampleForm::fixed:
      break;
  }
  return "of one size";
}

std::string targets_in_words(const SampleSchema& schema) {
  const std::string width = std::to_string(schema.target_width);
  switch (schema.target_kind) {
    case TargetKind::classes:
      return width + " classes";
    case TargetKind::tags:
      return width + " classes for tags";
    case TargetKind::next:
      return "the next of " + width + " tokens";
    case TargetKind::real:
      return width + (schema.target_width == 1 ? " real number" : " real numbers");
    case TargetKind::none:
      break;
  }
  return "none";
}

std::string number_text(double value) {
  char text[32];
  const auto end =
      std::to_chars(text, text + sizeof text, value, std::chars_format::general, 6).ptr;
  return {text, end};
}

std::string normalisation_in_words(const Normalisation& n) {
  const auto list = [](const std::vector<double>& values) {
    std::string text;
    for (std::size_t i = 0; i < values.size() && i < 4; ++i) {
      text += (i == 0 ? "" : ", ") + number_text(values[i]);
    }
    return values.size() > 4 ? text + ", ..." : text;
  };
  return "mean " + list(n.mean) + " and standard deviation " + list(n.std) +
         (n.scale == 1 ? "" : " at scale " + number_text(n.scale));
}

std::string like_remedy(const char* otherwise) {
  return std::string("import it with --like and the run or manifest that it is to match, ") +
         otherwise;
}

/// One entry per column in another order; lists of another length are of no columns.
template <class T>
std::vector<T> reordered(const std::vector<T>& list, const std::vector<std::int32_t>& columns) {
  if (columns.empty() || list.size() != columns.size()) return list;
  std::vector<T> result;
  for (const std::int32_t column : columns)
    result.push_back(list[static_cast<std::size_t>(column)]);
  return result;
}

/// What normalises numbers stored from `origin` as the wanted ones are normalised that are stored
/// from theirs: both speak of the same original numbers.
Normalisation from_origin(const Manifest& wanted, const std::vector<ColumnOrigin>& origin) {
  Normalisation result = wanted.schema.normalisation;
  if (origin == wanted.origin) return result;
  const std::size_t count = std::max(origin.size(), wanted.origin.size());
  const auto entry = [](const auto& list, std::size_t i) {
    return list.size() == 1 ? list[0] : list[i];
  };
  std::vector<double> mean;
  std::vector<double> std;
  for (std::size_t i = 0; i < count; ++i) {
    const ColumnOrigin from = wanted.origin.empty() ? ColumnOrigin{} : wanted.origin[i];
    const ColumnOrigin to = origin.empty() ? ColumnOrigin{} : origin[i];
    mean.push_back((entry(result.mean, i) * from.scale + result.scale * (from.offset - to.offset)) /
                   to.scale);
    std.push_back(entry(result.std, i) * from.scale / to.scale);
  }
  result.mean = std::move(mean);
  result.std = std::move(std);
  return result;
}

/// Goes through the meanings one by one; the first difference ends it.
class Comparison {
 public:
  Comparison(const Manifest& given, const Manifest& wanted, Targets targets)
      : given_(given), wanted_(wanted), targets_(targets) {
    match_.mapping.stored = given.stored_schema();
  }

  MeaningMatch result() && {
    const bool agrees = features() && columns() && targets() && vocabulary() && origin();
    if (!agrees) {
      match_.verdict = MeaningMatch::Verdict::refused;
      return std::move(match_);
    }
    normalisation();
    if (mapped_) match_.verdict = MeaningMatch::Verdict::mapped;
    return std::move(match_);
  }

 private:
  bool refuse(std::string what, std::string given, std::string wanted, std::string remedy) {
    match_.difference = {std::move(what), std::move(given), std::move(wanted), std::move(remedy)};
    return false;
  }
  /// Of several mappings the first one stands in `difference`.
  void map(Difference difference, const std::string& how) {
    match_.notes.push_back(difference.what + " " + difference.given + ", not " + difference.wanted +
                           "; " + how);
    if (!mapped_) match_.difference = std::move(difference);
    mapped_ = true;
  }
  /// When one side alone has names.
  void note_unknown(const Names& given, const std::string& what) {
    const std::string who = given.empty() ? "it does not say" : "the other does not say";
    match_.notes.push_back(who + " what " + what + ", so only their number was compared");
  }

  bool features() {
    const SampleSchema& is = given_.schema;
    const SampleSchema& wanted = wanted_.schema;
    if (is.form != wanted.form) {
      return refuse("its samples are", form_in_words(is.form), form_in_words(wanted.form),
                    "give data of the same kind");
    }
    // Names say more than numbers where both are known.
    if (!given_.column_names.empty() && !wanted_.column_names.empty()) {
      if (is.feature_type == wanted.feature_type &&
          given_.column_names.size() != wanted_.column_names.size()) {
        return refuse_columns();
      }
    }
    const bool same =
        is.feature_type == wanted.feature_type && is.feature_shape == wanted.feature_shape;
    if (!same) {
      return refuse("its features are", shape_in_words(is), shape_in_words(wanted),
                    "give data of the same kind ('raven data show' tells what a data set is)");
    }
    return true;
  }

  bool refuse_columns() {
    return refuse("its columns are", telling(given_.column_names, wanted_.column_names),
                  telling(wanted_.column_names, given_.column_names),
                  like_remedy("or rename the columns"));
  }

  bool columns() {
    const Names& is = given_.column_names;
    const Names& wanted = wanted_.column_names;
    if (is.empty() != wanted.empty()) note_unknown(is, "its columns are called");
    if (is.empty() || wanted.empty() || is == wanted) return true;
    auto places = places_of(wanted, is);
    if (!places) return refuse_columns();
    match_.mapping.columns = std::move(*places);
    map({"its columns are in the order", ordered(is, wanted), ordered(wanted, is), ""},
        "mapped by name");
    return true;
  }

  bool targets() {
    const SampleSchema& is = given_.schema;
    const SampleSchema& wanted = wanted_.schema;
    if (!is.has_targets() && wanted.has_targets() && targets_ == Targets::unused) {
      mapped_ = true;
      return true;
    }
    if (!is.has_targets() || is.target_kind != wanted.target_kind) return refuse_targets();
    if (!given_.target_name.empty() && !wanted_.target_name.empty() &&
        given_.target_name != wanted_.target_name) {
      return refuse("its target is", shown(given_.target_name), shown(wanted_.target_name),
                    "give data with that target, or rename it");
    }
    // Tokens are as many as the vocabulary, which is compared by what it holds.
    if (is.of_sequences()) return true;
    return classes();
  }

  bool refuse_targets() {
    return refuse("its targets are", targets_in_words(given_.schema),
                  targets_in_words(wanted_.schema),
                  given_.schema.has_targets()
                      ? "give data of the same kind"
                      : "import it without --no-target; only 'raven predict' takes such data");
  }

  bool classes() {
    const Names& is = given_.class_names;
    const Names& wanted = wanted_.class_names;
    if (is == wanted || is.empty() || wanted.empty()) {
      if (given_.schema.target_width != wanted_.schema.target_width) return refuse_targets();
      if (is.empty() != wanted.empty()) note_unknown(is, "its classes are called");
      return true;
    }
    auto places = places_of(is, wanted);
    if (!places) {
      return refuse("its classes are", telling(is, wanted), telling(wanted, is),
                    like_remedy("or give data with these classes"));
    }
    match_.mapping.classes = std::move(*places);
    map({"its classes are in the order", ordered(is, wanted), ordered(wanted, is), ""},
        "mapped by name");
    return true;
  }

  bool vocabulary() {
    const SampleSchema& is = given_.schema;
    const SampleSchema& wanted = wanted_.schema;
    if (given_.vocabulary && wanted_.vocabulary) {
      if (given_.vocabulary->digest() == wanted_.vocabulary->digest()) return true;
      return refuse_vocabulary(*given_.vocabulary, *wanted_.vocabulary);
    }
    if (is.vocabulary != wanted.vocabulary) {
      return refuse("its features are", shape_in_words(is), shape_in_words(wanted),
                    like_remedy("or give data of the same kind"));
    }
    if (given_.vocabulary.has_value() != wanted_.vocabulary.has_value()) {
      note_unknown(given_.vocabulary ? Names{"known"} : Names{}, "its tokens mean");
    }
    return true;
  }

  bool refuse_vocabulary(const Vocabulary& is, const Vocabulary& wanted) {
    std::size_t first = 0;
    const std::size_t both = std::min(is.texts().size(), wanted.texts().size());
    while (first < both && is.texts()[first] == wanted.texts()[first]) ++first;
    const auto words = [&](const Vocabulary& vocabulary) {
      std::string text = std::to_string(vocabulary.size()) + " tokens of the unit " +
                         std::string(to_string(vocabulary.unit()));
      if (first < vocabulary.texts().size()) {
        text += " with " + shown(vocabulary.texts()[first]) + " as token " + std::to_string(first);
      }
      return text + " (sha256 " + to_hex(vocabulary.digest()).substr(0, 12) + ")";
    };
    return refuse("its vocabulary is", words(is), words(wanted),
                  like_remedy("so that it gets the same vocabulary"));
  }

  /// Of the given data set's columns, as mapped, or as many defaults.
  [[nodiscard]] std::vector<ColumnOrigin> given_origin() const {
    return reordered(given_.origin, match_.mapping.columns);
  }

  /// Numbers that float32 can't tell apart unless they are stored from an origin must have one.
  bool origin() {
    const std::vector<ColumnOrigin> is = given_origin();
    for (std::size_t i = 0; i < wanted_.origin.size(); ++i) {
      const bool lost =
          wanted_.origin[i] != ColumnOrigin{} && (is.empty() || is[i] == ColumnOrigin{});
      if (!lost) continue;
      const std::string name = i < wanted_.column_names.size()
                                   ? "column " + shown(wanted_.column_names[i])
                                   : "channel " + std::to_string(i);
      return refuse("its " + name + " is stored", "as it was",
                    "from the offset " + number_text(wanted_.origin[i].offset),
                    like_remedy("since float32 can't tell such numbers apart otherwise"));
    }
    return true;
  }

  void normalisation() {
    Normalisation is = given_.schema.normalisation;
    is.mean = reordered(is.mean, match_.mapping.columns);
    is.std = reordered(is.std, match_.mapping.columns);
    match_.normalisation = from_origin(wanted_, given_origin());
    if (is == match_.normalisation) return;
    map({"it is normalised by", normalisation_in_words(is),
         normalisation_in_words(match_.normalisation), ""},
        "the latter was used");
  }

  const Manifest& given_;
  const Manifest& wanted_;
  Targets targets_;
  MeaningMatch match_;
  bool mapped_ = false;
};

}  // namespace

MeaningMatch compare_meanings(const Manifest& given, const Manifest& wanted, Targets targets) {
  return Comparison(given, wanted, targets).result();
}

InputError as_error(const MeaningMatch& match, const Manifest& given, const std::string& whose) {
  expects(match.verdict != MeaningMatch::Verdict::equal, "there is a difference");
  const Difference& difference = match.difference;
  return {{given.file.string()},
          difference.what + " " + difference.given + ", but " + whose + " " + difference.wanted,
          difference.remedy};
}

Manifest mapped_to(Manifest given, const Manifest& wanted, const MeaningMatch& match) {
  expects(match.verdict != MeaningMatch::Verdict::refused, "what differs can't be mapped");
  if (match.verdict == MeaningMatch::Verdict::equal) return given;
  given.mapping = match.mapping;
  given.schema = wanted.schema;
  given.schema.normalisation = match.normalisation;
  given.origin = reordered(given.origin, match.mapping.columns);
  for (auto [is, other] : {std::pair(&given.column_names, &wanted.column_names),
                           std::pair(&given.class_names, &wanted.class_names)}) {
    if (!other->empty()) *is = *other;
  }
  if (given.target_name.empty()) given.target_name = wanted.target_name;
  return given;
}

Manifest taken_for(Manifest given, const Manifest& wanted, Targets targets,
                   const std::string& whose, std::vector<std::string>& notes) {
  const MeaningMatch match = compare_meanings(given, wanted, targets);
  if (match.verdict == MeaningMatch::Verdict::refused) throw as_error(match, given, whose);
  for (const std::string& note : match.notes) notes.push_back(given.file.string() + ": " + note);
  return mapped_to(std::move(given), wanted, match);
}

void keep_known(Manifest& now, const Manifest& before) {
  if (now.column_names.empty()) now.column_names = before.column_names;
  if (now.class_names.empty()) now.class_names = before.class_names;
  if (now.target_name.empty()) now.target_name = before.target_name;
  if (!now.vocabulary) now.vocabulary = before.vocabulary;
}

}  // namespace raven
