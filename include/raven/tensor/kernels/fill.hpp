#pragma once

#include <cstdint>

#include "raven/core/random.hpp"

namespace raven::kernels {

void fill(std::int64_t count, float value, float* out);

/// out[i] uniform in [low, high) from word i of the stream `key`.
void fill_uniform(const RandomKey& key, std::int64_t count, float low, float high, float* out);

/// out[i] normal: Box and Muller in double, elements 2j and 2j + 1 from words 2j and 2j + 1 of the
/// stream.
void fill_normal(const RandomKey& key, std::int64_t count, float mean, float deviation, float* out);

}  // namespace raven::kernels
