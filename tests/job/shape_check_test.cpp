#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "raven/data/manifest.hpp"
#include "raven/data/shard.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/ops/metric.hpp"
#include "raven/job/check.hpp"

namespace raven {
namespace {

using Texts = std::vector<std::string>;

/// A folder with a data set of 40 rows and a job on it.
class CheckJob : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "raven-check-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    write_data("train", image_schema(), 40);
    write_data("valid", image_schema(), 10);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static SampleSchema image_schema() {
    return {.feature_type = FeatureType::f32,
            .feature_shape = Shape{6, 6, 2},
            .normalisation = {},
            .target_kind = TargetKind::classes,
            .target_width = 4};
  }

  void write_data(const std::string& name, const SampleSchema& schema, std::int64_t rows) {
    const Bytes features(schema.feature_bytes() * static_cast<std::size_t>(rows));
    const Bytes targets(schema.target_bytes() * static_cast<std::size_t>(rows));
    Manifest manifest;
    manifest.name = name;
    manifest.schema = schema;
    manifest.file = folder_ / (name + ".yaml");
    const Digest digest = write_shard(folder_ / (name + ".h5"), schema, features, targets);
    manifest.shards.push_back({.file = name + ".h5", .rows = rows, .sha256 = digest});
    write_manifest(manifest, manifest.file);
  }

  /// Errors without the folder in front of files.
  Texts check(const std::string& model, const std::string& loss = "cross_entropy",
              const std::string& more = "data: {train: train.yaml, valid: valid.yaml}\n") {
    std::ofstream(folder_ / "job.yaml")
        << "model: " << model << "\nloss: " << loss << "\noptimizer: adam\n"
        << more;
    std::vector<InputError> errors;
    const auto job = read_job(folder_ / "job.yaml", {"train.batch=16", "train.snippets=4"}, errors);
    if (job) summary_ = check_job(*job, errors);
    EXPECT_EQ(summary_.has_value() && job, errors.empty());
    return without_folder(errors);
  }

  /// The same of a job whose model is a program.
  Texts check_program(const ProgramDef& program) {
    std::ofstream(folder_ / "job.yaml")
        << "model: {program: " << program.name
        << "}\noptimizer: adam\ndata: {train: train.yaml, valid: valid.yaml}\n";
    std::vector<InputError> errors;
    const ProgramDef* const programs[] = {&program};
    const auto job = read_job(folder_ / "job.yaml", {"train.batch=16"}, errors, programs);
    if (job) summary_ = check_job(*job, errors);
    EXPECT_EQ(summary_.has_value() && job, errors.empty());
    return without_folder(errors);
  }

  Texts without_folder(const std::vector<InputError>& errors) const {
    Texts texts;
    for (const InputError& error : errors) {
      std::string text = error.what();
      for (std::size_t at; (at = text.find(folder_.string() + "/")) != std::string::npos;) {
        text.erase(at, folder_.string().size() + 1);
      }
      texts.push_back(text);
    }
    return texts;
  }

