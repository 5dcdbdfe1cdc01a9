#include "cli/status_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/contribute.hpp"
#include "cli/run_files.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

using Json = nlohmann::ordered_json;

/// Weight of the newest second in a mean that forgets.
constexpr double newest = 0.2;
constexpr std::size_t longest_text = 80;

std::string_view name_of(Member::State state) {
  switch (state) {
    case Member::State::greeted:
      return "greeted";
    case Member::State::ready:
      return "ready";
    case Member::State::leaving:
      return "leaving";
    case Member::State::gone:
      break;
  }
  return "gone";
}

Json to_json(const Member& member, StatusFile::Clock::time_point now) {
  return {{"peer", member.peer.value},
          {"node", member.hello.node},
          {"pid", member.hello.pid},
          {"threads", member.hello.threads},
          {"core", member.hello.core},
          {"state", name_of(member.state)},
          {"samples_per_s", member.speed},
          {"snippets", member.snippets},
          {"samples", member.rows},
          {"last_heard_s",
           std::max(0.0, std::chrono::duration<double>(now - member.last_heard).count())}};
}

/// Everybody who is here, and the latest of those who are not.
Json to_json(const Roster& roster, StatusFile::Clock::time_point now) {
  const auto is_gone = [](const Member& member) { return member.state == Member::State::gone; };
  auto gone = static_cast<std::size_t>(std::ranges::count_if(roster.all(), is_gone));
  Json list = Json::array();
  for (const Member& member : roster.all()) {
    if (is_gone(member) && gone-- > StatusFile::most_gone) continue;
    list.push_back(to_json(member, now));
  }
  return list;
}

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Contributors choose their own names; a terminal must not obey them.
std::string printable(std::string text) {
  text.resize(std::min(text.size(), longest_text));
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

std::optional<double> number_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

RunStatus::Contributor contributor_of(const Json& json) {
  return {.peer = json.at("peer").get<std::int64_t>(),
          .node = printable(json.at("node").get<std::string>()),
          .pid = json.at("pid").get<std::int64_t>(),
          .threads = json.at("threads").get<std::int64_t>(),
          .state = printable(json.at("state").get<std::string>()),
          .samples_per_s = json.at("samples_per_s").get<double>(),
          .snippets = json.at("snippets").get<std::int64_t>(),
          .last_heard_s = json.at("last_heard_s").get<double>()};
}

RunStatus status_of(const Json& json) {
  RunStatus status{.job = printable(json.at("job").get<std::string>()),
                   .state = printable(json.at("state").get<std::string>()),
                   .node = printable(json.at("node").get<std::string>()),
                   .pid = json.at("pid").get<std::int64_t>(),
                   .written = json.at("written").get<double>(),
                   .wall_s = json.at("wall_s").get<double>(),
                   .step = json.at("step").get<std::int64_t>(),
                   .steps = json.at("steps").get<std::int64_t>(),
                   .epoch = json.at("epoch").get<std::int64_t>(),
                   .epochs = json.at("epochs").get<std::int64_t>(),
                   .loss = number_in(json, "loss"),
                   .samples_per_s = number_in(json, "samples_per_s"),
                   .left_s = number_in(json, "left_s"),
                   .contributors = {}};
  for (const Json& one : json.at("contributors")) {
    status.contributors.push_back(contributor_of(one));
  }
  return status;
}

}  // namespace

StatusFile::StatusFile(const std::filesystem::path& run, std::string job, std::int64_t epochs,
                       double wall_before)
    : run_(run),
      job_(std::move(job)),
      epochs_(epochs),
      wall_before_(wall_before),
      started_(Clock::now()) {}

void StatusFile::update(const Master& master, Clock::time_point now) {
  if (written_ && now - *written_ < interval) return;
  written_ = now;
  const MasterProgress progress = master.progress();
  measure(progress, now);
  write(master, progress,
        progress.contributors == 0 ? "waiting"
        : progress.evaluating      ? "evaluating"
                                   : "training",
        now);
}

void StatusFile::finish(const Master& master, Clock::time_point now) {
  write(master, master.progress(), master.stopped_early() ? "stopped" : "finished", now);
}

void StatusFile::measure(const MasterProgress& progress, Clock::time_point now) {
  if (measured_) {
    const double seconds = std::chrono::duration<double>(now - *measured_).count();
    const auto mean = [&](double& of, std::uint64_t more) {
      const double latest = static_cast<double>(more) / seconds;
      of = of > 0 ? of + newest * (latest - of) : latest;
    };
    mean(rows_per_s_, progress.rows - rows_seen_);
    mean(steps_per_s_, progress.step - steps_seen_);
  }
  measured_ = now;
  rows_seen_ = progress.rows;
  steps_seen_ = progress.step;
}

void StatusFile::write(const Master& master, const MasterProgress& progress,
                       const std::string& state, Clock::time_point now) {
  const bool goes_on = state != "finished" && state != "stopped";
  Json json{{"job", job_},
            {"state", state},
            {"node", node_name()},
            {"pid", ::getpid()},
            {"written", seconds_since_1970()},
            {"wall_s", wall_before_ + std::chrono::duration<double>(now - started_).count()},
            {"step", progress.step},
            {"steps", progress.steps},
            {"epoch", std::min(progress.epoch, epochs_)},
            {"epochs", epochs_},
            {"loss", nullptr},
            {"samples_per_s", nullptr},
            {"left_s", nullptr},
            {"contributors", to_json(master.roster(), now)}};
  if (progress.loss > 0) json["loss"] = progress.loss;
  if (goes_on && rows_per_s_ > 0) json["samples_per_s"] = rows_per_s_;
  if (goes_on && steps_per_s_ > 0) {
    json["left_s"] = static_cast<double>(progress.steps - progress.step) / steps_per_s_;
  }
  try {
    // Not synced: after a crash of the machine it tells of nothing that anybody needs.
    run_.replace(run_files::status, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n",
                 nullptr);
  } catch (const InputError&) {
    // It is told soon enough of a disk that is full, and by what matters more.
  }
}

std::optional<std::string> status_text(const std::filesystem::path& run) {
  const std::optional<Folder> folder = Folder::find(run);
  return folder ? folder->text(run_files::status, run_files::most_status) : std::nullopt;
}

std::optional<RunStatus> read_status(const std::filesystem::path& run) {
  const std::optional<std::string> text = status_text(run);
  if (!text) return std::nullopt;
  try {
    return status_of(Json::parse(*text));
  } catch (const nlohmann::json::exception&) {
    throw InputError({(run / run_files::status).string()}, "can't be understood",
                     "wait a second; a master at work writes it anew");
  }
}

bool master_is_at_work(const std::filesystem::path& run) {
  const std::optional<Folder> folder = Folder::find(run);
  const Descriptor lock = folder ? folder->open(run_files::lock, O_RDONLY) : Descriptor();
  return lock && ::flock(lock.number(), LOCK_SH | LOCK_NB) != 0;
}

}  // namespace raven
