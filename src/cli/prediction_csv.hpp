#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/prediction_kind.hpp"
#include "raven/data/dataset.hpp"

namespace raven {

/// What the numbers of a prediction are called.
struct PredictionNames {
  /// What the last dimension of the output is a choice of; empty: its numbers stand for themselves.
  std::vector<std::string> classes{};
  std::string target{};  ///< of numbers; empty: unknown
};

/// Predictions as a CSV with a header line, written whole or not at all: `id`, the sample's number
/// from 0; `position`, where a sample has several rows; `class`, the likeliest one's name; then the
/// numbers: p_<class> of probabilities, output_<class> of outputs.
class PredictionCsv {
 public:
  /// @param data what is predicted, which must outlive this @param row shape of a row of the output
  PredictionCsv(const std::filesystem::path& file, const Dataset& data, PredictionKind kind,
                PredictionNames names, const Shape& row);
  /// Leaves nothing behind unless commit() came first.
  ~PredictionCsv();
  PredictionCsv(const PredictionCsv&) = delete;
  PredictionCsv& operator=(const PredictionCsv&) = delete;

  /// The outputs for samples `first` .. `first + samples - 1`, in order.
  /// @throws InputError when its rows are neither samples nor tokens nor nodes
  void append(std::int64_t first, std::int64_t samples, const Tensor& output);
  /// Lines so far, without the header.
  [[nodiscard]] std::int64_t rows() const;
  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace raven