  std::filesystem::path folder_;
  std::optional<JobSummary> summary_;
};

TEST_F(CheckJob, a_sound_job_is_summed_up) {
  EXPECT_EQ(check("[flatten, {linear: {features: 5}}, {linear: {features: 4}}]"), Texts{});
  ASSERT_TRUE(summary_);
  EXPECT_EQ(summary_->features, "f32 [6, 6, 2]");
  EXPECT_EQ(summary_->targets, "4 classes");
  EXPECT_EQ(summary_->train_samples, 40);
  EXPECT_EQ(summary_->valid_samples, 10);
  EXPECT_EQ(summary_->parameters, 72 * 5 + 5 + 5 * 4 + 4);
  EXPECT_EQ(summary_->statistics, 0);
  EXPECT_EQ(summary_->parameter_bytes, static_cast<std::uint64_t>(4 * summary_->parameters));
  EXPECT_EQ(summary_->optimizer_bytes, 2 * summary_->parameter_bytes) << "adam keeps two moments";
  EXPECT_EQ(summary_->steps_per_epoch, 3) << "16 + 16 + 8";
  EXPECT_EQ(summary_->snippet_rows, 4);
  // Forward and the weight's gradient for both layers, the input's gradient only where something
  // below is trained.
  EXPECT_EQ(summary_->flops_per_step, 16 * 2.0 * (2 * 72 * 5 + 3 * 5 * 4));
  EXPECT_GT(summary_->workspace_bytes, 0U);
  EXPECT_EQ(summary_->notes, Texts{});
}

TEST_F(CheckJob, running_statistics_are_counted_apart) {
  EXPECT_EQ(check("[batch_norm, flatten, {linear: {features: 4}}]"), Texts{});
  ASSERT_TRUE(summary_);
  EXPECT_EQ(summary_->statistics, 4) << "mean and variance of two channels";
  EXPECT_EQ(summary_->parameters, 4 + 72 * 4 + 4);
}

TEST_F(CheckJob, a_last_layer_of_another_width_than_the_classes_is_told_with_its_place) {
  EXPECT_EQ(
      check("[flatten, {linear: {features: 10}}]"),
      Texts{
          "job.yaml:1:19: the last layer makes 10 numbers per sample, but the data has 4 classes; "
          "make the last layer 4 wide"});
}

TEST_F(CheckJob, a_layer_that_does_not_fit_is_told_with_its_place) {
  const Texts texts = check("[flatten, {conv2d: {channels: 4, kernel: 3}}]");
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_TRUE(texts[0].starts_with("job.yaml:1:19: ")) << texts[0];
}

TEST_F(CheckJob, a_loss_that_does_not_fit_the_targets_is_told_with_its_place) {
  const Texts texts = check("[flatten, {linear: {features: 4}}]", "mse");
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_TRUE(texts[0].starts_with("job.yaml:2:7: ")) << texts[0];
}

TEST_F(CheckJob, a_state_is_carried_where_windows_follow_one_another_and_forward_only) {
  const auto texts_of = [&](const std::string& options) {
    return check("[{reshape: {shape: [12, 6]}}, {gru: {features: 3, " + options +
                 "}}, flatten, {linear: {features: 4}}]");
  };
  EXPECT_EQ(texts_of("carry: false"), Texts{});
  const Texts images = texts_of("carry: true");
  ASSERT_EQ(images.size(), 1U);
  EXPECT_TRUE(images[0].starts_with("job.yaml:1:39: 1.gru: there is no state to carry"))
      << images[0];
  const Texts both = texts_of("carry: true, bidirectional: true");
  ASSERT_EQ(both.size(), 1U);
  EXPECT_TRUE(both[0].starts_with("job.yaml:1:39: 1.gru: the state of the way back")) << both[0];
}

TEST_F(CheckJob, token_ids_need_an_embedding) {
  SampleSchema tokens{.feature_type = FeatureType::i32,
                      .feature_shape = Shape{12},
                      .vocabulary = 50,
                      .normalisation = {},
                      .target_kind = TargetKind::classes,
                      .target_width = 4};
  write_data("train", tokens, 40);
  const std::string data = "data: {train: train.yaml}\n";
  const Texts texts = check("[{linear: {features: 4}}]", "cross_entropy", data);
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_TRUE(texts[0].starts_with("job.yaml:1:10: ")) << texts[0];
  EXPECT_EQ(check("[{embedding: {count: 50, width: 8}}, flatten, {linear: {features: 4}}]",
                  "cross_entropy", data),
            Texts{});
  EXPECT_EQ(check("[{embedding: {count: 49, width: 8}}, flatten, {linear: {features: 4}}]",
                  "cross_entropy", data),
            Texts{"job.yaml:1:10: embedding.count is 49, but the data has token ids up to 49; "
                  "write at least 50"});
}

TEST_F(CheckJob, validation_data_of_another_kind_is_refused) {
  SampleSchema other = image_schema();
  other.feature_shape = Shape{6, 7, 2};
  write_data("valid", other, 10);
  EXPECT_EQ(
      check("[flatten, {linear: {features: 4}}]"),
      Texts{"valid.yaml: its features are f32 [6, 7, 2] per sample, but the data to train on "
            "has f32 [6, 6, 2] per sample; give data of the same kind ('raven data show' tells "
            "what a data set is)"});
  other = image_schema();
  other.target_width = 5;
  write_data("valid", other, 10);
  EXPECT_EQ(check("[flatten, {linear: {features: 4}}]"),
            Texts{"valid.yaml: its targets are 5 classes, but the data to train on has 4 classes; "
                  "give data of the same kind"});
  other = image_schema();
  other.normalisation.scale = 2;
  write_data("valid", other, 10);
  EXPECT_EQ(check("[flatten, {linear: {features: 4}}]"), Texts{});
  ASSERT_EQ(summary_->notes.size(), 1U);
  EXPECT_NE(summary_->notes[0].find("it is normalised by"), std::string::npos);
}

TEST_F(CheckJob, missing_manifests_and_shards_are_all_told) {
  std::filesystem::remove(folder_ / "valid.yaml");
  std::filesystem::remove(folder_ / "train.h5");
  const Texts texts = check("[flatten, {linear: {features: 10}}]");
  ASSERT_EQ(texts.size(), 3U);
  EXPECT_NE(texts[0].find("shard train.h5 is not there"), std::string::npos) << texts[0];
  EXPECT_TRUE(texts[0].starts_with("train.yaml:")) << texts[0];
  EXPECT_NE(texts[1].find("valid.yaml"), std::string::npos) << texts[1];
  EXPECT_NE(texts[2].find("10 numbers per sample"), std::string::npos)
      << "and the model is checked all the same";
}

TEST_F(CheckJob, samples_of_one_length_are_not_grouped_by_it) {
  const std::string data = "data: {train: train.yaml, valid: valid.yaml}\n";
  EXPECT_EQ(check("[flatten, {linear: {features: 4}}]", "cross_entropy",
                  data + "train: {group_by_length: 10}\n"),
            Texts{"job.yaml: train.group_by_length is for sentences and trees, but all samples of "
                  "this data are of one length; leave it out"});
}

TEST_F(CheckJob, what_is_allowed_but_odd_is_noted) {
  EXPECT_EQ(check("[flatten, {linear: {features: 4}}]", "cross_entropy",
                  "data: {train: train.yaml}\ncheckpoint: {keep: 1}\n"),
            Texts{});
  ASSERT_TRUE(summary_);
  ASSERT_EQ(summary_->notes.size(), 1U);
  EXPECT_NE(summary_->notes[0].find("no data.valid"), std::string::npos);
}

/// Images [6, 6, 2] to `Wide` numbers, whose mistake shows with a sample only.
template <std::int64_t wide, bool learns, bool as_in_training>
class Looks {
 public:
  explicit Looks(Builder& build)
      : wide_(build, "wide", 72, wide), classes_(build, "classes", 5, build.classes()) {}
  void operator()(const Sample& sample) const {
    const Variable logits = classes_(wide_(flatten(sample.features())));
    if (as_in_training || sample.training()) sample.predict(logits);
    if (!learns) return;
    sample.learn(cross_entropy(logits, sample.targets()));
    sample.report("accuracy", accuracy(logits, sample.targets()));
  }

