#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "cli/beam_search.hpp"
#include "cli/console.hpp"
#include "cli/draw_token.hpp"
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
  DrawRule draw;
  std::int64_t beam = 0;
  std::string until;
  std::uint64_t seed = 1;
  int threads = 0;
};

/// A language model that is asked for what comes after texts.
class Speaker {
 public:
  /// @param texts the most that are asked about at once
  Speaker(const TrainedModel& trained, std::int64_t texts, int threads)
      : compute_(threads),
        plan_(trained.model->record(trained.parameters, texts, Tape::Mode::inference),
              Plan::Purpose::inference),
        workspace_(plan_.workspace_bytes()),
        features_(trained.trained_on.schema.features(texts)),
        targets_(trained.trained_on.schema.targets(texts)),
        context_(static_cast<std::size_t>(features_.view().count() / texts)),
        carried_(static_cast<std::size_t>(trained.model->carried())) {
    if (carried_ > 0) state_ = Tensor({DType::f32, {texts, trained.model->carried()}});
    for (const Parameter& parameter : trained.parameters.all()) {
      parameters_.push_back(parameter.value.view());
    }
    const auto targets = targets_.view();
    std::fill_n(targets.i32(), targets.count(), SampleSchema::no_target);
  }

  /// What the model gives each token of the vocabulary after each text. Of a text that is longer
  /// than a window it sees the last window, or, if it carries a state, all windows one after the
  /// other. Valid until the next call.
  std::span<const float> after(std::span<const TokenText> texts) {
    std::vector<std::span<const std::int32_t>> seen;
    std::vector<std::vector<float>> states;
    for (const TokenText& text : texts) {
      const std::size_t before = carried_ > 0 ? (text.size() - 1) / context_ * context_
                                              : text.size() - std::min(text.size(), context_);
      seen.push_back(std::span(text).subspan(before));
      if (carried_ > 0) states.push_back(state_after(std::span(text).first(before)));
    }
    run(seen, states);
    const ConstView logits = value(*plan_.graph().prediction);
    const auto width = static_cast<std::size_t>(logits.shape().back());
    answers_.resize(texts.size() * width);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::size_t last = i * context_ + seen[i].size() - 1;
      std::copy_n(logits.f32() + last * width, width, answers_.data() + i * width);
    }
    if (!std::ranges::all_of(answers_, [](float logit) { return std::isfinite(logit); })) {
      throw InputError(
          "the model makes numbers that are not finite of this text, so no token is "
          "the likelier one",
          "take an earlier checkpoint with --checkpoint");
    }
    return answers_;
  }

 private:
  static constexpr std::size_t most_states = 4096;

  /// Runs windows, at most one for each text, from these states if any are carried.
  void run(std::span<const std::span<const std::int32_t>> windows,
           std::span<const std::vector<float>> states) {
    const View features = features_.view();
    // Nothing that comes later reaches a position of a causal model, whatever stands there.
    std::fill_n(features.i32(), features.count(), 0);
    for (std::size_t i = 0; i < windows.size(); ++i) {
      std::copy(windows[i].begin(), windows[i].end(), features.i32() + i * context_);
    }
    for (std::size_t i = 0; i < states.size(); ++i) {
      std::copy(states[i].begin(), states[i].end(), state_.values().begin() + i * carried_);
    }
    inputs_[slot_features] = features;
    inputs_[slot_targets] = targets_.view();
    if (carried_ > 0) inputs_[slot_state] = state_.view();
    compute_.run([&] { plan_.forward(workspace_, bindings()); });
  }

  static Digest name_of(std::span<const std::int32_t> text) {
    return digest_of(std::as_bytes(text));
  }

  /// What the model goes on from after a text of whole windows.
  std::vector<float> state_after(std::span<const std::int32_t> text) {
    std::size_t known = text.size();
    while (known > 0 && !states_.contains(name_of(text.first(known)))) known -= context_;
    std::vector<float> state =
        known == 0 ? std::vector<float>(carried_) : states_.at(name_of(text.first(known)));
    while (known < text.size()) {
      const auto window = text.subspan(known, context_);
      run({&window, 1}, {&state, 1});
      std::copy_n(value(*plan_.graph().state).f32(), carried_, state.begin());
      known += context_;
      if (states_.size() >= most_states) states_.clear();  // they can be found again
      states_[name_of(text.first(known))] = state;
    }
    return state;
  }

  [[nodiscard]] Bindings bindings() const {
    return {.inputs = inputs_, .parameters = parameters_, .gradients = {}, .key = {}};
  }
  [[nodiscard]] ConstView value(ValueRef ref) const {
    return plan_.value(workspace_, bindings(), ref);
  }

  ComputePool compute_;
  Plan plan_;
  Workspace workspace_;
  Tensor features_;
  Tensor targets_;
  std::size_t context_;
  std::size_t carried_;
  Tensor state_;
  std::array<ConstView, input_slots> inputs_;
  /// After texts of whole windows, by their digests.
  std::unordered_map<Digest, std::vector<float>, DigestHash> states_;
  std::vector<ConstView> parameters_;
  std::vector<float> answers_;
};

