
#include "cli/console.hpp"
#include "cli/figures.hpp"
#include "cli/run_files.hpp"
#include "cli/use_model.hpp"
#include "cli/verb.hpp"
#include "raven/tensor/export.hpp"

namespace raven {
namespace {

struct ExportOptions {
  std::string run;
  std::string checkpoint;
  std::string format = "safetensors";
  std::string out;
};

int export_weights(const ExportOptions& options) {
  LoadedCheckpoint loaded = checkpoint_of(options.run, options.checkpoint);
  std::vector<NamedTensor> tensors;
  double bytes = 0;
  for (CheckpointTensor& tensor : loaded.checkpoint.tensors) {
    bytes += static_cast<double>(tensor.value.type().bytes());
    tensors.push_back({tensor.name, std::move(tensor.value)});
  }
  const std::filesystem::path out =
      options.out.empty() ? std::filesystem::path(options.run) / ("model." + options.format)
                          : std::filesystem::path(options.out);
  if (options.out.empty()) (void)open_run(options.run).has("model." + options.format);
  if (options.format == "npz") {
    write_npz(out, tensors);
  } else {
    write_safetensors(out, tensors);
  }
  print(out.string() + ": " + plural(static_cast<std::int64_t>(tensors.size()), "tensor") + ", " +
        size_in_words(bytes) + ", of step " + std::to_string(loaded.checkpoint.step) + "\n");
  return exit_done;
}

void declare(Command parent, Action& chosen) {
  const auto options = std::make_shared<ExportOptions>();
  Command verb =
      parent.add_subcommand("export", "Write a trained model's weights for other programs");
  verb.add_option("run", options->run, "run directory").required();
  verb.add_option("--format", options->format, "npz or safetensors")
      .one_of({"npz", "safetensors"})
      .capture_default_str();
  verb.add_option("--out", options->out, "file to write; default: RUN/model.<format>");
  verb.add_option("--checkpoint", options->checkpoint, "this one instead of the newest");
  verb.footer(R"(Examples:
  raven export runs/digits_cnn --format safetensors
  raven export runs/digits_cnn --format npz --out weights.npz
  python3 -c 'import numpy; print(numpy.load("weights.npz").files)'

Names and layouts are in docs/formats/export.md.)");
  verb.callback(
      [options, &chosen] { chosen = [options](Programs) { return export_weights(*options); }; });
}

}  // namespace

const VerbDef export_verb{.declare = declare};

}  // namespace raven