 private:
  Linear wide_;
  Linear classes_;
};

TEST_F(CheckJob, a_program_is_run_on_a_sample_and_summed_up) {
  static constexpr ProgramDef sound = program_of<Looks<5, true, true>>("sound");
  EXPECT_EQ(check_program(sound), Texts{});
  ASSERT_TRUE(summary_);
  EXPECT_EQ(summary_->parameters, 72 * 5 + 5 + 5 * 4 + 4);
}

TEST_F(CheckJob, a_program_whose_shapes_do_not_fit_is_told_with_its_place) {
  static constexpr ProgramDef narrow = program_of<Looks<3, true, true>>("narrow");
  const Texts texts = check_program(narrow);
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_TRUE(texts[0].starts_with("job.yaml:1:8: narrow, on the first sample of train.yaml: "))
      << texts[0];
}

TEST_F(CheckJob, a_program_that_learns_nothing_is_told) {
  static constexpr ProgramDef idle = program_of<Looks<5, false, true>>("idle");
  EXPECT_EQ(check_program(idle),
            Texts{"job.yaml:1:8: idle, on the first sample of train.yaml: the program gives a "
                  "sample no loss; call sample.learn() for every sample"});
}

TEST_F(CheckJob, a_program_that_predicts_in_training_only_is_told) {
  static constexpr ProgramDef shy = program_of<Looks<5, true, false>>("shy");
  const Texts texts = check_program(shy);
  ASSERT_EQ(texts.size(), 2U) << "of the data to train on, and of the data to validate on";
  EXPECT_TRUE(texts[0].starts_with(
      "job.yaml:1:8: shy gives the same sample in validation no prediction, a loss, 'accuracy', "
      "but one to train on a prediction of rows [4], a loss, 'accuracy'; "))
      << texts[0];
}

TEST_F(CheckJob, a_shard_that_a_program_can_not_look_at_is_told_with_its_place) {
  static constexpr ProgramDef sound = program_of<Looks<5, true, true>>("sound");
  std::ofstream(folder_ / "train.h5", std::ios::app) << "x";
  const Texts texts = check_program(sound);
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_TRUE(texts[0].starts_with("train")) << texts[0];
}

}  // namespace
}  // namespace raven
