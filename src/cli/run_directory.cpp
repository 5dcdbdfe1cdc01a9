#include "cli/run_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "raven/cluster/checkpoint.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in)
    throw InputError({file.string()}, "can't be read",
                     "check that it exists and that you may read it");
  return text.str();
}

/// Made, or known again as one that an earlier run left behind.
Folder made_run(std::filesystem::path path) {
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

RunDirectory::RunDirectory(std::filesystem::path folder, const std::filesystem::path& job_file,
                           std::vector<std::string> overrides, bool fresh)
    : job_text_(text_of(job_file)),
      overrides_(std::move(overrides)),
      folder_(made_run(std::move(folder))) {
  lock_ = folder_.open(run_files::lock, O_RDWR | O_CREAT);
  if (::flock(lock_.number(), LOCK_EX | LOCK_NB) != 0) {
    throw InputError({path().string()}, "another master is at work in this run directory",
                     "wait for it, stop it, or choose another folder with --run");
  }
  check_run_files(folder_);
  (void)Folder::made(checkpoints(), Folder::Links::refuse);
  if (fresh) clear();
  remove_leftovers();
  open_events();
}

void RunDirectory::open_events() {
  events_ =
      folder_.open(run_files::events, O_RDWR | O_CREAT | O_APPEND, Folder::OtherNames::refused);
  // A machine that went down in the middle of a line has left a piece of it.
  off_t end = ::lseek(events_.number(), 0, SEEK_END);
  const off_t whole = end;
  for (char last = 0; end > 0; --end) {
    if (::pread(events_.number(), &last, 1, end - 1) != 1 || last == '\n') break;
  }
  if (end < whole && ::ftruncate(events_.number(), end) != 0) {
    throw InputError({(path() / run_files::events).string()}, "can't be written",
                     "check the rights of the file");
  }
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
  folder_.replace(run_files::job, job_text_);
  if (overrides_.empty()) return folder_.remove(run_files::overrides);
  folder_.replace(run_files::overrides, nlohmann::ordered_json(overrides_).dump(2) + "\n");
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
    return nlohmann::json::parse(*text).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    throw InputError({(run / run_files::overrides).string()}, "is not a list of KEY=VALUE texts",
                     "delete it, and repeat '--set' with the same 'raven train' command");
  }
}

bool RunDirectory::log(const RunEvent& event) {
  nlohmann::ordered_json json{{"event", event.kind}};
  for (const auto& [name, value] : event.fields) {
    std::visit([&](const auto& v) { json[name] = v; }, value);
  }
  const std::string line =
      json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  const off_t before = ::lseek(events_.number(), 0, SEEK_END);
  if (write_all(events_.number(), line) == 0) return true;
  // A full disk may have taken a part. What it took it can also give back.
  [[maybe_unused]] const int cut = ::ftruncate(events_.number(), before);
  return false;
}

void RunDirectory::write_summary(const std::string& json) {
  folder_.replace(run_files::summary, json);
}

}  // namespace raven
