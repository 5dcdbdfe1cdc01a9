#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "raven/job/job_spec.hpp"
#include "source_tree.hpp"

namespace raven {
namespace {

std::filesystem::path broken_file(std::string_view name) {
  return std::filesystem::path(RAVEN_TEST_DATA) / "job/broken" / (std::string(name) + ".yaml");
}

/// What is said of the program that none of these jobs' executables has.
std::string no_program(std::string_view name) {
  return "3:8: model.program is 'nobody', which this executable does not have; run the job with "
         "the program of that name in place of 'raven', for instance build/release/programs/nobody "
         "train " +
         broken_file(name).string();
}

/// A file of tests/job/broken and all that is said of it, each without the file's name in front.
struct BrokenJob {
  std::string_view name;
  std::vector<std::string> messages;
};

const std::vector<BrokenJob> broken_jobs{
    {"a_list", {"1:1: the job is a list, not a map; write 'key: value' lines"}},
    {"a_word", {"1:1: the job is 'digits', not a map; write 'key: value' lines"}},
    {"anchor_and_alias",
     {"4:13: an anchor ('&name') (jobs have none, so that each value stands where it is used); "
      "write the value out",
      "5:5: model.1.linear.features is missing; add it: a whole number, at least 1 (numbers per "
      "sample that come out)",
      "5:13: an alias ('*name') (jobs have none, so that each value stands where it is used); "
      "write the value out"}},
    {"autobatch_is_a_word", {"6:12: autobatch is 'perhaps', not a yes or no; write true or false"}},
    {"batch_is_a_fraction",
     {"6:16: train.batch is '12.5', not a whole number; write a whole number from 1 to 16777216"}},
    {"batch_is_empty",
     {"8:3: train.batch has no value, not a whole number; write a whole number from 1 to "
      "16777216"}},
    {"batch_is_zero",
     {"6:16: train.batch is 0, out of range; write a whole number from 1 to 16777216"}},
    {"bracket_not_closed",
     {"4:1: this is not YAML: a '{' is never closed, or a ',' is missing; check brackets, quotes "
      "and indentation in this line and the one before"}},
    {"bytes_without_unit",
     {"1:34: data.cache is '512', not a number of bytes; write it with its unit, for instance 512 "
      "MiB or 4 GB"}},
    {"clip_is_a_number", {"6:7: clip is '1.0', not a map; write 'key: value' lines"}},
    {"data_missing", {"1:1: data is missing; add 'data: {train: ../data/digits/train.yaml}'"}},
    {"empty", {" the file is empty; see jobs/README.md for what a job says"}},
    {"grouped_but_not_shuffled",
     {"6:26: train.group_by_length puts shuffled samples in order of length, but train.shuffle is "
      "false; leave one of the two out"}},
    {"grouped_by_less_than_nothing",
     {"6:26: train.group_by_length is -1, out of range; write a whole number from 0 to 1000000"}},
    {"indentation_off",
     {"8:3: this is not YAML: the indentation does not fit the lines above; check brackets, quotes "
      "and indentation in this line and the one before"}},
    {"key_is_a_list", {"1:1: a key that is a list (keys are words); write a word before the ':'"}},
    {"key_misspelt", {"6:20: unknown key 'bacth' in train; did you mean 'batch'?"}},
    {"key_of_a_later_feature",
     {"6:24: unknown key 'join' in contributors; known here: min, max, bar_after, numerics, "
      "heartbeat, lost_after, "
      "lease, let_in, spawn"}},
    {"key_of_another_tool", {"6:9: unknown key 'batch_size' in train; did you mean 'batch'?"}},
    {"key_twice", {"9:3: key 'batch' comes twice (first in line 7); remove one of them"}},
    {"key_unlike_any",
     {"6:1: unknown key 'zzzzzz' in the job; known here: name, seed, data, model, loss, autobatch, "
      "optimizer, "
      "schedule, clip, train, contributors, master_computes, threads, checkpoint"}},
    {"layer_is_a_list",
     {"4:5: model.0 is a list, not a layer; write a layer's name, alone or as 'name: {option: "
      "value}'"}},
    {"layer_misspelt", {"5:5: there is no layer 'liner'; did you mean 'linear'?"}},
    {"layer_of_another_tool", {"5:5: there is no layer 'dense'; did you mean 'linear'?"}},
    {"layer_options_not_indented",
     {"5:5: model.0 has both 'linear' and 'features', but is one layer; begin a new list item with "
      "'-', or indent the layer's options further"}},
    {"learning_rate", {"5:20: unknown key 'lr' in optimizer.adam; did you mean 'rate'?"}},
    {"loss_beside_a_program",
     {no_program("loss_beside_a_program"),
      "4:7: a program says itself what its loss is; remove 'loss'"}},
    {"loss_is_a_list",
     {"4:7: loss is a list, not a loss; write a loss's name, alone or as 'name: {option: value}'"}},
    {"loss_misspelt", {"4:7: there is no loss 'cros_entropy'; did you mean 'cross_entropy'?"}},
    {"lost_before_a_heartbeat",
     {"6:27: contributors.lost_after is 4000 ms, less than two heartbeats of 10000 ms (one late "
      "sign of life would count as a death); make it at least 20000 ms"}},
    {"many_at_once",
     {"1:1: unknown key 'naem' in the job; did you mean 'name'?",
      "2:7: seed is 'one', not a whole number; write a whole number from 0 to 18446744073709551615",
      "3:25: data.cache is '4 GX', not a number of bytes; write it with its unit, for instance 512 "
      "MiB or 4 GB",
      "5:5: there is no layer 'flaten'; did you mean 'flatten'?",
      "6:24: model.1.linear.features is 0, out of range; write a whole number, at least 1",
      "6:39: model.1.linear.activation can't be 'rellu'; did you mean 'relu'?",
      "7:5: model.2.linear.features is missing; add it: a whole number, at least 1 (numbers per "
      "sample that come out)",
      "8:41: loss.cross_entropy.label_smoothing is 2, out of range; write a number from 0 to 1",
      "9:13: there is no optimizer 'adamm'; did you mean 'adam'?",
      "10:17: train.epochs is 0, out of range; write a whole number from 1 to 1000000000",
      "10:40: train.snippets is 4, more than the 2 samples of a batch (a snippet needs a sample); "
      "write at most 2, or a larger train.batch",
      "11:10: threads is 'many', not a whole number; write a whole number from 0 to 4096",
      "12:20: checkpoint.keep is 0, out of range; write a whole number from 1 to 1000000"}},
    {"merge_key", {"5:7: a merge key ('<<') (jobs have none); write the values out"}},
    {"mistake_inside_a_residual",
     {"6:30: model.0.residual.layers.0.linear.features is -1, out of range; write a whole number, "
      "at least 1"}},
    {"model_is_a_map",
     {"4:3: model is a map, not a list of layers; write one layer per line, for instance '- "
      "linear: {features: 10}'"}},
    {"model_is_a_program", {no_program("model_is_a_program")}},
    {"model_is_empty",
     {"3:8: model has no layers; write one layer per line, for instance '- linear: {features: "
      "10}'"}},
    {"more_snippets_than_samples",
     {"6:29: train.snippets is 8, more than the 4 samples of a batch (a snippet needs a sample); "
      "write at most 4, or a larger train.batch"}},
    {"name_with_a_slash",
     {"1:7: name is '../../etc/passwd' (it names the run's folder); use up to 100 letters, digits, "
      "'-', '_' and '.', and begin with a letter or digit"}},
    {"not_utf8", {"1:9: byte 0xfc is not UTF-8 (YAML is read as UTF-8); save the file as UTF-8"}},
    {"nothing_but_a_name",
     {"1:1: data is missing; add 'data: {train: ../data/digits/train.yaml}'",
      "1:1: model is missing; add 'model: [flatten, {linear: {features: 10}}]'",
      "1:1: loss is missing; add 'loss: cross_entropy'",
      "1:1: optimizer is missing; add 'optimizer: {adam: {rate: 1.0e-3}}'"}},
    {"nul_byte",
     {"1:8: control character 0x00 (this is not a text file); remove it, or check that this is the "
      "job file"}},
    {"numerics_misspelt",
     {"6:26: contributors.numerics can't be 'strickt'; did you mean 'strict'?"}},
    {"only_comments", {" the file is empty; see jobs/README.md for what a job says"}},
    {"option_in_quotes",
     {"4:24: model.0.linear.features is '10', not a whole number; write a whole number, at least "
      "1"}},
    {"option_missing",
     {"5:5: model.1.linear.features is missing; add it: a whole number, at least 1 (numbers per "
      "sample that come out)"}},
    {"option_misspelt",
     {"4:14: unknown key 'chanels' in model.0.conv2d; did you mean 'channels'?"}},
    {"option_of_wrong_kind",
     {"4:24: model.0.linear.features is 'ten', not a whole number; write a whole number, at least "
      "1",
      "4:35: model.0.linear.bias is '1', not a yes or no; write true or false"}},
    {"option_out_of_range",
     {"4:24: model.0.conv2d.channels is 0, out of range; write a whole number, at least 1",
      "5:21: model.1.dropout.rate is 1.5, out of range; write a number from 0 to 0.999"}},
    {"option_under_a_bare_word",
     {"4:15: unknown key 'axis' in model.0.flatten; nothing can stand here"}},
    {"option_word_misspelt",
     {"4:40: model.0.linear.activation can't be 'rleu'; did you mean 'relu'?"}},
    {"program_with_options",
     {no_program("program_with_options"),
      "3:26: unknown key 'layers' in model; known here: program"}},
    {"quote_not_closed",
     {"1:7: this is not YAML: a quote is never closed; add it where the text ends"}},
    {"rate_is_infinite",
     {"5:26: optimizer.adam.rate is '.inf', not a number; write a number, at least 0"}},
    {"rate_is_negative",
     {"5:26: optimizer.adam.rate is -1.0e-3, out of range; write a number, at least 0"}},
    {"residual_without_layers",
     {"4:5: model.0.residual.layers is missing; add the layers inside, for instance 'layers: "
      "[{linear: {features: 64}}]'"}},
    {"schedule_misspelt", {"6:11: there is no schedule 'cosinus'; did you mean 'cosine'?"}},
    {"second_document",
     {"7:1: a second document ('---') (a file holds one job); put it into a file of its own"}},
    {"seed_is_negative",
     {"1:7: seed is '-1', not a whole number; write a whole number from 0 to "
      "18446744073709551615"}},
    {"shuffle_is_a_word",
     {"6:18: train.shuffle is 'sometimes', not a yes or no; write true or false"}},
    {"steps_beyond_64_bits",
     {"6:16: train.steps is '99999999999999999999', not a whole number; write a whole number from "
      "1 to 1000000000"}},
    {"tab_in_indentation",
     {"7:1: a tab in the indentation (YAML indents with spaces only); replace it by spaces"}},
    {"tag", {"1:7: a tag ('tag:yaml.org,2002:int') (jobs have none); remove it"}},
    {"time_too_short",
     {"6:27: contributors.heartbeat is 1 ms, out of range; write a time with its unit, for "
      "instance 500 ms, 30 s or 2 min; at least 10 ms"}},
    {"time_with_odd_unit",
     {"6:23: contributors.lease is '5 parsecs', not a time; write a time with its unit, for "
      "instance 500 ms, 30 s or 2 min; at least 10 ms"}},
    {"time_without_unit",
     {"6:21: checkpoint.every is '30', not a time; write a time with its unit, for instance 500 "
      "ms, 30 s or 2 min; at least 1 ms"}},
    {"train_data_missing", {"1:7: data.train is missing; add 'train: ../data/digits/train.yaml'"}},
    {"two_layers_in_one_item",
     {"5:5: model.0 has both 'flatten' and 'linear', but is one layer; begin a new list item with "
      "'-', or indent the layer's options further"}},
    {"two_optimizers",
     {"7:3: optimizer has both 'adam' and 'sgd', but is one optimizer; remove one of them, or "
      "indent the options further"}},
};

class BrokenJobs : public testing::TestWithParam<BrokenJob> {};

TEST_P(BrokenJobs, every_mistake_is_told_with_its_place_and_a_remedy) {
  const BrokenJob& broken = GetParam();
  const std::filesystem::path file = broken_file(broken.name);
  std::vector<InputError> errors;
  EXPECT_FALSE(read_job(file, {}, errors));
  std::vector<std::string> messages;
  for (const InputError& error : errors) {
    const std::string text = error.what();
    ASSERT_TRUE(text.starts_with(file.string() + ":")) << text;
    messages.push_back(text.substr(file.string().size() + 1));
  }
  EXPECT_EQ(messages, broken.messages);
}

INSTANTIATE_TEST_SUITE_P(Job, BrokenJobs, testing::ValuesIn(broken_jobs),
                         [](const auto& test) { return std::string(test.param.name); });

/// Stands for a program: no job of this file gets as far as to make it.
constexpr ProgramDef somebody{.name = "somebody", .make = nullptr};
constexpr const ProgramDef* programs[] = {&somebody};

TEST(BrokenPrograms, are_told_which_ones_the_executable_has) {
  std::vector<InputError> errors;
  EXPECT_FALSE(read_job(broken_file("model_is_a_program"), {}, errors, programs));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].problem(), "model.program is 'nobody', which this executable does not have");
  EXPECT_NE(errors[0].remedy().find("somebody"), std::string::npos) << errors[0].remedy();
}

TEST(BrokenPrograms, are_whole_when_the_executable_has_them) {
  std::vector<InputError> errors;
  const auto job = read_job(broken_file("model_is_a_program"),
                            {"model.program=somebody", "autobatch=false"}, errors, programs);
  for (const InputError& error : errors) ADD_FAILURE() << error.what();
  ASSERT_TRUE(job);
  EXPECT_EQ(job->model.program, &somebody);
  EXPECT_EQ(job->autobatch, Autobatch::off);
}

TEST(BrokenJobFolder, no_file_of_the_folder_is_left_out) {
  std::size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(RAVEN_TEST_DATA) / "job/broken")) {
    ++files;
    EXPECT_EQ(std::ranges::count(broken_jobs, entry.path().stem().string(), &BrokenJob::name), 1)
        << entry.path();
  }
  EXPECT_EQ(files, broken_jobs.size());
}

}  // namespace
}  // namespace raven
