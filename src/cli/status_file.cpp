#include "cli/status_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/contribute.hpp"
#include "cli/run_files.hpp"
#include "cli/run_lock.hpp"
#include "raven/core/error.hpp"
#include "raven/core/json_bounds.hpp"
#include "raven/core/printable.hpp"

namespace raven {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t longest_text = 80;
constexpr std::size_t longest_reason = 400;

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

Json to_json(const Member& member, const std::map<std::uint32_t, Pace>& rows_of,
             StatusFile::Clock::time_point now) {
  Json json{{"peer", member.peer.value},
            {"node", member.hello.node},
            {"pid", member.hello.pid},
            {"threads", member.hello.threads},
            {"core", member.hello.numerics.core},
            {"state", name_of(member.state)},
            {"samples_per_s", nullptr},
            {"snippets", member.snippets},
            {"samples", member.rows},
            {"last_heard_s",
             std::max(0.0, std::chrono::duration<double>(now - member.last_heard).count())}};
  const auto pace = rows_of.find(member.peer.value);
  const auto rate = pace == rows_of.end() ? std::nullopt : pace->second.per_second(now);
  if (rate) json["samples_per_s"] = *rate;
  return json;
}

/// Everybody who is here, and the latest of those who are not.
Json to_json(const Roster& roster, const std::map<std::uint32_t, Pace>& rows_of,
             StatusFile::Clock::time_point now) {
  const auto is_gone = [](const Member& member) { return member.state == Member::State::gone; };
  auto gone = static_cast<std::size_t>(std::ranges::count_if(roster.all(), is_gone));
  Json list = Json::array();
  for (const Member& member : roster.all()) {
    if (is_gone(member) && gone-- > StatusFile::most_gone) continue;
    list.push_back(to_json(member, rows_of, now));
  }
  return list;
}

/// Of this machine since it was started, pauses included; and which start that was. Unlike the time
/// of day nobody sets it.
double uptime_s() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::string boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(in, id);
  return id;
}

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// One short line. Contributors choose their own names; a terminal must not obey them.
std::string one_line(std::string_view text, std::size_t longest = longest_text) {
  return printable(text.substr(0, longest), LineEnds::escape);
}

std::optional<double> number_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

/// Printable, and empty when there is none.
std::string text_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return {};
  return one_line(found->get<std::string>(), longest_reason);
}

/// By the clock that nobody sets, if it was written since this machine was started.
double age_of(const Json& json) {
  const std::optional<double> uptime = number_in(json, "uptime_s");
  const auto boot = json.find("boot_id");
  const bool here = boot != json.end() && boot->is_string() && *boot == boot_id();
  const double age = here && uptime ? uptime_s() - *uptime
                                    : seconds_since_1970() - json.at("written").get<double>();
  return std::max(0.0, age);
}

RunStatus::Contributor contributor_of(const Json& json) {
  return {.peer = json.at("peer").get<std::int64_t>(),
          .node = one_line(json.at("node").get<std::string>()),
          .pid = json.at("pid").get<std::int64_t>(),
          .threads = json.at("threads").get<std::int64_t>(),
          .state = one_line(json.at("state").get<std::string>()),
          .samples_per_s = number_in(json, "samples_per_s"),
          .snippets = json.at("snippets").get<std::int64_t>(),
          .last_heard_s = json.at("last_heard_s").get<double>()};
}

RunStatus status_of(const Json& json) {
  RunStatus status{.job = one_line(json.at("job").get<std::string>()),
                   .state = one_line(json.at("state").get<std::string>()),
                   .node = one_line(json.at("node").get<std::string>()),
                   .pid = json.at("pid").get<std::int64_t>(),
                   .age_s = age_of(json),
                   .wall_s = json.at("wall_s").get<double>(),
                   .step = json.at("step").get<std::int64_t>(),
                   .steps = json.at("steps").get<std::int64_t>(),
                   .epoch = json.at("epoch").get<std::int64_t>(),
                   .epochs = json.at("epochs").get<std::int64_t>(),
                   .loss = number_in(json, "loss"),
                   .samples_per_s = number_in(json, "samples_per_s"),
                   .left_s = number_in(json, "left_s"),
                   .disk = text_in(json, "disk"),
                   .contributors = {}};
  for (const Json& one : json.at("contributors")) {
    status.contributors.push_back(contributor_of(one));
  }
  return status;
}

}  // namespace