std::optional<std::int32_t> end_token(const Vocabulary& vocabulary, const std::string& until) {
  if (until.empty()) return std::nullopt;
  const std::vector<std::int32_t> tokens = vocabulary.encode(plain_text(until));
  const bool known = tokens.size() == 1 && vocabulary.decode(tokens) == until;
  if (known) return tokens[0];
  throw InputError("--until '" + until + "' is not one token of the run's vocabulary",
                   "give a single " + std::string(to_string(vocabulary.unit())) +
                       " that the text it was trained on has");
}

TokenText drawn(Speaker& speaker, TokenText text, std::optional<std::int32_t> end,
                const SampleOptions& options) {
  for (std::int64_t i = 0; i < options.tokens; ++i) {
    const RandomKey key{
        .seed = options.seed, .op = sample_purpose, .sample = static_cast<std::uint64_t>(i)};
    const double unit = key.words(0)[0] * 0x1.0p-32;
    text.push_back(draw_token(speaker.after({&text, 1}), options.draw, unit));
    if (text.back() == end) break;
  }
  return text;
}

int sample(const SampleOptions& options, Programs programs) {
  const TrainedModel trained =
      open_trained(options.run, options.checkpoint, {}, Targets::unused, programs);
  if (!trained.trained_on.schema.of_sequences() || !trained.trained_on.vocabulary) {
    throw InputError({options.run}, "was not trained on a text, so there is nothing to say",
                     "train on data of 'raven data import text'");
  }
  const Vocabulary& vocabulary = *trained.trained_on.vocabulary;
  const TokenText prompt = vocabulary.encode(plain_text(options.prompt));
  if (prompt.empty()) throw InputError("the prompt has no token to begin with", "give some text");
  const std::optional<std::int32_t> end = end_token(vocabulary, options.until);
  Speaker speaker(trained, std::max<std::int64_t>(1, options.beam),
                  options.threads > 0 ? options.threads : usable_cores());
  // Decoded as a whole: half a letter may be a token.
  if (options.beam == 0) {
    print_as_it_is(vocabulary.decode(drawn(speaker, prompt, end, options)) + "\n");
    return exit_done;
  }
  const std::vector<BeamText> found =
      beam_search(prompt, {.width = options.beam, .tokens = options.tokens, .end = end},
                  [&](std::span<const TokenText> texts) { return speaker.after(texts); });
  print_as_it_is(vocabulary.decode(found.front().text) + "\n");
  return exit_done;
}

void declare(Command parent, Action& chosen) {
  const auto options = std::make_shared<SampleOptions>();
  Command verb = parent.add_subcommand("sample", "Let a trained language model go on with a text");
  verb.add_option("run", options->run, "run directory").required();
  verb.add_option("--prompt", options->prompt, "what the text begins with; default: a line's end");
  verb.add_option("--tokens", options->tokens, "how many to add")
      .range(1, 1'000'000)
      .capture_default_str();
  const Option temperature =
      verb.add_option("--temperature", options->draw.temperature,
                      "0: always the likeliest token; 1: as the model says; above: bolder")
          .range(0.0, 100.0)
          .capture_default_str();
  const Option top_k =
      verb.add_option("--top-k", options->draw.top_k, "draw among so many of the likeliest; 0: all")
          .range(0, 1 << 24)
          .capture_default_str();
  const Option top_p =
      verb.add_option("--top-p", options->draw.top_p,
                      "draw among the fewest of the likeliest that have this share together")
          .range(0.0, 1.0)
          .capture_default_str();
  const Option seed =
      verb.add_option("--seed", options->seed, "the same seed says the same").capture_default_str();
  verb.add_option("--beam", options->beam,
                  "draw nothing: follow so many texts at once and say the likeliest per token")
      .range(1, 1024)
      .excludes(temperature)
      .excludes(top_k)
      .excludes(top_p)
      .excludes(seed);
  verb.add_option("--until", options->until, "stop after this token, such as '.'");
  verb.add_option("--checkpoint", options->checkpoint, "this one instead of the newest");
  verb.add_option("--threads", options->threads, "compute threads; default: all cores")
      .range(1, 4096);
  verb.footer(R"(Examples:
  raven sample runs/char_gpt --prompt 'The old ' --temperature 0.8
  raven sample runs/char_gpt --tokens 500 --top-k 20 --top-p 0.95 --seed 7
  raven sample runs/char_gpt --prompt 'The old ' --beam 4 --until . --tokens 100

It may be used while the run goes on. The model must be causal.)");
  verb.callback([options, &chosen] {
    chosen = [options](Programs programs) { return sample(*options, programs); };
  });
}

}  // namespace

const VerbDef sample_verb{.declare = declare};

}  // namespace raven
