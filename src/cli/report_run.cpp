#include "cli/report_run.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/console.hpp"
#include "cli/token_figures.hpp"
#include "cli/version.hpp"
#include "raven/tensor/bench.hpp"

namespace raven {
namespace {

using Json = nlohmann::ordered_json;

const RunEvent::Field* field_of(const RunEvent& event, std::string_view name) {
  for (const auto& [key, value] : event.fields) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string text_of(const RunEvent& event, std::string_view name) {
  const RunEvent::Field* field = field_of(event, name);
  if (field == nullptr) return "?";
  if (const auto* text = std::get_if<std::string>(field)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(field)) return std::to_string(*number);
  return fmt::format("{:.4g}", std::get<double>(*field));
}

/// "loss 0.0512, accuracy 0.9837"
std::string in_words(const PassResult& pass, bool tells_tokens) {
  std::string text = fmt::format("loss {:.4f}", pass.loss);
  for (const auto& [name, value] : pass.metrics) text += fmt::format(", {} {:.4f}", name, value);
  if (tells_tokens) {
    for (const auto& [name, value] : token_figures(pass.loss)) {
      text += fmt::format(", {} {:.4f}", name, value);
    }
  }
  return text;
}

/// @param step figures of a validation are of the weights after it, those of training end with it
Json to_json(const PassResult& pass, std::uint64_t step, bool tells_tokens) {
  Json json{{"step", step}, {"samples", pass.samples}, {"loss", pass.loss}};
  for (const auto& [name, value] : pass.metrics) json[name] = value;
  if (tells_tokens) {
    for (const auto& [name, value] : token_figures(pass.loss)) json[name] = value;
  }
  return json;
}

Json to_json(const EpochResult& epoch, bool tells_tokens) {
  Json json{{"epoch", epoch.epoch},
            {"step", epoch.step},
            {"train", to_json(epoch.train, epoch.step, tells_tokens)}};
  if (epoch.valid) json["valid"] = to_json(*epoch.valid, epoch.step, tells_tokens);
  return json;
}

Json to_json(const Credit& credit) {
  Json json{{"peer", credit.peer},
            {"node", credit.node},
            {"pid", credit.pid},
            {"threads", credit.threads},
            {"core", credit.core},
            {"here_at_the_end", credit.here},
            {"snippets", credit.snippets},
            {"samples", credit.rows},
            {"compute_s", static_cast<double>(credit.compute_ns) * 1e-9}};
  if (credit.processes > 1) json["processes"] = credit.processes;
  return json;
}

/// What one who watched is told of the speed; nothing when this process trained on nothing.
std::string speed_in_words(const MasterProgress& now, const RunOutcome& outcome) {
  if (now.rows == 0 || outcome.session_seconds <= 0) return {};
  return fmt::format(", {:.0f} samples/s", static_cast<double>(now.rows) / outcome.session_seconds);
}

}  // namespace

RunReport::RunReport(bool quiet, const JobSpec& job, std::filesystem::path run, bool tells_tokens)
    : quiet_(quiet),
      tells_tokens_(tells_tokens),
      job_(job),
      run_(std::move(run)),
      progress_(stderr, job.name, "step"),
      measured_at_(Progress::Clock::now()) {}

void RunReport::resumed(const LoadedCheckpoint& loaded) {
  for (const SkippedCheckpoint& skipped : loaded.skipped) {
    warn("passed over " + skipped.file.string() + ": " + skipped.reason);
  }
  resumed_from_ = loaded.checkpoint.step;
  if (!quiet_) {
    progress_.note(fmt::format("resumed from {} at step {}", loaded.file.string(), resumed_from_));
  }
}

void RunReport::event(const RunEvent& event) {
  if (event.kind == "lost") {
    warn(fmt::format("contributor {} was given up: {}", text_of(event, "peer"),
                     text_of(event, "reason")));
  } else if (event.kind == "refused" || event.kind == "failed") {
    warn(fmt::format("contributor {} {}: {}", text_of(event, "peer"), event.kind,
                     text_of(event, "reason")));
  }
  if (quiet_) return;
  if (event.kind == "waiting") {
    progress_.note(fmt::format("waiting for contributors: {} here, {} needed",
                               text_of(event, "contributors"), text_of(event, "needed")));
  } else if (event.kind == "joined") {
    progress_.note(fmt::format("contributor {} joined: {}, {} thread(s), {}{}",
                               text_of(event, "peer"), text_of(event, "node"),
                               text_of(event, "threads"), text_of(event, "core"),
                               text_of(event, "reads_shards") == "1" ? "" : ", is sent its rows"));
  } else if (event.kind == "epoch") {
    std::string line =
        "epoch " + text_of(event, "epoch") + ", step " + text_of(event, "step") + ":";
    for (const auto& [name, value] : event.fields) {
      const auto* number = std::get_if<double>(&value);
      if (number == nullptr || name == "t") continue;
      line += fmt::format("{} {} {:.4f}", line.ends_with(':') ? "" : ",", name, *number);
    }
    progress_.note(line);
  }
}

void RunReport::progress(const MasterProgress& now) {
  if (quiet_) return;
  const auto clock = Progress::Clock::now();
  const double seconds = std::chrono::duration<double>(clock - measured_at_).count();
  if (seconds >= 1) {
    samples_per_second_ = static_cast<double>(now.rows - rows_before_) / seconds;
    rows_before_ = now.rows;
    measured_at_ = clock;
  }
  ProgressState state{.done = static_cast<std::int64_t>(now.step),
                      .total = static_cast<std::int64_t>(now.steps),
                      .contributors = now.contributors};
  if (samples_per_second_ > 0) state.samples_per_second = samples_per_second_;
  if (now.loss > 0) state.loss = now.loss;
  progress_.update(state, clock);
}

void RunReport::warn(const std::string& text) { progress_.note("warning: " + text); }

std::string RunReport::summary_json(const RunOutcome& outcome) const {
  const Master& master = *outcome.master;
  const MasterProgress now = master.progress();
  Json json{
      {"raven", version},
      {"job", job_.name},
      {"complete", !master.stopped_early()},
      {"seed", job_.train.seed},
      {"steps", now.step},
      {"steps_planned", now.steps},
      {"resumed_from_step", resumed_from_},
      {"samples", now.rows},
      {"wall_s", outcome.wall_seconds},
      {"samples_per_s",
       outcome.session_seconds > 0 ? static_cast<double>(now.rows) / outcome.session_seconds : 0.0},
      {"bytes_sent", outcome.traffic.bytes_sent},
      {"bytes_received", outcome.traffic.bytes_received},
      {"weights_sha256", to_hex(master.parameters().digest())},
      {"blas_core", openblas_core_name()}};
  const History& history = master.history();
  if (!history.empty()) {
    const EpochResult& last = history.last();
    json["train"] = to_json(last.train, last.step, tells_tokens_);
    if (last.valid) json["valid"] = to_json(*last.valid, last.step, tells_tokens_);
  }
  if (history.best()) json["best"] = to_json(*history.best(), tells_tokens_);
  json["epochs_done"] = history.epochs();
  json["every_epoch"] = history.every();
  json["epochs"] = Json::array();
  for (const EpochResult& epoch : history.kept()) {
    json["epochs"].push_back(to_json(epoch, tells_tokens_));
  }
  if (!history.empty() && history.last().epoch != history.kept().back().epoch) {
    json["epochs"].push_back(to_json(history.last(), tells_tokens_));
  }
  json["contributors"] = Json::array();
  for (const Credit& credit : master.credits()) json["contributors"].push_back(to_json(credit));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void RunReport::finished(const RunOutcome& outcome) {
  progress_.finish();
  const Master& master = *outcome.master;
  const MasterProgress now = master.progress();
  std::string text =
      master.stopped_early()
          ? fmt::format("stopped after step {} of {}; run the same command to go on\n", now.step,
                        now.steps)
          : fmt::format("trained {} steps, {:.1f} s in all{}\n", now.step, outcome.wall_seconds,
                        speed_in_words(now, outcome));
  if (!master.history().empty()) {
    const EpochResult& last = master.history().last();
    text += fmt::format("train: {} (mean of epoch {} up to step {})\n",
                        in_words(last.train, tells_tokens_), last.epoch, last.step);
    if (last.valid) {
      text += fmt::format("valid: {} (after step {})\n", in_words(*last.valid, tells_tokens_),
                          last.step);
    }
  }
  text += "weights_sha256: " + to_hex(master.parameters().digest()) + "\n";
  text += "run: " + run_.string() + "\n";
  print(text);
}

}  // namespace raven
