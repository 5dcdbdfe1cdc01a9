#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "cli/console.hpp"
#include "cli/data_verbs.hpp"
#include "cli/figures.hpp"
#include "raven/core/printable.hpp"
#include "raven/data/manifest.hpp"
#include "raven/data/verify.hpp"

namespace raven {
namespace {

struct ShowOptions {
  std::string manifest;
  bool json = false;
  std::int64_t sample = -1;  ///< -1: all of them together
};

std::string in_words(const ChannelSummary& channel) {
  return fmt::format("{:.6g} to {:.6g}, mean {:.6g}, standard deviation {:.6g}", channel.min,
                     channel.max, channel.mean, channel.std);
}

std::string class_name(const Manifest& manifest, std::size_t index) {
  // Tokens are what is predicted in windows only; elsewhere the vocabulary is that of the features.
  if (manifest.schema.of_sequences() && manifest.vocabulary &&
      index < manifest.vocabulary->texts().size()) {
    // As JSON writes it: a line's end or half a letter must not disturb the table.
    return nlohmann::json(manifest.vocabulary->texts()[index])
        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return index < manifest.class_names.size() ? manifest.class_names[index] : std::to_string(index);
}

std::string_view targets_in_words(const SampleSchema& schema) {
  switch (schema.target_kind) {
    case TargetKind::classes:
      return "classes";
    case TargetKind::real:
      return "real numbers";
    case TargetKind::next:
      return "tokens, whichever comes next";
    case TargetKind::none:
      return "none: the samples can only be predicted";
    case TargetKind::tags:
      break;
  }
  return schema.form == SampleForm::tree ? "classes, one for each node"
                                         : "classes, one for each token";
}

std::string in_words(const Manifest& manifest, const DatasetSummary& summary) {
  const SampleSchema& schema = manifest.schema;
  std::string text =
      fmt::format("{}\n  rows      {} in {}, {}\n  features  {} {}, {}\n", manifest.name,
                  count_in_words(summary.rows),
                  plural(static_cast<std::int64_t>(manifest.shards.size()), "shard"),
                  size_in_words(static_cast<double>(summary.bytes)), to_string(schema.feature_type),
                  to_string(schema.feature_shape), in_words(summary.features));
  if (summary.channels.size() > 1) {
    for (std::size_t i = 0; i < summary.channels.size(); ++i) {
      const std::string name =
          i < manifest.column_names.size() ? manifest.column_names[i] : std::to_string(i);
      text += fmt::format("    {:<7} {}\n", printable(name, LineEnds::escape),
                          in_words(summary.channels[i]));
    }
  }
  if (schema.ragged()) {
    const bool tree = schema.form == SampleForm::tree;
    text += fmt::format("  {:<9} {} tokens{}; a {} has {:.0f} to {:.0f}, mean {:.4g}\n",
                        tree ? "trees" : "sequences", count_in_words(summary.tokens),
                        tree ? " at " + count_in_words(summary.nodes) + " nodes" : "",
                        to_string(schema.form), summary.lengths.min, summary.lengths.max,
                        summary.lengths.mean);
  }
  const std::string width =
      schema.has_targets() ? std::to_string(schema.target_width) + " " : std::string();
  text += fmt::format(
      "  targets   {}{}{}\n", width, targets_in_words(schema),
      manifest.target_name.empty() ? "" : ": " + printable(manifest.target_name, LineEnds::escape));
  constexpr std::size_t most_lines = 1000;  // a vocabulary may have many thousand
  for (std::size_t i = 0; i < std::min(most_lines, summary.class_counts.size()); ++i) {
    text += fmt::format("    {:<12} {:>9}\n", class_name(manifest, i),
                        count_in_words(summary.class_counts[i]));
  }
  for (std::size_t i = 0; i < summary.targets.size(); ++i) {
    text += fmt::format("    {:<7} {}\n", i, in_words(summary.targets[i]));
  }
  return text + fmt::format("  identity  {}\n", to_hex(manifest.identity()));
}

nlohmann::ordered_json as_json(const ChannelSummary& channel) {
  return {{"min", channel.min}, {"max", channel.max}, {"mean", channel.mean}, {"std", channel.std}};
}

nlohmann::ordered_json as_json(const std::vector<ChannelSummary>& channels) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ChannelSummary& channel : channels) list.push_back(as_json(channel));
  return list;
}

std::string as_json(const Manifest& manifest, const DatasetSummary& summary) {
  const SampleSchema& schema = manifest.schema;
  const auto dims = schema.feature_shape.dims();
  const nlohmann::ordered_json json{
      {"name", manifest.name},
      {"rows", summary.rows},
      {"shards", manifest.shards.size()},
      {"bytes", summary.bytes},
      {"form", to_string(schema.form)},
      {"tokens", summary.tokens},
      {"nodes", summary.nodes},
      {"lengths", as_json(summary.lengths)},
      {"feature_type", to_string(schema.feature_type)},
      {"feature_shape", std::vector<std::int64_t>(dims.begin(), dims.end())},
      {"features", as_json(summary.features)},
      {"channels", as_json(summary.channels)},
      {"columns", manifest.column_names},
      {"target_name", manifest.target_name},
      {"target_kind", to_string(schema.target_kind)},
      {"target_width", schema.target_width},
      {"class_names", manifest.class_names},
      {"class_counts", summary.class_counts},
      {"targets", as_json(summary.targets)},
      {"identity", to_hex(manifest.identity())},
  };
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

int show(const ShowOptions& options) {
  const Manifest manifest = read_manifest(options.manifest);
  if (options.sample >= 0) {
    print(sample_in_words(manifest, options.sample));
    return exit_done;
  }
  const DatasetSummary summary = describe(manifest);
  print(options.json ? as_json(manifest, summary) : in_words(manifest, summary));
  return exit_done;
}

int verify_data(const std::string& file) {
  const VerifyReport report = verify(read_manifest(file));
  print_mistakes(report.problems);
  if (!report.problems.empty()) return exit_mistake;
  print(fmt::format("{}: {} in {} of shards, all sound\n", file, plural(report.rows, "row"),
                    size_in_words(static_cast<double>(report.bytes))));
  return exit_done;
}

}  // namespace

void declare_data_show(Command parent, Action& chosen) {
  const auto options = std::make_shared<ShowOptions>();
  Command verb =
      parent.add_subcommand("show", "Say what a data set holds: rows, shapes, ranges, classes");
  verb.add_option("manifest", options->manifest, "train.yaml or another manifest").required();
  const Option json = verb.add_flag("--json", options->json, "one JSON object instead of words");
  verb.add_option("--sample", options->sample,
                  "one sentence with its tags, tree or piece of text, by number from 0")
      .range(std::int64_t{0}, std::int64_t{1} << 40)
      .excludes(json);
  verb.footer(R"(Examples:
  raven data show data/digits/train.yaml
  raven data show data/wine/valid.yaml --json
  raven data show data/tags/train.yaml --sample 0)");
  verb.callback([options, &chosen] { chosen = [options](Programs) { return show(*options); }; });
}

void declare_data_verify(Command parent, Action& chosen) {
  const auto file = std::make_shared<std::string>();
  Command verb = parent.add_subcommand(
      "verify", "Read every shard and check digests, form, counts and ranges");
  verb.add_option("manifest", *file, "train.yaml or another manifest").required();
  verb.footer(R"(Examples:
  raven data verify data/digits/train.yaml

All that is wrong is told, not only the first; the exit code is then 2.)");
  verb.callback([file, &chosen] { chosen = [file](Programs) { return verify_data(*file); }; });
}

}  // namespace raven
