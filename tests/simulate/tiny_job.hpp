#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "raven/simulate/simulator.hpp"

namespace raven {

/// A job of a hundred numbers and a few steps that still has everything: validation, batch
/// statistics, dropout, an optimizer with state, batches and snippets of unequal size.
class TinyJob {
 public:
  /// Of a table; of sentences: then each sample has a graph of its own; of a text: then a state
  /// goes on from window to window.
  enum class Data { table, sentences, text };

  explicit TinyJob(Data data = Data::table);
  ~TinyJob();
  TinyJob(const TinyJob&) = delete;
  TinyJob& operator=(const TinyJob&) = delete;

  /// @param program in place of the job's layers
  [[nodiscard]] Training training(const std::vector<std::string>& overrides = {},
                                  const ProgramDef* program = nullptr) const;
  [[nodiscard]] std::filesystem::path scratch() const { return folder_ / "scratch"; }

 private:
  std::filesystem::path folder_;
  std::filesystem::path job_;
};

/// One job and simulator for all tests of a suite: each run begins in a world of its own.
template <TinyJob::Data data>
class SimulatedJob : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    job = new TinyJob(data);
    simulator = new Simulator(job->training(), job->scratch());
  }
  static void TearDownTestSuite() {
    delete simulator;
    delete job;
  }

  static inline TinyJob* job = nullptr;
  static inline Simulator* simulator = nullptr;
};

}  // namespace raven
