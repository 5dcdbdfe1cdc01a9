// A text made of pieces that are known, imported and read back: the same pieces, vocabulary and
// counts.
#include <algorithm>
#include <map>

#include "data/byte_strings.hpp"
#include "data/property.hpp"
#include "data/temporary_folder.hpp"
#include "raven/data/dataset.hpp"
#include "raven/data/import.hpp"
#include "raven/data/verify.hpp"

namespace raven {
namespace {

using Strings = std::vector<std::string>;

const Strings letters{"a",      "Z",      "e",      "\u00e9", "\u00df",    "\u03c9",
                      "\u0416", "\u05d0", "\u0939", "\u4e2d", "\U0001D49C"};
const Strings digits{"0", "7", "\u0663", "\u00bd", "\u2167"};
const Strings signs{"\u0301", "\u0308", "\u093f", "\u200d", "\u00ad"};
const Strings marks{".",
                    ",",
                    "!",
                    "\"",
                    "-",
                    "_",
                    "\u201c",
                    "\u2014",
                    "\u2026",
                    "\u00ab",
                    "\u20ac",
                    "\U0001F426",
                    "\u2764\ufe0f",
                    "\U0001F468\u200d\U0001F469"};
const Strings blanks{" ", "  ", "\t", "\u00a0", "\u2003", "\u200b"};

std::string made_word(Choices& choose) {
  std::string word;
  const std::size_t length = choose.between(1, 5);
  for (std::size_t i = 0; i < length; ++i) {
    const bool apostrophe = i > 0 && choose.one_in(8);
    if (apostrophe) {
      // Between letters, the one before with nothing that would have to belong to it.
      word += choose.of(letters) + choose.of(Strings{"'", "\u2019"}) + choose.of(letters);
    } else {
      word += choose.one_in(5) ? choose.of(digits) : choose.of(letters);
    }
    while (choose.one_in(4)) word += choose.of(signs);
  }
  return word;
}

struct MadeText {
  Strings pieces;     // words, marks and "\n"
  std::string plain;  // as it is read
  std::string file;   // with other line ends
};

MadeText made_text(Choices& choose) {
  MadeText made;
  const std::string line_end = choose.of(Strings{"\n", "\r\n", "\r"});
  bool after_word = false;
  const std::size_t count = choose.between(12, 60);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t kind = choose.below(8);
    const bool word = kind < 4;
    std::string blank = (word && after_word) || choose.one_in(3) ? choose.of(blanks) : "";
    // A sign that joins would take a mark that follows it for its own.
    if (kind == 4 || kind == 5) blank = choose.of(blanks);
    std::string piece = kind >= 6 ? "\n" : word ? made_word(choose) : choose.of(marks);
    if (kind == 4) piece = choose.of(Strings{"'", "\u2019", "\u2018"});
    made.plain += blank + piece;
    made.file += blank + (piece == "\n" ? line_end : piece);
    if (kind == 4) made.plain += " ", made.file += " ";
    made.pieces.push_back(std::move(piece));
    after_word = word;
  }
  return made;
}

/// Perhaps with a byte order mark, perhaps gzipped.
std::string stored(Choices& choose, std::string text) {
  if (choose.one_in(3)) text.insert(0, "\xEF\xBB\xBF");
  return choose.one_in(4) ? gzipped(text) : text;
}

/// Code points, as the first bytes of UTF-8 tell them.
Strings spelled(const std::string& text) {
  Strings all;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) all.emplace_back();
    all.back() += c;
  }
  return all;
}

/// What is asked for after what, in order.
using Asked = std::vector<std::pair<std::string, std::string>>;

Asked asked_in(const Manifest& manifest) {
  EXPECT_TRUE(verify(manifest).problems.empty());
  const Dataset data(manifest);
  const auto context = static_cast<std::size_t>(data.schema().context());
  std::vector<std::int32_t> features(context);
  std::vector<std::int32_t> targets(context);
  Asked asked;
  for (std::int64_t row = 0; row < data.size(); ++row) {
    data.read(std::vector{row}, {{features.data(), data.schema().features(1)},
                                 {targets.data(), data.schema().targets(1)}});
    for (std::size_t i = 0; i < context; ++i) {
      if (targets[i] < 0) continue;
      asked.emplace_back(manifest.vocabulary->texts()[static_cast<std::size_t>(features[i])],
                         manifest.vocabulary->texts()[static_cast<std::size_t>(targets[i])]);
    }
  }
  return asked;
}

