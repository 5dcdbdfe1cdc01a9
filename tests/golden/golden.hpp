#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "raven/core/option.hpp"
#include "raven/tensor/tensor.hpp"
#include "source_tree.hpp"

namespace raven::golden {

using Json = nlohmann::json;

/// The cases of tests/golden/<name>.json.
inline Json load(const std::string& name) {
  const std::string path = std::string(RAVEN_TEST_DATA) + "/golden/" + name + ".json";
  std::ifstream file(path);
  expects(file.good(), "a golden file is there; tests/golden/make_golden.py writes it");
  return Json::parse(file);
}

inline Shape shape_of(const Json& tensor) {
  return Shape(std::span<const std::int64_t>(tensor.at("shape").get<std::vector<std::int64_t>>()));
}

inline Tensor tensor_of(const Json& tensor) {
  if (tensor.value("dtype", "f32") == "i32") {
    const auto values = tensor.at("data").get<std::vector<std::int32_t>>();
    return Tensor::of(shape_of(tensor), std::span<const std::int32_t>(values));
  }
  const auto values = tensor.at("data").get<std::vector<float>>();
  return Tensor::of(shape_of(tensor), std::span<const float>(values));
}

inline OptionValue option_of(const OptionDef& def, const Json& value) {
  switch (def.kind) {
    case OptionKind::boolean:
      return value.get<bool>();
    case OptionKind::integer:
      return value.get<std::int64_t>();
    case OptionKind::real:
      return value.get<double>();
    case OptionKind::text:
      return value.get<std::string>();
    case OptionKind::reals:
      return value.get<std::vector<double>>();
    case OptionKind::integers:
      break;
  }
  return value.get<std::vector<std::int64_t>>();
}

/// Defaults, overlaid with what a case names.
inline Options options_of(std::span<const OptionDef> defs, const Json& given) {
  Options options = defaults(defs);
  for (const auto& [name, value] : given.items()) {
    const auto def = std::ranges::find(defs, name, &OptionDef::name);
    EXPECT_NE(def, defs.end()) << "a golden case names an option that is not there: " << name;
    if (def != defs.end()) options.set(name, option_of(*def, value));
  }
  return options;
}

/// Each option can be documented and checked: named once, explained, its default of its kind and in
/// range.
inline void expect_explained(std::span<const OptionDef> defs, std::string_view owner) {
  std::vector<std::string_view> names;
  for (const OptionDef& def : defs) {
    SCOPED_TRACE(std::string(owner) + "." + std::string(def.name));
    EXPECT_FALSE(def.name.empty());
    EXPECT_EQ(std::ranges::count(names, def.name), 0) << "named twice";
    names.push_back(def.name);
    EXPECT_FALSE(def.help.empty()) << "not explained";
    EXPECT_EQ(def.help.find('\n'), std::string_view::npos) << "help is one line";
    EXPECT_LE(def.min, def.max);
    EXPECT_TRUE(def.choices.empty() || def.kind == OptionKind::text);
    if (def.required) continue;
    ASSERT_EQ(def.fallback.index(), static_cast<std::size_t>(def.kind))
        << "default of another kind";
    const auto in_range = [&](double value) { return def.min <= value && value <= def.max; };
    if (const auto* integer = std::get_if<std::int64_t>(&def.fallback)) {
      EXPECT_TRUE(in_range(static_cast<double>(*integer)));
    }
    if (const auto* real = std::get_if<double>(&def.fallback)) {
      EXPECT_TRUE(in_range(*real));
    }
    if (const auto* text = std::get_if<std::string>(&def.fallback)) {
      EXPECT_TRUE(def.choices.empty() || std::ranges::count(def.choices, *text) == 1);
    }
  }
}

/// Equal as a whole to 1e-5 of the norm, and in each element to 1e-5 of it or 1e-6 of the largest.
inline void expect_near(std::span<const float> actual, std::span<const float> expected,
                        const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  double difference = 0;
  double norm = 0;
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += std::pow(double{actual[i]} - double{expected[i]}, 2);
    norm += std::pow(double{expected[i]}, 2);
    largest = std::max(largest, std::abs(double{expected[i]}));
  }
  EXPECT_LE(std::sqrt(difference), 1e-5 * std::sqrt(norm) + 1e-7) << what;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double bound = 1e-5 * std::abs(double{expected[i]}) + 1e-6 * largest + 1e-7;
    ASSERT_LE(std::abs(double{actual[i]} - double{expected[i]}), bound)
        << what << ", element " << i << ": " << actual[i] << " instead of " << expected[i];
  }
}

inline void expect_near(ConstView actual, const Json& expected, const std::string& what) {
  const Tensor tensor = tensor_of(expected);
  ASSERT_EQ(actual.type, tensor.type()) << what << " " << to_string(actual.shape());
  if (tensor.type().dtype == DType::i32) {
    const auto indices = tensor.indices();
    ASSERT_TRUE(std::equal(indices.begin(), indices.end(), actual.i32())) << what;
    return;
  }
  expect_near(std::span(actual.f32(), static_cast<std::size_t>(actual.count())), tensor.values(),
              what);
}

}  // namespace raven::golden
