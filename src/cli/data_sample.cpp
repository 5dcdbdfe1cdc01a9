#include <fmt/format.h>

#include <algorithm>

#include "cli/data_verbs.hpp"
#include "raven/core/error.hpp"
#include "raven/data/dataset.hpp"

namespace raven {
namespace {

using Numbers = std::vector<std::int32_t>;

View view_of(Numbers& numbers, ValueType type) {
  numbers.resize(static_cast<std::size_t>(type.shape.count()));
  return {numbers.data(), type};
}

/// The names of tokens and classes, or their numbers where there are none.
struct Names {
  const Manifest& manifest;

  [[nodiscard]] std::string token(std::int32_t number) const {
    const auto i = static_cast<std::size_t>(number);
    return manifest.vocabulary ? manifest.vocabulary->texts()[i] : std::to_string(number);
  }
  [[nodiscard]] std::string class_of(std::int32_t number) const {
    if (number == SampleSchema::no_target) return "-";
    const auto i = static_cast<std::size_t>(number);
    return i < manifest.class_names.size() ? manifest.class_names[i] : std::to_string(number);
  }
};

std::string sentence(const Names& names, const Numbers& tokens, const Numbers& tags) {
  std::size_t width = 1;
  for (const std::int32_t token : tokens) width = std::max(width, names.token(token).size());
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string tag = tags.empty() ? "" : names.class_of(tags[i]);
    text += fmt::format("{:<{}}  {}", names.token(tokens[i]), width, tag);
    text.resize(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

/// (label word) for a leaf, or the word alone where nodes have no labels. A node's children stand
/// before it, so what is inside its brackets is there when its turn comes.
std::string brackets(const Names& names, const Numbers& tokens, const Numbers& parents,
                     const Numbers& tags) {
  std::vector<std::string> inside(parents.size());
  std::size_t leaf = 0;
  for (std::size_t i = 0; i < parents.size(); ++i) {
    const bool is_leaf = inside[i].empty();
    std::string text = is_leaf ? names.token(tokens[leaf++]) : std::move(inside[i]);
    if (!tags.empty()) text = names.class_of(tags[i]) + " " + text;
    if (!tags.empty() || !is_leaf) text = "(" + text + ")";
    if (parents[i] < 0) return text + "\n";
    std::string& parent = inside[static_cast<std::size_t>(parents[i])];
    parent += (parent.empty() ? "" : " ") + text;
  }
  return {};
}

std::string ragged_sample(const Dataset& data, std::int64_t sample) {
  const Manifest& manifest = data.manifest();
  const SampleSchema& schema = data.schema();
  const SampleExtent extent = data.extent(sample);
  Numbers tokens;
  Numbers targets;
  Numbers parents;
  RowViews to{.features = view_of(tokens, schema.features(extent.tokens)),
              .targets = view_of(targets, schema.targets(schema.target_rows(1, extent)))};
  if (schema.form == SampleForm::tree) {
    to.parents = view_of(parents, {DType::i32, Shape{extent.nodes}});
  }
  data.read(std::span(&sample, 1), to);
  const Names names{manifest};
  const Numbers tags = schema.target_kind == TargetKind::tags ? targets : Numbers{};
  std::string text = schema.form == SampleForm::tree ? brackets(names, tokens, parents, tags)
                                                     : sentence(names, tokens, tags);
  if (schema.target_kind == TargetKind::classes) text += names.class_of(targets[0]) + "\n";
  return text;
}

std::string window(const Dataset& data, std::int64_t sample) {
  Numbers tokens;
  Numbers next;
  data.read(std::span(&sample, 1), {.features = view_of(tokens, data.schema().features(1)),
                                    .targets = view_of(next, data.schema().targets(1))});
  Numbers text{tokens[0]};
  std::ranges::copy_if(next, std::back_inserter(text), [](std::int32_t t) { return t >= 0; });
  return data.manifest().vocabulary->decode(text) + "\n";
}

}  // namespace

std::string sample_in_words(const Manifest& manifest, std::int64_t sample) {
  const SampleSchema& schema = manifest.schema;
  if (sample >= manifest.rows()) {
    throw InputError({manifest.file.string()}, "there is no sample " + std::to_string(sample),
                     "the last one is " + std::to_string(manifest.rows() - 1));
  }
  const Dataset data(manifest);
  if (schema.of_sequences() && manifest.vocabulary) return window(data, sample);
  if (schema.ragged() && schema.features(1).shape.rank() == 1 &&
      schema.feature_type == FeatureType::i32 && schema.target_kind != TargetKind::real) {
    return ragged_sample(data, sample);
  }
  throw InputError({manifest.file.string()},
                   "its samples are no sentences, trees or text that could be shown one by one",
                   "leave --sample out to see what they are like");
}

}  // namespace raven
