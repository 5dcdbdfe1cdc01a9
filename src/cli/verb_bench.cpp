#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/bench_models.hpp"
#include "cli/bench_train.hpp"
#include "cli/console.hpp"
#include "cli/verb.hpp"
#include "raven/tensor/bench.hpp"

namespace raven {
namespace {

struct KernelsOptions {
  int threads = 0;
  double seconds = 0.2;
  std::string filter;
  bool json = false;
};

std::string in_words(const std::vector<KernelFigure>& figures, int threads) {
  std::size_t name_width = 6;
  std::size_t shape_width = 5;
  for (const KernelFigure& figure : figures) {
    name_width = std::max(name_width, figure.name.size());
    shape_width = std::max(shape_width, figure.shape.size());
  }
  std::string text = fmt::format("OpenBLAS kernels {}, {} thread{}\n", openblas_core_name(),
                                 threads, threads == 1 ? "" : "s");
  text += fmt::format("{:<{}}  {:<{}}  {:>10}  {:>9}           {:>6}\n", "kernel", name_width,
                      "shape", shape_width, "time", "rate", "share");
  for (const KernelFigure& figure : figures) {
    text += fmt::format("{:<{}}  {:<{}}  {:>7.1f} us  {:>9.1f} {:<8}  {:>5.0f} %\n", figure.name,
                        name_width, figure.shape, shape_width, figure.seconds * 1e6, figure.rate,
                        figure.unit, figure.share * 100);
  }
  return text;
}

std::string as_json(const std::vector<KernelFigure>& figures, int threads) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const KernelFigure& figure : figures) {
    rows.push_back({{"kernel", figure.name},
                    {"shape", figure.shape},
                    {"seconds", figure.seconds},
                    {"rate", figure.rate},
                    {"unit", figure.unit},
                    {"share", figure.share}});
  }
  const nlohmann::ordered_json json{
      {"openblas_kernels", openblas_core_name()}, {"threads", threads}, {"figures", rows}};
  return json.dump(2) + "\n";
}

int bench(const KernelsOptions& options) {
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const int threads = options.threads > 0 ? options.threads : cores;
  const std::chrono::duration<double> patience(options.seconds);
  const std::vector<KernelFigure> figures =
      bench_kernels({.threads = threads,
                     .patience = std::chrono::duration_cast<std::chrono::milliseconds>(patience),
                     .filter = options.filter});
  print(options.json ? as_json(figures, threads) : in_words(figures, threads));
  return exit_done;
}

void declare_train(Command parent, Action& chosen) {
  const auto options = std::make_shared<BenchTrainOptions>();
  Command verb = parent.add_subcommand("train", "Time whole training steps of a known network");
  verb.add_option("model", options->model,
                  "one of " + bench_model_names() + "; or a job file, on its own data")
      .required()
      .check([](const std::string& name) {
        return find_bench_model(name) != nullptr || name.ends_with(".yaml")
                   ? std::string()
                   : "there is no model " + name + "; try one of " + bench_model_names();
      });
  verb.add_option("--seconds", options->seconds, "time to measure, after the warm-up")
      .range(0.1, 3600.0);
  verb.add_option("--threads", options->threads,
                  "compute threads of each process; default: share the machine's cores")
      .range(1, 4096);
  verb.add_option("--batch", options->batch, "samples of a step; default: as the model's row says")
      .range(1, 1 << 20);
  verb.add_option("--snippets", options->snippets,
                  "pieces of a batch; default: as the model's row says")
      .range(1, 4096);
  verb.add_flag("--one-by-one", options->one_by_one,
                "run graphs of samples one by one, as with 'autobatch: false'");
  verb.add_flag("--json", options->json, "one JSON object instead of words");
  verb.footer(R"(Examples:
  raven bench train mlp
  raven bench train tagger --one-by-one
  raven bench train jobs/char_gpt.yaml
  raven bench train cnn --threads 1 --seconds 30
  mpirun -n 3 --oversubscribe --enable-recovery --bind-to none raven bench train mlp_big

Data are random and made on the spot; all else is what 'raven train' does: shards, leases, gradients sent back,
the optimizer at the master. Where each sample has a graph of its own (sentences, trees, programs) the first epoch, whose
graphs nobody has seen before, is timed apart; the other figures are of later epochs. tests/bench/peer_torch.py trains the same networks in PyTorch.)");
  verb.callback([options, &chosen] {
    chosen = [options](Programs programs) { return bench_train(*options, programs); };
  });
}

void declare(Command parent, Action& chosen) {
  Command verb = parent.add_subcommand("bench", "Measure this machine");
  verb.require_subcommand(1);
  verb.footer("Examples:\n  raven bench kernels --threads 4\n  raven bench train cnn");
  const auto options = std::make_shared<KernelsOptions>();
  Command kernels =
      verb.add_subcommand("kernels", "Time every kernel at the shapes of real networks");
  kernels.add_option("--threads", options->threads, "threads to compute with; 0: one per core")
      .range(0, 4096);
  kernels.add_option("--seconds", options->seconds, "time spent on each kernel").range(0.001, 60.0);
  kernels.add_option("--filter", options->filter, "only kernels whose name contains this");
  kernels.add_flag("--json", options->json, "one JSON object instead of a table");
  kernels.footer(R"(Examples:
  raven bench kernels
  raven bench kernels --filter gemm --threads 1 --seconds 1

'share' is of what this machine gave in the same run: of serial GEMM speed times threads, or of
memory bandwidth. Figures of a busy machine mean little; compare only machines with the same OpenBLAS kernels.)");
  declare_train(verb, chosen);
  kernels.callback(
      [options, &chosen] { chosen = [options](Programs) { return bench(*options); }; });
}

}  // namespace

const VerbDef bench_verb{.declare = declare};

}  // namespace raven