StatusFile::StatusFile(const std::filesystem::path& run, std::string job, std::int64_t epochs)
    : run_(run),
      job_(std::move(job)),
      epochs_(epochs),
      started_(Clock::now()),
      started_1970_(seconds_since_1970()) {}

void StatusFile::update(const Master& master, const std::string& disk, bool held,
                        Clock::time_point now) {
  if (written_ && now - *written_ < interval) return;
  written_ = now;
  const MasterProgress progress = master.progress();
  measure(master, progress, now);
  write(master, progress,
        held                  ? "held"
        : progress.waiting    ? "waiting"
        : progress.evaluating ? "evaluating"
                              : "training",
        disk, now);
}

void StatusFile::finish(const Master& master, Clock::time_point now) {
  write(master, master.progress(), master.stopped_early() ? "stopped" : "finished", {}, now);
}

void StatusFile::measure(const Master& master, const MasterProgress& progress,
                         Clock::time_point now) {
  if (measured_ && !progress.evaluating && !progress.waiting) training_time_ += now - *measured_;
  measured_ = now;
  rows_.note(progress.rows, training_time_);
  steps_.note(progress.step, training_time_);
  for (const Member& member : master.roster().all()) {
    if (member.state == Member::State::gone) {
      rows_of_.erase(member.peer.value);
    } else {
      rows_of_[member.peer.value].note(member.rows, now);
    }
  }
}

void StatusFile::write(const Master& master, const MasterProgress& progress,
                       const std::string& state, const std::string& disk, Clock::time_point now) {
  const std::chrono::duration<double> here = now - started_;
  Json json{{"job", job_},
            {"state", state},
            {"node", node_name()},
            {"pid", ::getpid()},
            {"written", started_1970_ + here.count()},
            {"uptime_s", uptime_s()},
            {"boot_id", boot_id()},
            {"wall_s", master.seconds(now)},
            {"step", progress.step},
            {"steps", progress.steps},
            {"epoch", std::min(progress.epoch, epochs_)},
            {"epochs", epochs_},
            {"loss", nullptr},
            {"samples_per_s", nullptr},
            {"left_s", nullptr},
            {"disk", nullptr},
            {"contributors", to_json(master.roster(), rows_of_, now)}};
  if (progress.loss > 0 && std::isfinite(progress.loss)) json["loss"] = progress.loss;
  if (!disk.empty()) json["disk"] = disk;
  if (state == "training" || state == "evaluating") {
    const std::optional<double> rows = rows_.per_second(training_time_);
    const std::optional<double> steps = steps_.per_second(training_time_);
    if (rows) json["samples_per_s"] = *rows;
    if (steps && *steps > 0) {
      json["left_s"] = static_cast<double>(progress.steps - progress.step) / *steps;
    }
  }
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  try {
    // Not synced: after a crash of the machine it tells of nothing that anybody needs.
    run_.replace(run_files::status, text, nullptr);
  } catch (const InputError&) {
    overwrite(text);
  }
}

void StatusFile::overwrite(const std::string& text) {
  try {
    const Descriptor file = run_.open(run_files::status, O_WRONLY, Folder::OtherNames::refused);
    const off_t room = file ? ::lseek(file.number(), 0, SEEK_END) : 0;
    if (room < static_cast<off_t>(text.size())) return;
    std::string padded = text;
    padded.resize(static_cast<std::size_t>(room), '\n');
    [[maybe_unused]] const ssize_t put = ::pwrite(file.number(), padded.data(), padded.size(), 0);
  } catch (const InputError&) {
    // The old one stays; what matters more tells of the disk.
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
    if (is_within(*text)) return status_of(Json::parse(*text));
  } catch (const nlohmann::json::exception&) {  // told below
  }
  throw InputError({(run / run_files::status).string()}, "can't be understood",
                   "wait a second; a master at work writes it anew");
}

bool master_is_at_work(const std::filesystem::path& run) { return is_held(run); }

}  // namespace raven
