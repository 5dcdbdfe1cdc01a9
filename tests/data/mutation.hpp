#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace raven {

/// How many mutants a test makes: RAVEN_MUTANTS, as scripts/fuzz-shards sets it, or 2000.
inline std::uint64_t mutants_wanted() {
  const char* told = std::getenv("RAVEN_MUTANTS");
  return told != nullptr ? std::strtoull(told, nullptr, 10) : 2000;
}

/// Changes bytes of a sound file in ways that parsers get wrong. The same number always gives the
/// same mutant.
class Mutation {
 public:
  explicit Mutation(std::uint64_t number) : random_(number) {}

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }

  /// @param other a sound file of which parts are taken @pre neither is empty
  std::string applied_to(std::string bytes, const std::string& other) {
    for (std::size_t changes = 1 + below(4); changes > 0 && !bytes.empty(); --changes) {
      change(bytes, other);
    }
    return bytes;
  }

 private:
  void change(std::string& bytes, const std::string& other) {
    const std::size_t at = below(bytes.size());
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        put_number(bytes, at);
        break;
      case 2:  // a part of it, or of another file, in another place
        splice(bytes, at, below(2) == 0 ? std::string(bytes) : other);
        break;
      case 3:
        bytes.resize(at);
        break;
      case 4:
        bytes.append(below(65536), static_cast<char>(below(256)));
        break;
      case 5:
        put_at_structure(bytes);
        break;
      default:
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    std::min(bytes.size() - at, 1 + below(64)), static_cast<char>(below(256)));
    }
  }

  void put_number(std::string& bytes, std::size_t at) {
    const std::uint64_t end = bytes.size();
    const std::uint64_t values[] = {0,
                                    1,
                                    2,
                                    255,
                                    65535,
                                    1U << 20,
                                    end,
                                    end - 1,
                                    below(end),
                                    ~std::uint64_t{0},
                                    1U << 31,
                                    end / 2,
                                    std::uint64_t{1} << 63,
                                    random_()};
    const std::uint64_t value = values[below(std::size(values))];
    const std::size_t width = std::size_t{1} << below(4);
    std::memcpy(bytes.data() + at, &value, std::min(width, bytes.size() - at));
  }

  /// In the first bytes behind a signature, where sizes, counts and addresses are: of a node of a
  /// tree that also changes the keys of its chunks.
  void put_at_structure(std::string& bytes) {
    static constexpr std::string_view signatures[] = {"TREE", "SNOD", "HEAP", "OHDR",
                                                      "FAHD", "FADB", "OCHK", "HDF\r"};
    std::vector<std::size_t> places;
    for (const std::string_view signature : signatures) {
      for (std::size_t at = bytes.find(signature); at != std::string::npos;
           at = bytes.find(signature, at + 1)) {
        places.push_back(at);
      }
    }
    if (places.empty()) return put_number(bytes, below(bytes.size()));
    const std::size_t at = places[below(places.size())] + 4 + below(64);
    if (at < bytes.size()) put_number(bytes, at);
  }

  void splice(std::string& bytes, std::size_t at, const std::string& from) {
    const std::size_t first = below(from.size());
    const std::size_t count = std::min({from.size() - first, bytes.size() - at, 1 + below(512)});
    bytes.replace(at, count, from, first, count);
  }

  std::mt19937_64 random_;
};

}  // namespace raven
