#include "raven/data/language.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "data/ragged_maker.hpp"
#include "raven/data/verify.hpp"

namespace raven {
namespace {

TEST(MadeSentences, have_5_to_40_words_are_pure_functions_and_meet_every_tag) {
  std::set<std::size_t> lengths;
  std::set<std::int32_t> tags;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const TaggedSentence sentence = tagged_sentence(7, i, 500);
    ASSERT_EQ(sentence.words.size(), sentence.tags.size());
    lengths.insert(sentence.words.size());
    for (const std::int32_t word : sentence.words) ASSERT_TRUE(word > 0 && word < 500);
    tags.insert(sentence.tags.begin(), sentence.tags.end());
  }
  EXPECT_EQ(lengths.size(), 36U);
  EXPECT_EQ(*lengths.begin(), 5U);
  EXPECT_EQ(*lengths.rbegin(), 40U);
  EXPECT_EQ(tags.size(), tag_names().size());
  EXPECT_EQ(tagged_sentence(7, 3, 500).words, tagged_sentence(7, 3, 500).words);
  EXPECT_NE(tagged_sentence(7, 3, 500).words, tagged_sentence(8, 3, 500).words);
}

/// A person's reading of the grammar: tags from the words around, never from an open word itself.
std::vector<std::string> read_by_rules(const std::vector<std::string>& words) {
  const auto is = [](const std::string& word, std::initializer_list<const char*> list) {
    return std::ranges::find(list, word) != list.end();
  };
  const auto open = [&](std::size_t i) {
    return i < words.size() &&
           !is(words[i], {"the", "a", "every", "it", "you", "will", "can", "must", "in", "on",
                          "with", "near", "and", "but", "why", "when", "that", "."});
  };
  std::vector<std::string> tags;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool before_auxiliary = i + 1 < words.size() && is(words[i + 1], {"will", "can", "must"});
    std::string tag;
    if (is(word, {"the", "a", "every"})) tag = "DET";
    if (is(word, {"it", "you"})) tag = before_auxiliary ? "SUBJ" : "OBJ";
    if (is(word, {"will", "can", "must"})) tag = "AUX";
    if (is(word, {"in", "on", "with", "near"})) tag = "PREP";
    if (is(word, {"and", "but"})) tag = "CONJ";
    if (is(word, {"why", "when"})) tag = "WH";
    if (word == "that") tag = open(i + 1) ? "DET" : "COMP";
    if (word == ".") tag = tags[0] == "WH" ? "ASK" : "STOP";
    if (tag.empty()) {
      if (tags[i - 1] == "AUX") {
        tag = "VERB";
      } else if (tags[i - 1] == "VERB" || tags[i - 1] == "ADV") {
        tag = "ADV";
      } else {
        tag = open(i + 1) ? "ADJ" : "NOUN";
      }
    }
    tags.push_back(tag);
  }
  return tags;
}

TEST(MadeSentences, are_told_by_what_surrounds_a_word_and_not_by_the_word) {
  const Vocabulary vocabulary = tag_vocabulary(500);
  std::map<std::int32_t, std::map<std::int32_t, int>> seen;
  std::vector<TaggedSentence> test;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const TaggedSentence sentence = tagged_sentence(1, i, 500);
    std::vector<std::string> words;
    for (const std::int32_t word : sentence.words) {
      words.push_back(vocabulary.texts()[static_cast<std::size_t>(word)]);
    }
    const std::vector<std::string> read = read_by_rules(words);
    for (std::size_t w = 0; w < words.size(); ++w) {
      ASSERT_EQ(read[w], tag_names()[static_cast<std::size_t>(sentence.tags[w])])
          << i << " " << testing::PrintToString(words);
    }
    if (i % 5 == 0) {
      test.push_back(sentence);
    } else {
      for (std::size_t w = 0; w < words.size(); ++w) ++seen[sentence.words[w]][sentence.tags[w]];
    }
  }
  // Each word's usual tag is the best that one can do without the others.
  double right = 0;
  double all = 0;
  for (const TaggedSentence& sentence : test) {
    for (std::size_t w = 0; w < sentence.words.size(); ++w) {
      const auto& tags = seen[sentence.words[w]];
      const auto usual =
          std::ranges::max_element(tags, {}, [](const auto& entry) { return entry.second; });
      right += usual != tags.end() && usual->first == sentence.tags[w] ? 1 : 0;
      ++all;
    }
  }
  EXPECT_LT(right / all, 0.85);
  EXPECT_GT(right / all, 0.55);
}

