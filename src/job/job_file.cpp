#include <algorithm>
#include <fstream>
#include <sstream>
#include <tuple>

#include "job/checker.hpp"
#include "job/network.hpp"
#include "job/override.hpp"
#include "job/value.hpp"
#include "job/yaml_tree.hpp"
#include "raven/job/job_spec.hpp"
#include "raven/job/suggest.hpp"
#include "raven/optim/optimizer.hpp"

namespace raven {
namespace {

constexpr std::int64_t most_samples_per_batch = std::int64_t{1} << 24;
constexpr std::int64_t most_snippets = 4096;
/// Above it, all of an epoch is one span.
constexpr std::int64_t most_batches_grouped = 1'000'000;
constexpr int most_spawned = 64;
/// Steps and epochs stay below this, so that their product with any data set's size fits 64 bits.
constexpr std::int64_t most_steps = 1'000'000'000;

void read_duration(MapReader& map, std::string_view key, std::chrono::milliseconds& into,
                   std::chrono::milliseconds min) {
  const YamlNode* node = map.find(key);
  if (!node) return;
  const std::string remedy =
      "write a time with its unit, for instance 500 ms, 30 s or 2 min; at least " +
      std::to_string(min.count()) + " ms";
  const auto value =
      node->kind == YamlNode::Kind::scalar ? parse_duration(node->text) : std::nullopt;
  if (!value) {
    map.checker().report(node->place, map.path_of(key) + " is " + describe(*node) + ", not a time",
                         remedy);
  } else if (*value < min) {
    map.checker().report(node->place, map.path_of(key) + " is " + node->text + ", out of range",
                         remedy);
  } else {
    into = *value;
  }
}

void read_size(MapReader& map, std::string_view key, std::uint64_t& into) {
  const YamlNode* node = map.find(key);
  if (!node) return;
  const auto value = node->kind == YamlNode::Kind::scalar ? parse_size(node->text) : std::nullopt;
  if (value) {
    into = *value;
    return;
  }
  map.checker().report(node->place,
                       map.path_of(key) + " is " + describe(*node) + ", not a number of bytes",
                       "write it with its unit, for instance 512 MiB or 4 GB");
}

void read_name(MapReader& map, JobSpec& job) {
  job.name = job.file.stem().string();
  const YamlNode* node = map.find("name");
  if (!node) return;
  const auto name = map.checker().text(*node, "name");
  if (!name) return;
  const bool fits_a_folder = name->size() <= 100 && name->front() != '.' && name->front() != '-' &&
                             std::ranges::all_of(*name, [](char c) {
                               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                      (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
                             });
  if (!fits_a_folder) {
    map.checker().report(
        node->place, "name is " + describe(*node) + " (it names the run's folder)",
        "use up to 100 letters, digits, '-', '_' and '.', and begin with a letter or digit");
    return;
  }
  job.name = *name;
}

std::uint64_t read_seed(MapReader& map) {
  constexpr std::uint64_t fallback = 1;
  const YamlNode* node = map.find("seed");
  if (!node) return fallback;
  const auto value = node->kind == YamlNode::Kind::scalar && !node->quoted
                         ? parse_unsigned(node->text)
                         : std::nullopt;
  if (!value) {
    map.checker().report(node->place, "seed is " + describe(*node) + ", not a whole number",
                         "write a whole number from 0 to 18446744073709551615");
  }
  return value.value_or(fallback);
}

/// One command, or a list of them.
std::vector<std::string> read_commands(MapReader& map, std::string_view key) {
  const YamlNode* node = map.find(key);
  if (!node) return {};
  std::vector<std::string> commands;
  const auto add = [&](const YamlNode& item, const std::string& what) {
    if (auto text = map.checker().text(item, what)) commands.push_back(std::move(*text));
  };
  const std::string path = map.path_of(key);
  if (node->kind != YamlNode::Kind::list) add(*node, path);
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    add(node->items[i], path + "." + std::to_string(i));
  }
  return commands;
}

/// Puts the sample set in the place of the data, if the job wants that.
void read_use_of_samples(MapReader& map, JobSpec& job) {
  bool use = false;
  map.boolean("use_samples", use);
  if (!use) return;
  if (!job.samples_folder) {
    map.checker().report(map.find("use_samples")->place,
                         "data.use_samples is true, but the job names no sample set",
                         "add for instance 'samples: ../data/samples/digits' to its data, a folder "
                         "with train.yaml and valid.yaml");
    return;
  }
  use_samples(job);
}

void read_data(MapReader& job_map, JobSpec& job) {
  const YamlNode* node = job_map.need("data", "add 'data: {train: ../data/digits/train.yaml}'");
  if (!node) return;
  job.data_place = node->place;
  MapReader map(job_map.checker(), *node, "data");
  const auto path = [&](const YamlNode* value,
                        std::string_view key) -> std::optional<std::filesystem::path> {
    if (!value) return std::nullopt;
    const auto text = map.checker().text(*value, map.path_of(key));
    if (!text) return std::nullopt;
    return (job.file.parent_path() / *text).lexically_normal();
  };
  job.train_manifest =
      path(map.need("train", "add 'train: ../data/digits/train.yaml'"), "train").value_or("");
  job.valid_manifest = path(map.find("valid"), "valid");
  job.samples_folder = path(map.find("samples"), "samples");
  job.data_made_by = read_commands(map, "made_by");
  read_use_of_samples(map, job);
  read_size(map, "cache", job.data_cache_bytes);
  map.finish();
}

void read_train(MapReader& job_map, TrainSpec& train) {
  constexpr std::int64_t usual_snippets = 8;
  const YamlNode nothing;
  const YamlNode* node = job_map.find("train");
  MapReader map(job_map.checker(), node ? *node : nothing, "train");
  map.integer("steps", train.max_steps, 1, most_steps);
  // "steps: 500" alone means 500 steps, however many epochs that takes.
  train.epochs = train.max_steps > 0 ? train.max_steps : 1;
  map.integer("epochs", train.epochs, 1, most_steps);
  map.integer("batch", train.batch, 1, most_samples_per_batch);
  train.snippets = std::min(usual_snippets, train.batch);
  map.integer("snippets", train.snippets, 1, most_snippets);
  map.boolean("shuffle", train.shuffle);
  map.integer("group_by_length", train.group_by_length, 0, most_batches_grouped);
  if (train.group_by_length > 0 && !train.shuffle) {
    map.checker().report(map.find("group_by_length")->place,
                         "train.group_by_length puts shuffled samples in order of length, but "
                         "train.shuffle is false",
                         "leave one of the two out");
  }
  if (train.snippets > train.batch) {
    map.checker().report(
        map.find("snippets")->place,
        "train.snippets is " + std::to_string(train.snippets) + ", more than the " +
            std::to_string(train.batch) + " samples of a batch (a snippet needs a sample)",
        "write at most " + std::to_string(train.batch) + ", or a larger train.batch");
  }
  map.finish();
}

void read_clip(MapReader& job_map, Clip& clip) {
  const YamlNode* node = job_map.find("clip");
  if (!node) return;
  MapReader map(job_map.checker(), *node, "clip");
  map.real("norm", clip.norm, 0, std::numeric_limits<double>::infinity());
  map.real("value", clip.value, 0, std::numeric_limits<double>::infinity());
  map.finish();
}

JobSpec::Spawn read_spawn(Checker& checker, const YamlNode& node, const std::string& path) {
  JobSpec::Spawn spawn;
  MapReader map(checker, node, path);
  const YamlNode* step = map.find("at_step");
  const YamlNode* time = map.find("at_time");
  if ((step == nullptr) == (time == nullptr) && node.kind == YamlNode::Kind::map) {
    checker.report(node.place,
                   path + (step ? " has both at_step and at_time" : " does not say when"),
                   "write either 'at_step: 100' or 'at_time: 5 min'");
  }
  if (step) spawn.at_step = checker.integer(*step, path + ".at_step", 0, most_steps).value_or(0);
  read_duration(map, "at_time", spawn.at_time, std::chrono::milliseconds(0));
  map.integer("count", spawn.count, 1, most_spawned);
  if (const YamlNode* host = map.find("host")) {
    spawn.host = checker.text(*host, path + ".host").value_or("");
  }
  map.finish();
  return spawn;
}

void read_newcomers(MapReader& map, JobSpec::Newcomers& newcomers) {
  read_duration(map, "let_in", newcomers.let_in, std::chrono::milliseconds(100));
  const YamlNode* node = map.find("spawn");
  if (!node) return;
  if (node->kind != YamlNode::Kind::list) {
    map.checker().report(node->place, "contributors.spawn is " + describe(*node) + ", not a list",
                         "write it as '[{at_step: 100, count: 2}]'");
    return;
  }
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    newcomers.spawn.push_back(
        read_spawn(map.checker(), node->items[i], "contributors.spawn." + std::to_string(i)));
  }
}

void read_contributors(MapReader& job_map, JobSpec& job) {
  ContributorSpec& contributors = job.contributors;
  const YamlNode* node = job_map.find("contributors");
  if (!node) return;
  using std::chrono::milliseconds;
  MapReader map(job_map.checker(), *node, "contributors");
  map.integer("min", contributors.min, 0, 1'000'000);
  map.integer("max", contributors.max, 0, 1'000'000);
  map.integer("bar_after", contributors.bar_after, 1, 1'000'000);
  if (const YamlNode* numerics = map.find("numerics")) {
    constexpr std::array<std::string_view, 2> words{"strict", "any"};
    const auto word = map.checker().text(*numerics, "contributors.numerics", words);
    if (word == "any") contributors.numerics = ContributorSpec::Numerics::any;
  }
  read_duration(map, "heartbeat", contributors.heartbeat, milliseconds(10));
  read_duration(map, "lost_after", contributors.lost_after, milliseconds(20));
  read_duration(map, "lease", contributors.lease, milliseconds(10));
  read_newcomers(map, job.newcomers);
  if (contributors.max > 0 && contributors.max < contributors.min) {
    const YamlNode* most = map.find("max");
    map.checker().report(
        most->place,
        "contributors.max is " + std::to_string(contributors.max) +
            ", less than contributors.min, " + std::to_string(contributors.min) +
            " (the run would wait for ever)",
        "make it at least " + std::to_string(contributors.min) + ", or leave it out");
  }
  if (contributors.lost_after < 2 * contributors.heartbeat) {
    const YamlNode* late = map.find("lost_after");
    const YamlNode* written = late ? late : map.find("heartbeat");
    map.checker().report(
        written ? written->place : node->place,
        "contributors.lost_after is " + std::to_string(contributors.lost_after.count()) +
            " ms, less than two heartbeats of " + std::to_string(contributors.heartbeat.count()) +
            " ms (one late sign of life would count as a death)",
        "make it at least " + std::to_string(2 * contributors.heartbeat.count()) + " ms");
  }
  map.finish();
}

void read_checkpoint(MapReader& job_map, JobSpec::CheckpointPolicy& checkpoint) {
  const YamlNode* node = job_map.find("checkpoint");
  if (!node) return;
  MapReader map(job_map.checker(), *node, "checkpoint");
  read_duration(map, "every", checkpoint.every, std::chrono::milliseconds(1));
  map.integer("keep", checkpoint.keep, 1, 1'000'000);
  map.finish();
}

/// None when the file can't be read.
std::optional<std::string> file_text(const std::filesystem::path& file,
                                     std::vector<InputError>& errors) {
  const Place place{file.string()};
  std::error_code code;
  if (std::filesystem::is_directory(file, code)) {
    errors.emplace_back(place, "this is a folder, not a job file", "name the YAML file in it");
    return std::nullopt;
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    const bool there = std::filesystem::exists(file, code);
    errors.emplace_back(place, there ? "can't open the job file" : "there is no such job file",
                        there ? "check its permissions" : "check the path; jobs/ holds examples");
    return std::nullopt;
  }
  // One byte more than allowed tells a file that is too large, also when it is a pipe without a
  // size.
  std::string text(YamlLimits::bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) {
    errors.emplace_back(place, "can't read the job file", "check the disk");
    return std::nullopt;
  }
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

/// model: {program: NAME}
void read_program(Checker& checker, const YamlNode& node, Programs programs, JobSpec& job) {
  MapReader map(checker, node, "model");
  std::string name;
  if (const YamlNode* given = map.find("program")) {
    name = checker.text(*given, "model.program").value_or("");
  }
  map.finish();
  job.model.program_place = node.place;
  std::vector<std::string_view> names;
  for (const ProgramDef* program : programs) {
    if (program->name == name) job.model.program = program;
    names.push_back(program->name);
  }
  if (job.model.program != nullptr || name.empty()) return;
  checker.report(node.place, "model.program is '" + name + "', which this executable does not have",
                 names.empty()
                     ? "run the job with the program of that name in place of 'raven', for "
                       "instance build/release/programs/" +
                           name + " train " + job.file.string()
                     : did_you_mean(name, names));
}

void read_model(Checker& checker, MapReader& map, Programs programs, JobSpec& job) {
  const YamlNode* node = map.need("model", "add 'model: [flatten, {linear: {features: 10}}]'");
  const bool is_program = node != nullptr && node->kind == YamlNode::Kind::map &&
                          !node->entries.empty() && node->entries.front().key == "program";
  if (is_program) {
    read_program(checker, *node, programs, job);
    if (const YamlNode* loss = map.find("loss")) {
      checker.report(loss->place, "a program says itself what its loss is", "remove 'loss'");
    }
    return;
  }
  if (node != nullptr) job.model.layers = read_layers(checker, *node, "model");
  if (const YamlNode* loss = map.need("loss", "add 'loss: cross_entropy'")) {
    job.model.loss = read_loss(checker, *loss);
  }
}

void read_whole(const YamlNode& root, Programs programs, JobSpec& job,
                std::vector<InputError>& errors) {
  Checker checker(errors);
  MapReader map(checker, root, "");
  read_name(map, job);
  job.train.seed = job.model.seed = read_seed(map);
  read_data(map, job);
  read_model(checker, map, programs, job);
  if (const YamlNode* node = map.find("autobatch")) {
    job.autobatch =
        checker.boolean(*node, "autobatch").value_or(true) ? Autobatch::on : Autobatch::off;
  }
  if (const YamlNode* node = map.need("optimizer", "add 'optimizer: {adam: {rate: 1.0e-3}}'")) {
    job.train.optimizer = read_optimizer(checker, *node);
  }
  YamlNode constant;
  constant.kind = YamlNode::Kind::scalar;
  constant.text = "constant";
  const YamlNode* schedule = map.find("schedule");
  job.train.schedule = read_schedule(checker, schedule ? *schedule : constant);
  read_clip(map, job.train.clip);
  read_train(map, job.train);
  read_contributors(map, job);
  if (const YamlNode* node = map.find("master_computes")) {
    job.master_computes = checker.boolean(*node, "master_computes");
  }
  map.integer("threads", job.threads, 0, 4096);
  read_checkpoint(map, job.checkpoint);
  map.finish();
}

}  // namespace

void use_samples(JobSpec& job) {
  job.train_manifest = *job.samples_folder / "train.yaml";
  if (job.valid_manifest) job.valid_manifest = *job.samples_folder / "valid.yaml";
  job.data_made_by.clear();
  // Not the run of the job itself.
  job.name += "_samples";
}

std::optional<JobSpec> read_job(const std::filesystem::path& file,
                                const std::vector<std::string>& overrides,
                                std::vector<InputError>& errors, Programs programs) {
  std::optional<std::string> text = file_text(file, errors);
  if (!text) return std::nullopt;
  std::vector<InputError> found;
  std::optional<YamlNode> root = parse_yaml(*text, file.string(), found);
  JobSpec job;
  job.file = file;
  if (root) {
    if (root->place.line == 0) root->place = Place{file.string(), 1, 1};
    for (const std::string& override_text : overrides) {
      apply_override(*root, override_text, found);
    }
    read_whole(*root, programs, job, found);
  }
  // Places in the file first and in its order, then those that stand on the command line.
  const auto order = [&](const InputError& error) {
    const Place& place = error.place();
    return std::tuple(place.file != file.string(), place.line, place.column);
  };
  std::ranges::stable_sort(found, {}, order);
  const bool good = found.empty();
  errors.insert(errors.end(), found.begin(), found.end());
  if (!good) return std::nullopt;
  job.text = std::move(*text);
  return job;
}

}  // namespace raven
