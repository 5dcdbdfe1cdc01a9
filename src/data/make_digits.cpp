#include <array>
#include <cmath>
#include <vector>

#include "data/split_writer.hpp"
#include "raven/core/error.hpp"
#include "raven/data/digits.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven {
namespace {

/// Validation digits come from another series, far above any count, so that more training digits
/// never meet them.
constexpr std::uint64_t validation_series = std::uint64_t{1} << 40;
constexpr std::int64_t most = std::int64_t{1} << 32;
constexpr std::int64_t at_once = 4096;

struct Drawn {
  std::array<std::uint8_t, digit_bytes> pixels;
  std::int32_t digit;
};

SampleSchema digits_schema() {
  SampleSchema schema;
  schema.feature_type = FeatureType::u8;
  schema.feature_shape = {digit_side, digit_side, 1};
  schema.target_kind = TargetKind::classes;
  schema.target_width = 10;
  return schema;
}

/// Mean and standard deviation of pixels / 255, from exact integer sums.
Normalisation normalisation_of(std::uint64_t pixels, std::uint64_t sum, std::uint64_t squares) {
  const double count = static_cast<double>(pixels);
  const double mean = static_cast<double>(sum) / count / 255;
  const double square = static_cast<double>(squares) / count / (255.0 * 255.0);
  return {.scale = 1.0 / 255, .mean = {mean}, .std = {std::sqrt(square - mean * mean)}};
}

}  // namespace

ImportReport make_digits(std::int64_t count, const ImportOptions& options) {
  if (count < 1 || count > most)
    throw InputError("can't make " + std::to_string(count) + " digits", "try 20000");
  SplitWriter writer(options, digits_schema(),
                     {.classes = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}});
  const auto valid_count =
      static_cast<std::int64_t>(static_cast<double>(count) * options.valid_fraction + 0.5);
  std::vector<Drawn> drawn(static_cast<std::size_t>(std::min(at_once, count)));
  std::uint64_t sum = 0;
  std::uint64_t squares = 0;
  const auto make = [&](bool valid, std::int64_t wanted) {
    for (std::int64_t first = 0; first < wanted; first += at_once) {
      const std::int64_t now = std::min(at_once, wanted - first);
      parallel_for(now, [&](std::int64_t i) {
        Drawn& one = drawn[static_cast<std::size_t>(i)];
        const std::uint64_t index =
            (valid ? validation_series : 0) + static_cast<std::uint64_t>(first + i);
        one.digit = draw_digit(options.seed, index, one.pixels);
      });
      for (std::int64_t i = 0; i < now; ++i) {
        const Drawn& one = drawn[static_cast<std::size_t>(i)];
        writer.add(valid, std::as_bytes(std::span(one.pixels)),
                   std::as_bytes(std::span(&one.digit, 1)));
        if (valid) continue;
        for (const std::uint64_t pixel : one.pixels) {
          sum += pixel;
          squares += pixel * pixel;
        }
      }
      if (options.progress) options.progress({.rows = writer.rows()});
    }
  };
  make(false, count);
  make(true, valid_count);
  return writer.finish(
      normalisation_of(static_cast<std::uint64_t>(count) * digit_bytes, sum, squares));
}

}  // namespace raven
