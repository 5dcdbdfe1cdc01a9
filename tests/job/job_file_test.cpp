#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "raven/core/random.hpp"
#include "raven/job/job_spec.hpp"
#include "source_tree.hpp"

namespace raven {
namespace {

const std::filesystem::path folder = std::filesystem::path(RAVEN_TEST_DATA) / "job";

std::vector<std::string> texts_of(const std::vector<InputError>& errors) {
  std::vector<std::string> texts;
  for (const InputError& error : errors) texts.emplace_back(error.what());
  return texts;
}

JobSpec read_valid(const std::vector<std::string>& overrides = {}) {
  std::vector<InputError> errors;
  std::optional<JobSpec> job = read_job(folder / "valid/everything.yaml", overrides, errors);
  EXPECT_EQ(texts_of(errors), std::vector<std::string>{});
  if (!job) throw std::runtime_error("the valid job is refused");
  return *job;
}

/// A job file that lives as long as the test.
class ScratchFile {
 public:
  explicit ScratchFile(std::string_view text) {
    std::string pattern = (std::filesystem::temp_directory_path() / "raven-job-XXXXXX").string();
    const int handle = ::mkstemp(pattern.data());
    if (handle < 0) throw std::runtime_error("no temporary file");
    ::close(handle);
    path_ = pattern;
    write(text);
  }
  ~ScratchFile() { std::filesystem::remove(path_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void write(std::string_view text) const {
    std::ofstream(path_, std::ios::binary)
        .write(text.data(), static_cast<std::streamsize>(text.size()));
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::vector<InputError> errors_of(std::string_view text,
                                  const std::vector<std::string>& overrides = {}) {
  const ScratchFile file(text);
  std::vector<InputError> errors;
  const bool good = read_job(file.path(), overrides, errors).has_value();
  EXPECT_EQ(good, errors.empty());
  return errors;
}

constexpr std::string_view least_job =
    "data: {train: d.yaml}\nmodel: [flatten]\nloss: mse\noptimizer: adam\n";

TEST(JobFile, a_sample_set_takes_the_place_of_the_data_and_names_the_run) {
  const ScratchFile file(
      "name: n\n"
      "data: {train: d/t.yaml, valid: d/v.yaml, samples: s,\n"
      "       made_by: ['make {folder}', import it]}\n"
      "model: [flatten]\nloss: mse\noptimizer: adam\n");
  const auto read = [&](const std::vector<std::string>& overrides) {
    std::vector<InputError> errors;
    const auto job = read_job(file.path(), overrides, errors);
    EXPECT_EQ(texts_of(errors), std::vector<std::string>{});
    return job.value_or(JobSpec{});
  };
  const std::filesystem::path here = file.path().parent_path();
  const JobSpec usual = read({});
  EXPECT_EQ(usual.name, "n");
  EXPECT_EQ(usual.train_manifest, here / "d/t.yaml");
  EXPECT_EQ(usual.samples_folder, here / "s");
  EXPECT_EQ(usual.data_made_by, (std::vector<std::string>{"make {folder}", "import it"}));
  EXPECT_EQ(read({"data.made_by=make it"}).data_made_by, std::vector<std::string>{"make it"});

  const JobSpec small = read({"data.use_samples=true"});
  EXPECT_EQ(small.name, "n_samples");
  EXPECT_EQ(small.train_manifest, here / "s/train.yaml");
  EXPECT_EQ(small.valid_manifest, here / "s/valid.yaml");

  const auto errors = errors_of(least_job, {"data.use_samples=true"});
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].problem(), "data.use_samples is true, but the job names no sample set");
}

TEST(JobFile, every_key_of_a_job_reaches_its_field) {
  const JobSpec job = read_valid();
  EXPECT_EQ(job.name, "everything");
  EXPECT_EQ(job.train.seed, 18446744073709551615U);
  EXPECT_EQ(job.model.seed, 18446744073709551615U);
  EXPECT_EQ(job.train_manifest, folder / "data/train.yaml");
  EXPECT_EQ(job.valid_manifest, "/somewhere/valid.yaml");
  EXPECT_EQ(job.data_cache_bytes, 512U << 20);

  ASSERT_EQ(job.model.layers.size(), 5U);
  const Choice& conv = job.model.layers[0].layer;
  EXPECT_EQ(conv.type, "conv2d");
  EXPECT_EQ(conv.options.integer("channels"), 8);
  EXPECT_EQ(conv.options.integers("kernel"), (std::vector<std::int64_t>{3, 5}));
  EXPECT_EQ(conv.options.integers("padding"), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(conv.options.text("activation"), "relu");
  EXPECT_TRUE(conv.options.boolean("bias")) << "a default that the job leaves out";
  EXPECT_EQ(conv.place.line, 9);
  EXPECT_EQ(conv.place.column, 5);
  EXPECT_EQ(job.model.layers[2].layer.type, "flatten");
  ASSERT_EQ(job.model.layers[3].block.size(), 2U);
  EXPECT_FALSE(job.model.layers[3].block[0].layer.options.boolean("bias"));
  EXPECT_EQ(job.model.layers[3].block[1].layer.options.real("rate"), 0.25);
  EXPECT_EQ(job.model.layers[4].layer.options.integer("features"), 10);

  EXPECT_EQ(job.model.loss.type, "cross_entropy");
  EXPECT_EQ(job.model.loss.options.real("label_smoothing"), 0.1);
  EXPECT_EQ(job.train.optimizer.type, "adam");
  EXPECT_EQ(job.train.optimizer.options.real("rate"), 2.0e-3);
  EXPECT_EQ(job.train.optimizer.options.real("beta1"), 0.8);
  EXPECT_EQ(job.train.optimizer.options.real("beta2"), 0.999);
  EXPECT_EQ(job.train.schedule.type, "cosine");
  EXPECT_EQ(job.train.schedule.options.integer("warmup"), 100);
  EXPECT_EQ(job.train.clip.norm, 1.5);
  EXPECT_EQ(job.train.clip.value, 0.25);
  EXPECT_EQ(job.train.epochs, 7);
  EXPECT_EQ(job.train.max_steps, 5000);
  EXPECT_EQ(job.train.batch, 96);
  EXPECT_EQ(job.train.snippets, 12);
  EXPECT_FALSE(job.train.shuffle);
  EXPECT_EQ(job.contributors.min, 2);
  EXPECT_EQ(job.contributors.numerics, ContributorSpec::Numerics::any);
  EXPECT_EQ(job.contributors.heartbeat.count(), 250);
  EXPECT_EQ(job.contributors.lost_after.count(), 3000);
  EXPECT_EQ(job.contributors.lease.count(), 120000);
  EXPECT_EQ(job.master_computes, false);
  EXPECT_EQ(job.threads, 3);
  EXPECT_EQ(job.checkpoint.every.count(), 90000);
  EXPECT_EQ(job.checkpoint.keep, 5);
}

TEST(JobFile, what_a_job_leaves_out_has_the_documented_default) {
  const ScratchFile file(least_job);
  std::vector<InputError> errors;
  const std::optional<JobSpec> job = read_job(file.path(), {}, errors);
  ASSERT_TRUE(job) << texts_of(errors).front();
  EXPECT_EQ(job->name, file.path().stem());
  EXPECT_EQ(job->train.seed, 1U);
  EXPECT_EQ(job->train.epochs, 1);
  EXPECT_EQ(job->train.max_steps, 0);
  EXPECT_EQ(job->train.batch, 32);
  EXPECT_EQ(job->train.snippets, 8);
  EXPECT_EQ(job->train.schedule.type, "constant");
  EXPECT_FALSE(job->valid_manifest);
  EXPECT_FALSE(job->master_computes);
  EXPECT_EQ(job->contributors.numerics, ContributorSpec::Numerics::strict);
}

TEST(JobFile, snippets_that_nobody_asked_for_never_outnumber_a_small_batch) {
  const ScratchFile file(std::string(least_job) + "train: {batch: 3}\n");
  std::vector<InputError> errors;
  const std::optional<JobSpec> job = read_job(file.path(), {}, errors);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->train.snippets, 3);
}

TEST(JobFile, samples_are_grouped_by_length_only_when_it_says_so) {
  for (const std::int64_t batches : {0, 25}) {
    const std::string more =
        batches == 0 ? "" : "train: {group_by_length: " + std::to_string(batches) + "}\n";
    const ScratchFile file(std::string(least_job) + more);
    std::vector<InputError> errors;
    const std::optional<JobSpec> job = read_job(file.path(), {}, errors);
    ASSERT_TRUE(job);
    EXPECT_EQ(job->train.group_by_length, batches);
  }
}

TEST(JobFile, steps_alone_are_not_cut_short_by_the_default_of_one_epoch) {
  const ScratchFile file(std::string(least_job) + "train: {steps: 700}\n");
  std::vector<InputError> errors;
  const std::optional<JobSpec> job = read_job(file.path(), {}, errors);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->train.max_steps, 700);
  EXPECT_GE(job->train.epochs, 700);
}

TEST(JobFile, windows_line_ends_and_a_byte_order_mark_do_no_harm) {
  std::string text = "\xEF\xBB\xBF";
  for (const char c : least_job) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(texts_of(errors_of(text)), std::vector<std::string>{});
}

TEST(JobFile, a_file_that_is_not_there_is_told_by_its_name) {
  std::vector<InputError> errors;
  EXPECT_FALSE(read_job("/nowhere/job.yaml", {}, errors));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_STREQ(
      errors[0].what(),
      "/nowhere/job.yaml: there is no such job file; check the path; jobs/ holds examples");
  errors.clear();
  EXPECT_FALSE(read_job(folder, {}, errors));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].problem(), "this is a folder, not a job file");
}

TEST(JobFile, a_file_of_more_than_a_mebibyte_is_refused_without_parsing) {
  const auto errors = errors_of(std::string((1U << 20) + 1, '#'));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_NE(errors[0].problem().find("at most 1 MiB"), std::string::npos);
}

TEST(JobFile, brackets_nested_without_end_are_refused) {
  const auto errors = errors_of("model: " + std::string(100'000, '['));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_NE(errors[0].problem().find("inside each other"), std::string::npos) << errors[0].what();
}

TEST(JobFile, a_bomb_of_aliases_is_refused_without_being_unfolded) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int k = 0; k < 8; ++k) text += ", " + last;
    text += "]\n";
  }
  const auto errors = errors_of(text);
  ASSERT_GE(errors.size(), 100U);
  EXPECT_LE(errors.size(), 102U) << "the list of mistakes ends";
}

TEST(JobFile, a_file_of_endless_values_is_refused) {
  std::string text = "model: [";
  for (int i = 0; i < 100'000; ++i) text += "a,";
  const auto errors = errors_of(text + "]\n");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_NE(errors[0].problem().find("more than 20000 values"), std::string::npos);
}

TEST(JobFile, an_override_counts_as_if_the_file_said_so) {
  const JobSpec job = read_valid({"train.batch=128", "model.4.linear.features=12", "name=other",
                                  "optimizer={sgd: {rate: 0.5}}", "data.train=elsewhere.yaml",
                                  "model.0.conv2d.kernel=[1, 1]", "train.batch=256"});
  EXPECT_EQ(job.train.batch, 256) << "the last one wins";
  EXPECT_EQ(job.model.layers[4].layer.options.integer("features"), 12);
  EXPECT_EQ(job.name, "other");
  EXPECT_EQ(job.train.optimizer.type, "sgd");
  EXPECT_EQ(job.train.optimizer.options.real("rate"), 0.5);
  EXPECT_EQ(job.train_manifest, folder / "valid/elsewhere.yaml");
  EXPECT_EQ(job.model.layers[0].layer.options.integers("kernel"),
            (std::vector<std::int64_t>{1, 1}));
}

TEST(JobFile, an_override_makes_the_maps_that_it_needs) {
  const ScratchFile file(least_job);
  std::vector<InputError> errors;
  const auto job = read_job(
      file.path(), {"train.batch=64", "optimizer.adam.rate=0.25", "contributors.min=3"}, errors);
  ASSERT_TRUE(job) << texts_of(errors).front();
  EXPECT_EQ(job->train.batch, 64);
  EXPECT_EQ(job->train.optimizer.options.real("rate"), 0.25) << "a bare word becomes a map";
  EXPECT_EQ(job->contributors.min, 3);
}

TEST(JobFile, a_wrong_override_is_told_by_what_was_typed) {
  const struct {
    std::string override_text;
    std::string message;
  } cases[] = {
      {"train.batch=many",
       "--set train.batch=many: train.batch is 'many', not a whole number; "
       "write a whole number from 1 to 16777216"},
      {"train.bacth=8", "--set train.bacth=8: unknown key 'bacth' in train; did you mean 'batch'?"},
      {"model.7.linear.features=8",
       "--set model.7.linear.features=8: model is a list of 1 and has no item '7'; "
       "items are numbered from 0"},
      {"model.0.linear.features=8",
       "--set model.0.linear.features=8: model.0 is 'flatten', which has no "
       "'linear' in it; override model.0 as a whole"},
      {"train.batch",
       "--set train.batch: this is not 'key=value'; write for instance --set train.batch=128"},
      {"=3", "--set =3: this is not 'key=value'; write for instance --set train.batch=128"},
      {"train..batch=3",
       "--set train..batch=3: a part of the key is empty; write for instance --set "
       "train.batch=128"},
      {"train.batch=",
       "--set train.batch=: train.batch has no value, not a whole number; "
       "write a whole number from 1 to 16777216"},
      {"train={batch: 3",
       "--set train={batch: 3: this is not YAML: a '{' is never closed, or a ',' is missing; "
       "check brackets, quotes and indentation in this line and the one before"},
  };
  for (const auto& [override_text, message] : cases) {
    EXPECT_EQ(texts_of(errors_of(least_job, {override_text})), std::vector{message});
  }
}

TEST(JobFile, mistakes_come_in_the_order_of_the_file_and_overrides_last) {
  const auto errors = errors_of("zzz: 1\n" + std::string(least_job) + "aaa: 2\n", {"bbb=3"});
  ASSERT_EQ(errors.size(), 3U);
  EXPECT_EQ(errors[0].place().line, 1);
  EXPECT_EQ(errors[1].place().line, 6);
  EXPECT_EQ(errors[2].place().file, "--set bbb=3");
}

TEST(JobFile, no_damage_to_a_job_crashes_the_reader) {
  std::ifstream stream(folder / "valid/everything.yaml", std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(stream), {}};
  ASSERT_FALSE(good.empty());
  const ScratchFile file("");
  RandomStream random({.seed = 20, .op = 1});
  const auto any = [&](std::size_t bound) {
    return random.below(static_cast<std::uint32_t>(bound));
  };
  constexpr std::string_view spice = "{}[]:,-#&*!|>'\"%@`\n\t ?<=~0e.\\\x80\xC3\x00\x04";
  int refused = 0;
  for (int run = 0; run < 1500; ++run) {
    std::string text = good;
    for (std::uint32_t edits = 1 + any(4); edits > 0 && !text.empty(); --edits) {
      const std::size_t at = any(text.size());
      switch (any(5)) {
        case 0:
          text[at] = spice[any(spice.size())];
          break;
        case 1:
          text.insert(at, 1, spice[any(spice.size())]);
          break;
        case 2:
          text.erase(at, 1 + any(20));
          break;
        case 3:
          text.insert(at, text.substr(any(text.size()), 1 + any(60)));
          break;
        default:
          text.resize(at);
      }
    }
    file.write(text);
    std::vector<InputError> errors;
    const auto job = read_job(file.path(), {}, errors);
    ASSERT_EQ(job.has_value(), errors.empty()) << text;
    refused += job ? 0 : 1;
    for (const InputError& error : errors) {
      ASSERT_EQ(error.place().file, file.path()) << text;
      ASSERT_FALSE(error.problem().empty());
      ASSERT_FALSE(error.remedy().empty());
    }
  }
  EXPECT_GT(refused, 750) << "the damage must be worth the name";
}

}  // namespace
}  // namespace raven