Asked asked_of(const Strings& pieces) {
  Asked asked;
  for (std::size_t i = 1; i < pieces.size(); ++i) asked.emplace_back(pieces[i - 1], pieces[i]);
  return asked;
}

Strings vocabulary_of(const Strings& pieces, TokenUnit unit) {
  std::map<std::string, int> counts;
  for (const std::string& piece : pieces) ++counts[piece];
  Strings names;
  for (const auto& [piece, count] : counts) names.push_back(piece);
  if (unit == TokenUnit::character) return names;
  std::ranges::stable_sort(names, std::greater(),
                           [&](const std::string& name) { return counts[name]; });
  names.insert(names.begin(), "<unk>");
  return names;
}

TEST(Property, a_text_reads_back_as_it_was_meant) {
  for_each_made_up_input([](Choices& choose) {
    const TemporaryFolder folder;
    const MadeText made = made_text(choose);
    const std::vector<TokenUnit> units{TokenUnit::word, TokenUnit::character, TokenUnit::byte_pair};
    const TokenUnit unit = choose.of(units);
    const double valid = choose.one_in(2) ? 0 : 0.3;
    const ImportReport report =
        import_text(folder.put("text", stored(choose, made.file)),
                    {.unit = unit,
                     .vocabulary = unit == TokenUnit::byte_pair ? 256 : 1000,
                     .context = static_cast<std::int64_t>(choose.between(1, 9))},
                    {.folder = folder.path() / "out",
                     .name = "t",
                     .rows_per_shard = static_cast<std::int64_t>(choose.between(1, 9)),
                     .valid_fraction = valid});
    Strings pieces;
    if (unit == TokenUnit::word) pieces = made.pieces;
    if (unit == TokenUnit::character) pieces = spelled(made.plain);
    if (unit == TokenUnit::byte_pair) {
      for (const char c : made.plain) pieces.emplace_back(1, c);
    }
    const Manifest train = read_manifest(report.train);
    if (unit != TokenUnit::byte_pair) {
      EXPECT_EQ(train.vocabulary->texts(), vocabulary_of(pieces, unit));
    }
    // The end of the text is for validation.
    const auto kept = pieces.begin() +
                      static_cast<std::ptrdiff_t>(static_cast<double>(pieces.size()) * (1 - valid));
    EXPECT_EQ(asked_in(train), asked_of({pieces.begin(), kept})) << made.plain;
    ASSERT_EQ(report.valid.has_value(), pieces.end() - kept >= 2);
    if (report.valid) {
      EXPECT_EQ(asked_in(read_manifest(*report.valid)), asked_of({kept, pieces.end()}));
    }
    EXPECT_EQ(report.train_rows, train.rows());
  });
}

TEST(Property, lines_of_a_text_read_back_as_sequences) {
  for_each_made_up_input([](Choices& choose) {
    const TemporaryFolder folder;
    const MadeText made = made_text(choose);
    // A line more, so that some line has two tokens.
    const ImportReport report =
        import_text(folder.put("text", stored(choose, "first words\n" + made.file)),
                    {.unit = TokenUnit::word,
                     .context = static_cast<std::int64_t>(choose.between(1, 9)),
                     .sequences = TextOptions::Sequences::lines},
                    {.folder = folder.path() / "out",
                     .name = "t",
                     .rows_per_shard = static_cast<std::int64_t>(choose.between(1, 9)),
                     .valid_fraction = 0});
    Asked expected{{"first", "words"}, {"words", "\n"}};
    Strings line;
    for (const std::string& piece : made.pieces) {
      line.push_back(piece);
      if (piece != "\n") continue;
      std::ranges::copy(asked_of(line), std::back_inserter(expected));
      line.clear();
    }
    std::ranges::copy(asked_of(line), std::back_inserter(expected));
    EXPECT_EQ(asked_in(read_manifest(report.train)), expected) << made.plain;
  });
}

}  // namespace
}  // namespace raven