TEST(MadeTrees, are_worth_what_their_words_say_when_read_from_the_leaves_up) {
  // By the words' texts and the documented rule alone.
  const Vocabulary vocabulary = sentiment_vocabulary(300);
  const std::array<int, 8> worth{0, -2, 0, 1, 0, 2, 0, -1};
  std::array<int, 5> roots{};
  std::set<std::size_t> lengths;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const SentimentTree tree = sentiment_tree(2, i, 300);
    lengths.insert(tree.words.size());
    ASSERT_EQ(tree.parents.size(), 2 * tree.words.size() - 1);
    std::vector<std::vector<std::size_t>> children(tree.parents.size());
    std::vector<int> values(tree.parents.size());
    std::vector<std::string> alone(tree.parents.size());
    std::size_t leaf = 0;
    for (std::size_t n = 0; n < tree.parents.size(); ++n) {
      if (children[n].empty()) {
        const auto word = static_cast<std::size_t>(tree.words[leaf++]);
        alone[n] = vocabulary.texts()[word];
        values[n] = word < 7 ? 0 : worth[(word - 7) % 8];
      } else {
        ASSERT_EQ(children[n].size(), 2U);
        const std::string& left = alone[children[n][0]];
        const int right = values[children[n][1]];
        int value = values[children[n][0]] + right;
        if (left == "not" || left == "never" || left == "hardly") value = -right;
        if (left == "very" || left == "truly" || left == "deeply") value = 2 * right;
        values[n] = std::clamp(value, -4, 4);
      }
      const int wanted = values[n] < -2   ? 0
                         : values[n] < 0  ? 1
                         : values[n] == 0 ? 2
                         : values[n] < 3  ? 3
                                          : 4;
      ASSERT_EQ(tree.classes[n], wanted) << i << " node " << n;
      if (tree.parents[n] >= 0) children[static_cast<std::size_t>(tree.parents[n])].push_back(n);
    }
    ++roots.at(static_cast<std::size_t>(tree.classes.back()));
  }
  EXPECT_EQ(lengths.size(), 36U);
  for (const int count : roots) EXPECT_GT(count, 3000 / 12);
}

TEST(MadeLanguage, becomes_sound_data_sets_of_which_a_larger_one_begins_with_the_same_samples) {
  const TemporaryFolder folder;
  const TemporaryFolder more;
  for (const bool trees : {false, true}) {
    const auto make = [&](const TemporaryFolder& to, std::int64_t count) {
      const ImportOptions options{
          .folder = to.path() / (trees ? "trees" : "tags"), .name = "made", .rows_per_shard = 16};
      return read_manifest(trees ? make_trees(count, 200, TargetKind::tags, options).train
                                 : make_tags(count, 200, options).train);
    };
    const Manifest few = make(folder, 40);
    const Manifest many = make(more, 60);
    EXPECT_EQ(few.rows(), 40);
    EXPECT_EQ(few.shards.size(), 3U);
    EXPECT_EQ(few.shards[0].sha256, many.shards[0].sha256);
    EXPECT_TRUE(verify(few).problems.empty());
    ASSERT_TRUE(few.vocabulary);
    EXPECT_EQ(few.vocabulary->size(), 200);
    const Manifest valid = read_manifest(few.file.parent_path() / "valid.yaml");
    EXPECT_EQ(valid.rows(), 4);
    EXPECT_EQ(valid.schema, few.schema);
    EXPECT_NE(read_samples(Dataset(valid), {0}), read_samples(Dataset(few), {0}));
    const std::vector<PlainSample> read = read_samples(Dataset(few), {17});
    if (trees) {
      const SentimentTree tree = sentiment_tree(1, 17, 200);
      EXPECT_EQ(read[0], (PlainSample{tree.words, tree.parents, tree.classes}));
    } else {
      const TaggedSentence sentence = tagged_sentence(1, 17, 200);
      EXPECT_EQ(read[0], (PlainSample{sentence.words, {}, sentence.tags}));
    }
  }
}

TEST(MadeLanguage, of_roots_has_one_class_for_each_tree) {
  const TemporaryFolder folder;
  const ImportReport report =
      make_trees(20, 100, TargetKind::classes,
                 {.folder = folder.path(), .name = "roots", .valid_fraction = 0});
  const std::vector<PlainSample> read = read_samples(Dataset(read_manifest(report.train)), {5});
  EXPECT_EQ(read[0].targets, std::vector<std::int32_t>{sentiment_tree(1, 5, 100).classes.back()});
}

TEST(MadeLanguage, of_no_or_too_few_words_is_refused) {
  const TemporaryFolder folder;
  const ImportOptions options{.folder = folder.path()};
  EXPECT_NE(complaint([&] { make_tags(0, 100, options); }), "");
  EXPECT_NE(complaint([&] { make_tags(5, 63, options); }), "");
  EXPECT_NE(complaint([&] { make_trees(5, 300'001, TargetKind::tags, options); }), "");
}

TEST(MadeLanguage, has_a_name_of_its_own_for_every_word_up_to_the_largest_vocabulary) {
  EXPECT_EQ(tag_vocabulary(most_made_words).size(), most_made_words);  // of_texts refuses doubles
  EXPECT_EQ(sentiment_vocabulary(most_made_words).size(), most_made_words);
}

}  // namespace
}  // namespace raven
