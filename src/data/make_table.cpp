#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "data/exact_random.hpp"
#include "raven/core/error.hpp"
#include "raven/core/new_file.hpp"
#include "raven/data/table.hpp"

namespace raven {
namespace {

constexpr std::uint32_t table_purpose = 0x5441424C;
constexpr char header[] =
    "temperature_c,pressure_bar,vibration_mm_s,speed_rpm,load_percent,age_h,oil_quality,"
    "humidity_percent,starts_per_day,voltage_v,outcome\n";

/// `value` with `decimals` digits after the point, without a locale and without the C library's
/// rounding.
void append_number(std::string& line, float value, int decimals) {
  std::int64_t unit = 1;
  for (int i = 0; i < decimals; ++i) unit *= 10;
  const auto scaled =
      static_cast<std::int64_t>(value * static_cast<float>(unit) + (value < 0 ? -0.5F : 0.5F));
  if (scaled < 0) line += '-';
  const std::int64_t size = scaled < 0 ? -scaled : scaled;
  line += std::to_string(size / unit);
  if (decimals > 0) {
    const std::string fraction = std::to_string(unit + size % unit);
    line += '.' + fraction.substr(1);
  }
  line += ',';
}

void append_machine(std::string& text, std::uint64_t seed, std::uint64_t row) {
  ExactRandom random({.seed = seed, .op = table_purpose, .sample = row});
  const float load = random.uniform(10, 100);
  const float speed = random.uniform(600, 3600);
  const float age = random.uniform(0, 40000);
  const float oil = std::clamp(1.0F - age / 60000 - random.uniform(0, 0.45F), 0.0F, 1.0F);
  const float temperature = 35 + 0.45F * load + 0.004F * speed + 6 * random.normal();
  const float pressure = 4.5F + 0.8F * random.normal();
  // Two critical speeds shake the machine, more so when it is old.
  const float first = (speed - 1450) / 160;
  const float second = (speed - 2900) / 220;
  const float resonance = 1 / (1 + first * first) + 0.7F / (1 + second * second);
  const float vibration = 0.8F + 2.4F * resonance * (0.5F + age / 40000) + 0.35F * random.uniform();
  const float humidity = random.uniform(20, 95);
  const float starts = static_cast<float>(random.below(25));
  const float voltage = 400 + 7 * random.normal();

  const float heat = std::max(0.0F, (temperature - 70) / 20);
  const float dryness = (1 - oil) * (1 - oil);
  const float low_pressure = std::max(0.0F, (4.2F - pressure) / 1.2F);
  const float damp_starts = humidity > 70 ? starts / 24 : 0.0F;
  const float wear = 1.1F * heat * dryness + 0.55F * vibration * dryness +
                     0.8F * low_pressure * heat + 0.5F * damp_starts + 0.25F * heat * heat +
                     0.06F * random.normal();
  std::uint32_t outcome = wear > 1.25F ? 2 : wear > 0.7F ? 1 : 0;
  if (random.uniform() < 0.02F) outcome = random.below(3);  // somebody wrote down the wrong thing

  append_number(text, temperature, 1);
  append_number(text, pressure, 2);
  append_number(text, vibration, 2);
  append_number(text, speed, 0);
  append_number(text, load, 1);
  append_number(text, age, 0);
  append_number(text, oil, 3);
  append_number(text, humidity, 0);
  append_number(text, starts, 0);
  append_number(text, voltage, 1);
  static constexpr std::array<const char*, 3> outcomes{"runs\n", "wears\n", "fails\n"};
  text += outcomes.at(outcome);
}

}  // namespace

void make_table(std::int64_t count, std::uint64_t seed, const std::filesystem::path& file) {
  if (count < 1)
    throw InputError("can't make a table of " + std::to_string(count) + " rows", "try 5000");
  NewFile place(file);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> out{std::fopen(place.temporary().c_str(), "wb"),
                                                      std::fclose};
  bool sound = out != nullptr;
  std::string text = header;
  for (std::int64_t row = 0; row < count && sound; ++row) {
    append_machine(text, seed, static_cast<std::uint64_t>(row));
    if (text.size() > (1U << 16) || row + 1 == count) {
      sound = std::fwrite(text.data(), 1, text.size(), out.get()) == text.size();
      text.clear();
    }
  }
  if (!sound || std::fclose(out.release()) != 0) {
    throw InputError({file.string()}, "writing this table failed",
                     "check free space and permissions there");
  }
  place.commit();
}

}  // namespace raven
