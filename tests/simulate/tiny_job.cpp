#include "simulate/tiny_job.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "raven/data/import.hpp"
#include "raven/data/language.hpp"
#include "raven/data/story.hpp"
#include "raven/data/table.hpp"
#include "source_tree.hpp"

namespace raven {
namespace {

/// In memory if there is a place for that: thousands of checkpoints are synced.
std::filesystem::path place_for_folders() {
  return std::filesystem::is_directory("/dev/shm") ? std::filesystem::path("/dev/shm")
                                                   : std::filesystem::temp_directory_path();
}

}  // namespace

TinyJob::TinyJob(Data data) {
  std::string pattern = (place_for_folders() / "raven-simulate-XXXXXX").string();
  folder_ = ::mkdtemp(pattern.data());
  job_ = folder_ / "tiny.yaml";
  if (data == Data::table) {
    make_table(70, 1, folder_ / "table.csv");
    import_csv(folder_ / "table.csv", {.target = "outcome"}, {.folder = folder_ / "data"});
    std::filesystem::copy(RAVEN_SOURCE_DIR "/tests/simulate/tiny.yaml", job_);
  } else if (data == Data::text) {
    std::ofstream text(folder_ / "story.txt");
    for (std::uint64_t i = 0; i < 16; ++i) text << story_sentence(1, i) << '\n';
    text.close();
    import_text(folder_ / "story.txt", {.context = 6, .sequences = TextOptions::Sequences::lines},
                {.folder = folder_ / "data", .rows_per_shard = 40, .valid_fraction = 0.25});
    std::filesystem::copy(RAVEN_SOURCE_DIR "/tests/simulate/tiny_text.yaml", job_);
  } else {
    // So many that a step reads few of them, and the table's gradient is kept by rows.
    make_tags(18, 1500, {.folder = folder_ / "data", .seed = 2});
    std::filesystem::copy(RAVEN_SOURCE_DIR "/tests/simulate/tiny_sentences.yaml", job_);
  }
}

TinyJob::~TinyJob() { std::filesystem::remove_all(folder_); }

Training TinyJob::training(const std::vector<std::string>& overrides,
                           const ProgramDef* program) const {
  std::vector<InputError> errors;
  auto spec = read_job(job_, overrides, errors);
  for (const InputError& error : errors) ADD_FAILURE() << error.what();
  if (program != nullptr) spec.value().model.program = program;
  return build_training(spec.value());
}

}  // namespace raven
