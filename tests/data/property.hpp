#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace raven {

/// Choices that make one made-up input, all of them decided by its number.
class Choices {
 public:
  explicit Choices(std::uint64_t number) : random_(number * 0x9E3779B97F4A7C15U + 1) {}

  /// 0 to count - 1.
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(random_() % count); }
  /// first to last.
  std::size_t between(std::size_t first, std::size_t last) {
    return first + below(last - first + 1);
  }
  bool one_in(std::size_t count) { return below(count) == 0; }
  template <class Item>
  const Item& of(const std::vector<Item>& items) {
    return items[below(items.size())];
  }

 private:
  std::mt19937_64 random_;
};

/// Calls check(choices) for made-up inputs 1, 2, 3 and so on, until one fails: some hundreds of
/// them, or as many as RAVEN_PROPERTY_COUNT says (scripts/import-properties), from
/// RAVEN_PROPERTY_FIRST on.
template <class Check>
void for_each_made_up_input(Check check) {
  const auto number_in = [](const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::stoull(text);
  };
  const std::uint64_t first = number_in("RAVEN_PROPERTY_FIRST", 1);
  const std::uint64_t count = number_in("RAVEN_PROPERTY_COUNT", 200);
  for (std::uint64_t number = first; number < first + count; ++number) {
    SCOPED_TRACE(
        "made-up input " + std::to_string(number) +
        ", again with RAVEN_PROPERTY_COUNT=1 RAVEN_PROPERTY_FIRST=" + std::to_string(number));
    Choices choices(number);
    check(choices);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace raven
