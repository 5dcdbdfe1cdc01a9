#include "cli/run_directory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "raven/core/error.hpp"
#include "raven/core/new_file.hpp"

namespace raven {
namespace {

constexpr const char* overrides_file = "overrides.json";
constexpr const char* training_data_file = "training_data.yaml";

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in)
    throw InputError({file.string()}, "can't be read",
                     "check that it exists and that you may read it");
  return text.str();
}

}  // namespace

std::filesystem::path default_run_folder(const std::string& job_name) {
  return std::filesystem::path("runs") / job_name;
}

RunDirectory::RunDirectory(std::filesystem::path folder, const std::filesystem::path& job_file,
                           std::vector<std::string> overrides, bool fresh)
    : folder_(std::move(folder)), job_text_(text_of(job_file)), overrides_(std::move(overrides)) {
  namespace fs = std::filesystem;
  const auto check = [this](const std::error_code& error) {
    if (error) {
      throw InputError({folder_.string()}, "can't be made: " + error.message(),
                       "choose another folder with --run");
    }
  };
  std::error_code error;
  fs::create_directories(folder_, error);
  check(error);
  // The lock is the first file that a run makes, so a master killed at its very beginning leaves a
  // folder that is known again.
  const bool is_run =
      fs::exists(folder_ / ".lock", error) || fs::exists(folder_ / "job.yaml", error);
  if (!is_run && !fs::is_empty(folder_, error)) {
    throw InputError({folder_.string()},
                     "is not a run directory (it holds other files and no job.yaml)",
                     "choose another folder with --run");
  }
  lock_ = std::make_unique<RunLock>(folder_);
  fs::create_directories(checkpoints(), error);
  check(error);
  if (fresh) clear();
  open_events();
}

RunDirectory::~RunDirectory() {
  ::close(events_);
}

void RunDirectory::open_events() {
  const std::filesystem::path file = folder_ / "events.jsonl";
  events_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (events_ < 0) {
    throw InputError({file.string()}, "can't be opened for writing",
                     "check the rights of the folder");
  }
  // A machine that went down in the middle of a line has left a piece of it.
  off_t end = ::lseek(events_, 0, SEEK_END);
  const off_t whole = end;
  for (char last = 0; end > 0; --end) {
    if (::pread(events_, &last, 1, end - 1) != 1 || last == '\n') break;
  }
  if (end < whole && ::ftruncate(events_, end) != 0) {
    ::close(events_);
    throw InputError({file.string()}, "can't be written", "check the rights of the file");
  }
}

void RunDirectory::clear() {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(checkpoints(), error), end; !error && entry != end;
       entry.increment(error)) {
    std::filesystem::remove_all(entry->path(), error);
    if (error) break;
  }
  for (const char* name : {"events.jsonl", "summary.json", "status.json", "job.yaml",
                           overrides_file, training_data_file}) {
    if (!error) std::filesystem::remove(folder_ / name, error);
  }
  if (error) {
    throw InputError({folder_.string()},
                     "what an earlier run left can't be deleted: " + error.message(),
                     "delete it by hand, or choose another folder with --run");
  }
}

void RunDirectory::write_job() {
  write_whole_file(folder_ / "job.yaml", job_text_);
  const std::filesystem::path file = folder_ / overrides_file;
  if (overrides_.empty()) {
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
    return;
  }
  write_whole_file(file, nlohmann::ordered_json(overrides_).dump(2) + "\n");
}

std::optional<Manifest> RunDirectory::training_data() const {
  const std::filesystem::path file = folder_ / training_data_file;
  if (!std::filesystem::exists(file)) return std::nullopt;
  return read_manifest(file);
}

void RunDirectory::write_training_data(const Manifest& manifest) {
  write_manifest(manifest, folder_ / training_data_file);
}

Manifest training_data_of(const std::filesystem::path& run) {
  const std::filesystem::path file = run / training_data_file;
  if (!std::filesystem::exists(file)) {
    throw InputError({run.string()},
                     "does not say what kind of data it was trained on (it has no " +
                         std::string(training_data_file) + ")",
                     "repeat the 'raven train' command that made it: a finished run trains no "
                     "further, but writes that file");
  }
  return read_manifest(file);
}

std::vector<std::string> overrides_of(const std::filesystem::path& run) {
  const std::filesystem::path file = run / overrides_file;
  if (!std::filesystem::exists(file)) return {};
  try {
    return nlohmann::json::parse(text_of(file)).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    throw InputError({file.string()}, "is not a list of KEY=VALUE texts",
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
  const off_t before = ::lseek(events_, 0, SEEK_END);
  if (::write(events_, line.data(), line.size()) == static_cast<ssize_t>(line.size())) return true;
  // A full disk may have taken a part. What it took it can also give back.
  [[maybe_unused]] const int cut = ::ftruncate(events_, before);
  return false;
}

void RunDirectory::write_summary(const std::string& json) {
  write_whole_file(folder_ / "summary.json", json);
}

}  // namespace raven
