#include <algorithm>
#include <array>

#include "data/exact_random.hpp"
#include "raven/core/error.hpp"
#include "raven/core/new_file.hpp"
#include "raven/data/story.hpp"

namespace raven {
namespace {

constexpr std::uint32_t story_purpose = 0x53544F52;

constexpr std::array nouns{"sailor", "baker",  "farmer", "teacher", "raven",  "miller", "doctor",
                           "child",  "weaver", "hunter", "widow",   "smith",  "king",   "stranger",
                           "monk",   "fox",    "girl",   "boy",     "nurse",  "clerk",  "painter",
                           "guard",  "singer", "horse",  "captain", "lawyer", "cook",   "shepherd"};
constexpr std::array things{"lamp",   "letter", "bridge", "river", "key",    "loaf",    "rope",
                            "window", "garden", "coat",   "clock", "basket", "ship",    "door",
                            "candle", "map",    "stone",  "field", "mirror", "kettle",  "wagon",
                            "book",   "chair",  "well",   "fence", "song",   "blanket", "hammer"};
constexpr std::array adjectives{"old",  "quiet", "tall",   "hungry", "clever", "tired",  "small",
                                "wet",  "proud", "gentle", "lonely", "bright", "broken", "strange",
                                "warm", "heavy", "young",  "grey",   "merry",  "careful"};
constexpr std::array verbs{"carried", "found",   "watched", "hid",     "sold",    "mended", "lost",
                           "painted", "wanted",  "stole",   "cleaned", "forgot",  "held",   "kept",
                           "moved",   "touched", "opened",  "praised", "brought", "broke"};
constexpr std::array places{
    "by the sea",  "in the valley",      "behind the mill", "at the market",     "near the church",
    "on the hill", "under the old tree", "in the kitchen",  "across the square", "beside the road"};
constexpr std::array times{"In the morning",  "At night",    "Every winter", "Long ago", "That day",
                           "After the storm", "Before dawn", "One summer",   "At noon",  "Later"};
constexpr std::array joins{"because", "although", "while", "before", "until", "and"};

template <std::size_t N>
std::string_view one_of(ExactRandom& random, const std::array<const char*, N>& words) {
  // The smaller of two draws: as in real text, some words are common and others rare.
  const std::uint32_t a = random.below(static_cast<std::uint32_t>(N));
  const std::uint32_t b = random.below(static_cast<std::uint32_t>(N));
  return words.at(std::min(a, b));
}

bool begins_with_vowel(std::string_view word) {
  return std::string_view("aeiou").find(word.front()) != std::string_view::npos;
}

/// "the old sailor", "an old lamp"
void add_phrase(std::string& text, ExactRandom& random, std::string_view noun) {
  const bool described = random.below(3) == 0;
  const std::string_view adjective = one_of(random, adjectives);
  const std::string_view first = described ? adjective : noun;
  text += random.below(3) == 0 ? (begins_with_vowel(first) ? "an " : "a ") : "the ";
  if (described) text.append(adjective) += ' ';
  text += noun;
}

bool is_female(std::string_view noun) {
  return noun == "widow" || noun == "girl" || noun == "nurse" || noun == "weaver" ||
         noun == "singer";
}

void add_clause(std::string& text, ExactRandom& random) {
  add_phrase(text, random, one_of(random, nouns));
  text.append(" ").append(one_of(random, verbs)).append(" ");
  add_phrase(text, random, one_of(random, things));
}

}  // namespace

std::string story_sentence(std::uint64_t seed, std::uint64_t index) {
  ExactRandom random({.seed = seed, .op = story_purpose, .sample = index});
  std::string text;
  if (random.below(4) == 0) text.append(one_of(random, times)).append(", ");
  const std::string_view who = one_of(random, nouns);
  add_phrase(text, random, who);
  text.append(" ").append(one_of(random, verbs)).append(" ");
  add_phrase(text, random, one_of(random, things));
  if (random.below(3) == 0) text.append(" ").append(one_of(random, places));
  switch (random.below(5)) {
    case 0:
      text.append(" ").append(one_of(random, joins)).append(" ");
      text.append(is_female(who) ? "she " : "he ").append(one_of(random, verbs)).append(" ");
      add_phrase(text, random, one_of(random, things));
      break;
    case 1:
      text.append(" ").append(one_of(random, joins)).append(" ");
      add_clause(text, random);
      break;
    default:
      break;
  }
  text += random.below(12) == 0 ? "!" : ".";
  if (text.front() >= 'a') text.front() = static_cast<char>(text.front() - 'a' + 'A');
  return text;
}

void make_story(std::int64_t bytes, std::uint64_t seed, const std::filesystem::path& file) {
  constexpr std::int64_t most_bytes = std::int64_t{1} << 30;
  if (bytes < 1 || bytes > most_bytes) {
    throw InputError("can't make a text of " + std::to_string(bytes) + " bytes", "try 1000000");
  }
  std::string text;
  for (std::uint64_t i = 0; static_cast<std::int64_t>(text.size()) < bytes; ++i) {
    text += story_sentence(seed, i);
    text += i % 6 == 5 ? '\n' : ' ';
  }
  text.back() = '\n';
  write_whole_file(file, text);
}

}  // namespace raven
