#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "cli/console.hpp"
#include "cli/processes.hpp"
#include "cli/use_model.hpp"
#include "cli/verb.hpp"
#include "raven/core/error.hpp"
#include "raven/core/random.hpp"
#include "raven/graph/plan.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven {
namespace {

constexpr std::uint32_t sample_purpose = 0x53414D50;

struct SampleOptions {
  std::string run;
  std::string prompt = "\n";
  std::string checkpoint;
  std::int64_t tokens = 200;
  double temperature = 1.0;
  std::int64_t top_k = 0;
  std::uint64_t seed = 1;
  int threads = 0;
};

/// A language model that is asked for one token after the other.
class Speaker {
 public:
  Speaker(const TrainedModel& trained, int threads)
      : compute_(threads),
        plan_(trained.model->record(trained.parameters, 1, Tape::Mode::inference),
              Plan::Purpose::inference),
        workspace_(plan_.workspace_bytes()),
        features_(trained.trained_on.schema.features(1)),
        targets_(trained.trained_on.schema.targets(1)) {
    for (const Parameter& parameter : trained.parameters.all()) {
      parameters_.push_back(parameter.value.view());
    }
    const auto targets = targets_.view();
    std::fill_n(targets.i32(), targets.count(), SampleSchema::no_target);
  }

  /// What the model gives each token of the vocabulary after `text`, of which it sees as much of
  /// the end as it was trained on.
  std::span<const float> after(std::span<const std::int32_t> text) {
    const View features = features_.view();
    const auto context = static_cast<std::size_t>(features.count());
    text = text.last(std::min(text.size(), context));
    // Nothing that comes later reaches a position of a causal model, whatever stands there.
    std::fill_n(features.i32(), context, 0);
    std::copy(text.begin(), text.end(), features.i32());
    const ConstView inputs[] = {features, targets_.view()};
    const Bindings bindings{
        .inputs = inputs, .parameters = parameters_, .gradients = {}, .key = {}};
    compute_.run([&] { plan_.forward(workspace_, bindings); });
    const ConstView logits = plan_.value(workspace_, bindings, *plan_.graph().prediction);
    const auto width = static_cast<std::size_t>(logits.shape().back());
    return {logits.f32() + (text.size() - 1) * width, width};
  }

 private:
  ComputePool compute_;
  Plan plan_;
  Workspace workspace_;
  Tensor features_;
  Tensor targets_;
  std::vector<ConstView> parameters_;
};

/// Draws from softmax(logits / temperature) over the likeliest `top_k`; temperature 0 takes the
/// first.
std::int32_t draw(std::span<const float> logits, const SampleOptions& options, double unit) {
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](std::int32_t a, std::int32_t b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  if (options.temperature == 0) return order[0];
  if (options.top_k > 0)
    order.resize(std::min(order.size(), static_cast<std::size_t>(options.top_k)));
  const auto logit = [&](std::int32_t token) {
    return static_cast<double>(logits[static_cast<std::size_t>(token)]);
  };
  std::vector<double> shares;
  for (const std::int32_t token : order) {
    shares.push_back(std::exp((logit(token) - logit(order[0])) / options.temperature));
  }
  double left = unit * std::accumulate(shares.begin(), shares.end(), 0.0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    left -= shares[i];
    if (left < 0) return order[i];
  }
  return order[0];
}

int sample(const SampleOptions& options, Programs programs) {
  const TrainedModel trained = open_trained(options.run, options.checkpoint, {}, programs);
  if (!trained.trained_on.schema.of_sequences() || !trained.trained_on.vocabulary) {
    throw InputError({options.run}, "was not trained on a text, so there is nothing to say",
                     "train on data of 'raven data import text'");
  }
  const Vocabulary& vocabulary = *trained.trained_on.vocabulary;
  std::vector<std::int32_t> text = vocabulary.encode(options.prompt);
  if (text.empty()) throw InputError("the prompt has no token to begin with", "give some text");
  Speaker speaker(trained, options.threads > 0 ? options.threads : allowed_cores());
  for (std::int64_t i = 0; i < options.tokens; ++i) {
    const RandomKey key{
        .seed = options.seed, .op = sample_purpose, .sample = static_cast<std::uint64_t>(i)};
    text.push_back(draw(speaker.after(text), options, key.words(0)[0] * 0x1.0p-32));
  }
  // Decoded as a whole: half a letter may be a token.
  print(vocabulary.decode(text) + "\n");
  return exit_done;
}

void declare(CLI::App& parent, Action& chosen) {
  const auto options = std::make_shared<SampleOptions>();
  CLI::App* verb =
      parent.add_subcommand("sample", "Let a trained language model go on with a text");
  verb->add_option("run", options->run, "run directory")->required();
  verb->add_option("--prompt", options->prompt, "what the text begins with; default: a line's end");
  verb->add_option("--tokens", options->tokens, "how many to add")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verb->add_option("--temperature", options->temperature,
                   "0: always the likeliest token; 1: as the model says; above: bolder")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  verb->add_option("--top-k", options->top_k, "draw among so many of the likeliest; 0: all")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  verb->add_option("--seed", options->seed, "the same seed says the same")->capture_default_str();
  verb->add_option("--checkpoint", options->checkpoint, "this one instead of the newest");
  verb->add_option("--threads", options->threads, "compute threads; default: all cores")
      ->check(CLI::Range(1, 4096));
  verb->footer(R"(Examples:
  raven sample runs/char_gpt --prompt 'The old ' --temperature 0.8
  raven sample runs/char_gpt --tokens 500 --top-k 20 --seed 7

It may be used while the run goes on. The model must be causal.)");
  verb->callback([options, &chosen] { chosen = [options](Programs programs) { return sample(*options, programs); }; });
}

}  // namespace

const VerbDef sample_verb{.declare = declare};

}  // namespace raven
