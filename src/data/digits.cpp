#include "raven/data/digits.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "data/digit_skeletons.hpp"
#include "data/exact_random.hpp"

namespace raven {
namespace {

constexpr std::uint32_t digits_purpose = 0x44494749;
constexpr float side = static_cast<float>(digit_side);

/// How one writer holds the pen for one digit; all lengths in pixels.
struct Hand {
  float height, width, slant, cosine, sine, x, y;  // the box and where its centre goes
  float radius, swing, swing_phase;                // the pen, and how pressure comes and goes
  float softness, ink;                             // blur of the edges, brightness of the line
  float noise;
  std::array<float, 3> warp_size, warp_turns_x, warp_turns_y, warp_phase;

  explicit Hand(ExactRandom& random) {
    height = random.uniform(16.0F, 21.0F);
    width = height * random.uniform(0.76F, 1.12F);
    slant = std::clamp(0.12F + 0.2F * random.normal(), -0.35F, 0.6F);
    const float turns = std::clamp(0.022F * random.normal(), -0.05F, 0.05F);
    cosine = sine_of_turns(turns + 0.25F);
    sine = sine_of_turns(turns);
    x = side / 2 + random.uniform(-2.0F, 2.0F);
    y = side / 2 + random.uniform(-2.0F, 2.0F);
    radius = random.uniform(0.7F, 1.8F);
    swing = random.uniform(0.0F, 0.35F);
    swing_phase = random.uniform();
    softness = random.uniform(0.7F, 1.4F);
    ink = random.uniform(180.0F, 255.0F);
    noise = random.uniform(2.0F, 18.0F);
    for (std::size_t i = 0; i < warp_size.size(); ++i) {
      warp_size[i] = random.uniform(0.1F, 0.75F);
      warp_turns_x[i] = random.uniform(-0.06F, 0.06F);
      warp_turns_y[i] = random.uniform(-0.06F, 0.06F);
      warp_phase[i] = random.uniform();
    }
  }

  /// From the box of the skeleton to pixels.
  [[nodiscard]] PenPoint placed(PenPoint point) const {
    const float u = (point.x - 0.3F) * width - (point.y - 0.5F) * slant * height;
    const float v = (point.y - 0.5F) * height;
    PenPoint at{x + u * cosine - v * sine, y + u * sine + v * cosine};
    const PenPoint before = at;
    for (std::size_t i = 0; i < warp_size.size(); ++i) {
      const float turns = warp_phase[i] + before.x * warp_turns_x[i] + before.y * warp_turns_y[i];
      at.x += warp_size[i] * sine_of_turns(turns);
      at.y += warp_size[i] * sine_of_turns(turns + 0.25F + 0.13F * static_cast<float>(i));
    }
    return at;
  }
};

using Canvas = std::array<float, digit_bytes>;

/// Inks every pixel near the line from a to b; where lines overlap the darker one counts.
void draw_line(Canvas& canvas, PenPoint a, PenPoint b, float radius, float softness) {
  const float reach = radius + softness;
  const auto first = [&](float low) { return std::max(0, static_cast<int>(low - reach)); };
  const auto last = [&](float high) {
    return std::min(static_cast<int>(digit_side) - 1, static_cast<int>(high + reach));
  };
  const PenPoint along{b.x - a.x, b.y - a.y};
  const float length2 = std::max(along.x * along.x + along.y * along.y, 1e-9F);
  for (int row = first(std::min(a.y, b.y)); row <= last(std::max(a.y, b.y)); ++row) {
    for (int column = first(std::min(a.x, b.x)); column <= last(std::max(a.x, b.x)); ++column) {
      const PenPoint to{static_cast<float>(column) + 0.5F - a.x,
                        static_cast<float>(row) + 0.5F - a.y};
      const float t = std::clamp((to.x * along.x + to.y * along.y) / length2, 0.0F, 1.0F);
      const float dx = to.x - t * along.x;
      const float dy = to.y - t * along.y;
      const float distance = std::sqrt(dx * dx + dy * dy);
      const float ink = std::clamp((radius + softness - distance) / (2 * softness), 0.0F, 1.0F);
      float& pixel = canvas[static_cast<std::size_t>(row * digit_side + column)];
      pixel = std::max(pixel, ink * ink * (3 - 2 * ink));
    }
  }
}

/// Catmull and Rom's curve between `b` and `c`.
PenPoint between(PenPoint a, PenPoint b, PenPoint c, PenPoint d, float t) {
  const auto blend = [t](float p, float q, float r, float s) {
    return q + 0.5F * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
  };
  return {blend(a.x, b.x, c.x, d.x), blend(a.y, b.y, c.y, d.y)};
}

void draw_stroke(Canvas& canvas, const std::vector<PenPoint>& points, const Hand& hand) {
  constexpr int pieces = 6;
  PenPoint before = hand.placed(points[0]);
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    if (points[i] == points[i + 1]) continue;  // a corner
    const PenPoint a = points[i == 0 ? 0 : i - 1];
    const PenPoint d = points[std::min(i + 2, points.size() - 1)];
    for (int piece = 1; piece <= pieces; ++piece) {
      const float t = static_cast<float>(piece) / pieces;
      const PenPoint now = hand.placed(between(a, points[i], points[i + 1], d, t));
      const float pressure =
          1 + hand.swing * sine_of_turns(hand.swing_phase + 0.17F * (static_cast<float>(i) + t));
      draw_line(canvas, before, now, hand.radius * pressure, hand.softness);
      before = now;
    }
  }
}

/// The skeleton's strokes with every point shaken; the two points of a corner move together.
void draw_skeleton(Canvas& canvas, const DigitSkeleton& skeleton, const Hand& hand,
                   ExactRandom& random) {
  const float shake = random.uniform(0.01F, 0.045F);
  std::vector<PenPoint> stroke;
  PenPoint told = lift;
  for (const PenPoint point : skeleton.points) {
    if (point == lift) {
      draw_stroke(canvas, stroke, hand);
      stroke.clear();
    } else if (point == told) {
      stroke.push_back(PenPoint(stroke.back()));
    } else {
      stroke.push_back({point.x + shake * random.normal(), point.y + shake * random.normal()});
    }
    told = point;
  }
  draw_stroke(canvas, stroke, hand);
}

}  // namespace

std::int32_t draw_digit(std::uint64_t seed, std::uint64_t index,
                        std::span<std::uint8_t, digit_bytes> pixels) {
  ExactRandom random({.seed = seed, .op = digits_purpose, .sample = index});
  const auto digit = static_cast<std::int32_t>(random.below(10));
  const auto skeletons = digit_skeletons(digit);
  const DigitSkeleton& skeleton =
      skeletons[random.below(static_cast<std::uint32_t>(skeletons.size()))];
  const Hand hand(random);
  Canvas canvas{};
  draw_skeleton(canvas, skeleton, hand, random);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const float value = hand.ink * canvas[i] + hand.noise * random.normal();
    pixels[i] = static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
  }
  return digit;
}

}  // namespace raven
