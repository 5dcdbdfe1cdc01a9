#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace raven {

/// Sentence `index` of the endless made-up story `seed`: plain English from a small grammar, with
/// agreement of subject, verb and pronoun that a language model can learn. A pure function.
[[nodiscard]] std::string story_sentence(std::uint64_t seed, std::uint64_t index);

/// Writes sentences in paragraphs until there are `bytes` bytes.
/// @throws InputError when the file can't be written.
void make_story(std::int64_t bytes, std::uint64_t seed, const std::filesystem::path& file);

}  // namespace raven
