#include <algorithm>
#include <array>

#include "data/exact_random.hpp"
#include "data/made_words.hpp"
#include "data/ragged_writer.hpp"
#include "raven/core/contract.hpp"

namespace raven {
namespace {

constexpr std::uint32_t tags_purpose = 0x54414753;

enum Tag : std::int32_t {
  adjective,
  noun,
  verb,
  adverb,  // those above are what any made-up word may be
  determiner,
  subject,
  object,
  auxiliary,
  preposition,
  conjunction,
  complementiser,
  question_word,
  stop,
  question
};
constexpr std::uint32_t open_tags = 4;

constexpr std::array own_words{"the", "a",    "every", "it",  "you", "will", "can",  "must", "in",
                               "on",  "with", "near",  "and", "but", "why",  "when", "that", "."};
/// Tokens: `<unk>` is 0.
struct Range {
  std::uint32_t first;
  std::uint32_t count;
};
constexpr Range determiners{1, 3};
constexpr Range pronouns{4, 2};
constexpr Range auxiliaries{6, 3};
constexpr Range prepositions{9, 4};
constexpr Range conjunctions{13, 2};
constexpr Range question_words{15, 2};
constexpr Range that{17, 1};
constexpr Range full_stop{18, 1};
constexpr std::uint32_t first_open = 19;

/// Writes one sentence of a given length from left to right.
class Speaker {
 public:
  Speaker(ExactRandom& random, std::int32_t vocabulary)
      : random_(random), open_(static_cast<std::uint32_t>(vocabulary) - first_open) {}

  TaggedSentence say(std::int32_t length) {
    const bool asks = random_.below(3) == 0;
    if (asks) put(question_words, question_word);
    left_ = length - (asks ? 2 : 1);
    clause();
    while (left_ >= 4 && random_.below(8) != 0) {
      if (random_.below(2) == 0) {
        put(conjunctions, conjunction);
      } else {
        put(that, complementiser);
      }
      --left_;
      clause();
    }
    // Adverbs fill the last clause up; they stand behind its verb.
    for (; left_ > 0; --left_) put_open(adverb, verb_ + 1);
    put(full_stop, asks ? question : stop);
    return std::move(said_);
  }

 private:
  void put(Range words, Tag tag) {
    said_.words.push_back(static_cast<std::int32_t>(words.first + random_.below(words.count)));
    said_.tags.push_back(tag);
  }
  void put_open(Tag tag, std::size_t at) {
    const auto place = static_cast<std::ptrdiff_t>(at);
    said_.words.insert(said_.words.begin() + place, open_word(tag));
    said_.tags.insert(said_.tags.begin() + place, tag);
  }

  /// Every fourth word is often this part of speech; the others may be it, too. Low numbers are
  /// common, as in real text.
  std::int32_t open_word(Tag tag) {
    const auto some = [&](std::uint32_t bound) {
      const std::uint32_t a = random_.below(bound);
      return std::min(a, random_.below(bound));
    };
    const std::uint32_t word = random_.below(2) == 0 ? open_tags * some(open_ / open_tags) +
                                                           static_cast<std::uint32_t>(tag)
                                                     : some(open_);
    return static_cast<std::int32_t>(first_open + word);
  }

  /// A pronoun, or a determiner, adjectives and a noun: of at most `most` words, and at least one.
  void phrase(std::int32_t most, Tag pronoun) {
    if (most < 2 || random_.below(3) == 0) {
      put(pronouns, pronoun);
      --left_;
      return;
    }
    const auto adjectives = std::min(most - 2, static_cast<std::int32_t>(random_.below(3)));
    put(random_.below(5) == 0 ? that : determiners, determiner);
    for (std::int32_t i = 0; i < adjectives; ++i) put_open(adjective, said_.words.size());
    put_open(noun, said_.words.size());
    left_ -= adjectives + 2;
  }

  /// @pre left_ >= 3
  void clause() {
    phrase(left_ - 2, subject);
    put(auxiliaries, auxiliary);
    verb_ = said_.words.size();
    put_open(verb, verb_);
    left_ -= 2;
    for (std::uint32_t adverbs = random_.below(3); left_ > 0 && adverbs > 0; --adverbs, --left_) {
      put_open(adverb, said_.words.size());
    }
    if (left_ > 0 && random_.below(3) != 0) phrase(left_, object);
    while (left_ >= 2 && random_.below(2) == 0) {
      put(prepositions, preposition);
      --left_;
      phrase(left_, object);
    }
  }

  ExactRandom& random_;
  std::uint32_t open_;
  TaggedSentence said_;
  std::int32_t left_ = 0;  // words that the sentence may still have
  std::size_t verb_ = 0;   // place of the last clause's
};

}  // namespace

TaggedSentence tagged_sentence(std::uint64_t seed, std::uint64_t index, std::int32_t vocabulary) {
  expects(vocabulary >= least_made_words, "a made-up language has words enough");
  ExactRandom random({.seed = seed, .op = tags_purpose, .sample = index});
  const auto length = static_cast<std::int32_t>(5 + random.below(36));
  return Speaker(random, vocabulary).say(length);
}

const std::vector<std::string>& tag_names() {
  static const std::vector<std::string> names{"ADJ", "NOUN", "VERB", "ADV",  "DET", "SUBJ", "OBJ",
                                              "AUX", "PREP", "CONJ", "COMP", "WH",  "STOP", "ASK"};
  return names;
}

Vocabulary tag_vocabulary(std::int32_t size) { return made_vocabulary(own_words, size); }

ImportReport make_tags(std::int64_t count, std::int32_t vocabulary, const ImportOptions& options) {
  check_made(count, vocabulary);
  RaggedWriter writer(options,
                      token_schema(SampleForm::sequence, TargetKind::tags, vocabulary,
                                   static_cast<std::int32_t>(tag_names().size())),
                      tag_names(), tag_vocabulary(vocabulary));
  make_both(count, options, [&](bool valid, std::uint64_t index) {
    TaggedSentence sentence = tagged_sentence(options.seed, index, vocabulary);
    writer.add(
        valid,
        {.tokens = std::move(sentence.words), .parents = {}, .targets = std::move(sentence.tags)});
  });
  return writer.finish();
}

}  // namespace raven
