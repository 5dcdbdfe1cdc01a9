#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "raven/tensor/shape.hpp"

namespace raven {

/// A network of the benchmark. tests/bench/peer_torch.py has the same.
struct BenchModel {
  const char* name;
  const char* layers;
  const char* optimizer;  ///< the lines of a job that tell how to update
  Shape features;         ///< of a sample of numbers; unused when samples are windows of tokens
  std::int64_t context;   ///< tokens in a window; 0: samples are numbers
  std::int32_t classes;   ///< or the vocabulary, when samples are windows of tokens
  std::int64_t batch;
  std::int64_t rows;  ///< of the data set: enough that no cache holds all of it
  int snippets;
  /// Samples are sentences of U(5..40) tokens, or binary trees of as many leaves, each split
  /// uniform; the vocabulary is 10 000.
  enum class Form : std::uint8_t { numbers_or_windows, sentences, trees };
  Form form = Form::numbers_or_windows;
};

/// Null when there is none of that name.
[[nodiscard]] const BenchModel* find_bench_model(const std::string& name);
/// "mlp, mlp_big, ..."
[[nodiscard]] std::string bench_model_names();

/// Random samples of the model's shape, as random.yaml and its shard. @throws InputError
void write_bench_data(const BenchModel& model, const std::filesystem::path& folder);
/// A job beside that data, which never ends by itself.
[[nodiscard]] std::string bench_job(const BenchModel& model, int snippets);

}  // namespace raven
