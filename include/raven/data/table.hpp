#pragma once

#include <cstdint>
#include <filesystem>

namespace raven {

/// Writes a made-up CSV of `count` machines: ten measurements, some of which matter in a nonlinear
/// way, and the column `outcome` (runs, wears, fails) with a little label noise. Row i is a pure
/// function of (seed, i).
/// @throws InputError when the file can't be written.
void make_table(std::int64_t count, std::uint64_t seed, const std::filesystem::path& file);

}  // namespace raven
