#include "cli/run_directory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "raven/cluster/checkpoint.hpp"
#include "raven/core/error.hpp"
#include "raven/core/json_bounds.hpp"

namespace raven {
namespace {

/// What a job file may have is far less.
constexpr std::size_t most_kept_text = std::size_t{64} << 20;
/// Of an event's `t`: more is no time.
constexpr double longest_run = 1e12;
/// Lines of events.jsonl that are looked through for the last one with a time.
constexpr int most_lines_without_time = 1000;

/// Read for the second time, to be kept as it is.
std::string text_of(const std::filesystem::path& file) {
  std::error_code error;
  // The job itself may be a link: whoever gave it vouches for it.
  const std::filesystem::path whole = std::filesystem::canonical(file, error);
  if (error || !std::filesystem::is_regular_file(whole, error)) {
    throw InputError({file.string()},
                     "is no plain file (a run keeps a copy of its job, and a pipe can be read only "
                     "once)",
                     "write the job to a file");
  }
  return Folder(whole.parent_path()).text(whole.filename().string(), most_kept_text).value_or("");
}

/// Made, or known again as one that an earlier run left behind.
Folder made_run(const std::filesystem::path& path) {
  try {
    Folder folder = Folder::made(path);
    // The lock is the first file that a run makes, so a master killed at its very beginning leaves
    // a folder that is known again.
    const bool is_run = folder.has(run_files::lock) || folder.has(run_files::job);
    if (is_run || folder.names().empty()) return folder;
  } catch (const InputError& error) {
    throw InputError(error.place(), error.problem(),
                     error.remedy() + ", or choose another folder with --run");
  }
  throw InputError({path.string()}, "is not a run directory (it holds other files and no job.yaml)",
                   "choose another folder with --run");
}

}  // namespace

std::filesystem::path default_run_folder(const std::string& job_name) {
  return std::filesystem::path("runs") / job_name;
}

RunDirectory::RunDirectory(const std::filesystem::path& folder,
                           const std::filesystem::path& job_file,
                           std::vector<std::string> overrides, bool fresh)
    : job_text_(text_of(job_file)), overrides_(std::move(overrides)), folder_(made_run(folder)) {
  lock_ = std::make_unique<RunLock>(path());
  check_run_files(folder_);
  (void)Folder::made(checkpoints(), Folder::Links::refuse);
  if (fresh) clear();
  remove_leftovers();
  open_lines();
}

void RunDirectory::open_lines() {
  events_.emplace(folder_, run_files::events);
  history_.emplace(folder_, run_files::history);
  int looked_at = 0;
  (void)events_->find_back([&](const std::string& line) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    const auto found = json.is_object() ? json.find("t") : json.end();
    const double t =
        json.is_object() && found != json.end() && found->is_number() ? found->get<double>() : -1;
    const bool is_time = t >= 0 && t < longest_run;
    if (is_time) seconds_told_ = t;
    return is_time || ++looked_at == most_lines_without_time;
  });
}

void RunDirectory::clear() {
  remove_checkpoints(checkpoints());
  for (const char* name : run_files::all()) folder_.remove(name);
}

/// What masters that were killed while they wrote have left.
void RunDirectory::remove_leftovers() {
  for (const std::string& name : folder_.names()) {
    if (!is_leftover(name)) continue;
    const std::string whole = name.substr(0, name.rfind(".part-"));
    if (std::ranges::find(run_files::all(), whole) != run_files::all().end()) folder_.remove(name);
  }
}

void RunDirectory::write_job() {
  const auto same = [this](const char* name, const std::string& text) {
    return folder_.has(name) && folder_.text(name, most_kept_text) == text;
  };
  if (!same(run_files::job, job_text_)) folder_.replace(run_files::job, job_text_);
  if (overrides_.empty()) return folder_.remove(run_files::overrides);
  const nlohmann::ordered_json json(overrides_);
  const std::string text =
      json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  if (!same(run_files::overrides, text)) folder_.replace(run_files::overrides, text);
}

std::optional<Manifest> RunDirectory::training_data() const {
  if (!folder_.has(run_files::training_data)) return std::nullopt;
  return read_manifest(path() / run_files::training_data);
}

void RunDirectory::write_training_data(const Manifest& manifest) {
  (void)folder_.has(run_files::training_data);
  write_manifest(manifest, path() / run_files::training_data);
}

Manifest training_data_of(const std::filesystem::path& run) {
  if (!open_run(run).has(run_files::training_data)) {
    throw InputError({run.string()},
                     "does not say what kind of data it was trained on (it has no " +
                         std::string(run_files::training_data) + ")",
                     "repeat the 'raven train' command that made it: a finished run trains no "
                     "further, but writes that file");
  }
  return read_manifest(run / run_files::training_data);
}

std::vector<std::string> overrides_of(const std::filesystem::path& run) {
  const auto text = open_run(run).text(run_files::overrides, run_files::most_overrides);
  if (!text) return {};
  try {
    if (is_within(*text)) return nlohmann::json::parse(*text).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {  // told below
  }
  throw InputError({(run / run_files::overrides).string()}, "is not a list of KEY=VALUE texts",
                   "delete it, and repeat '--set' with the same 'raven train' command");
}

bool RunDirectory::has_summary_of(const Digest& weights) const {
  const std::optional<SummaryHead> summary = summary_head(folder_);
  return summary && summary->complete && summary->weights_sha256 == to_hex(weights);
}

bool RunDirectory::log(RunEvent event) {
  for (auto& [name, value] : event.fields) {
    double* t = name == "t" ? std::get_if<double>(&value) : nullptr;
    if (t != nullptr) *t = seconds_told_ = std::max(seconds_told_, *t);
  }
  nlohmann::ordered_json json{{"event", event.kind}};
  for (const auto& [name, value] : event.fields) {
    std::visit([&](const auto& v) { json[name] = v; }, value);
  }
  const bool written =
      events_->append(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  const std::uint64_t lost = written ? events_->take_lost() : 0;
  if (lost == 0) return written;
  return log({"lines_lost", {{"t", seconds_told_}, {"lines", static_cast<std::int64_t>(lost)}}});
}

void RunDirectory::cut_history(std::uint64_t step, std::int64_t epochs) {
  const auto last = history_->cut_back([&](const std::string& line) {
    const std::optional<EpochResult> epoch = epoch_in(line);
    return epoch && epoch->step <= step && epoch->epoch <= epochs;
  });
  epochs_told_ = last ? epoch_in(*last)->epoch : 0;
}

void RunDirectory::log_epoch(const EpochResult& epoch) {
  if (epoch.epoch <= epochs_told_) return;
  epochs_told_ = epoch.epoch;
  (void)history_->append(history_line(epoch));
}

void RunDirectory::sync_history() const {
  if (::fdatasync(history_->handle()) == 0 || errno == EINVAL || errno == EROFS) return;
  throw InputError({(path() / run_files::history).string()},
                   "syncing it failed (" + std::string(std::strerror(errno)) + ")",
                   "check free space and permissions there");
}

std::string RunDirectory::flush_lines() {
  for (LineFile* file : {&*events_, &*history_}) {
    if (!file->flush()) return file->refusal();
  }
  return {};
}

void RunDirectory::write_summary(const std::string& json) {
  folder_.replace(run_files::summary, json);
}

}  // namespace raven
