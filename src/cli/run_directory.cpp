#include "cli/run_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "raven/core/error.hpp"
#include "raven/core/new_file.hpp"

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

}  // namespace

std::filesystem::path default_run_folder(const std::string& job_name) {
  return std::filesystem::path("runs") / job_name;
}

RunDirectory::RunDirectory(std::filesystem::path folder, const std::filesystem::path& job_file,
                           bool fresh)
    : folder_(std::move(folder)) {
  std::error_code error;
  const bool existed = std::filesystem::exists(folder_, error);
  if (existed && !std::filesystem::is_empty(folder_, error) &&
      !std::filesystem::exists(folder_ / "job.yaml")) {
    throw InputError({folder_.string()},
                     "is not a run directory (it holds other files and no job.yaml)",
                     "choose another folder with --run");
  }
  std::filesystem::create_directories(folder_ / "checkpoints", error);
  if (error) {
    throw InputError({folder_.string()}, "can't be made: " + error.message(),
                     "choose another folder with --run");
  }
  lock_ = ::open((folder_ / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    if (lock_ >= 0) ::close(lock_);
    throw InputError({folder_.string()}, "another master is at work in this run directory",
                     "wait for it, stop it, or choose another folder with --run");
  }
  try {
    if (fresh) {
      for (const auto& entry : std::filesystem::directory_iterator(folder_ / "checkpoints")) {
        std::filesystem::remove_all(entry.path());
      }
      for (const char* name : {"events.jsonl", "summary.json", "job.yaml"}) {
        std::filesystem::remove(folder_ / name);
      }
    }
    write_whole_file(folder_ / "job.yaml", text_of(job_file));
    events_.reset(std::fopen((folder_ / "events.jsonl").c_str(), "ae"));
    if (!events_) {
      throw InputError({(folder_ / "events.jsonl").string()}, "can't be opened for writing",
                       "check the rights of the folder");
    }
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

RunDirectory::~RunDirectory() { ::close(lock_); }

void RunDirectory::log(const RunEvent& event) {
  nlohmann::ordered_json json{{"event", event.kind}};
  for (const auto& [name, value] : event.fields) {
    std::visit([&](const auto& v) { json[name] = v; }, value);
  }
  const std::string line =
      json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  std::fwrite(line.data(), 1, line.size(), events_.get());
  std::fflush(events_.get());
}

void RunDirectory::write_summary(const std::string& json) {
  write_whole_file(folder_ / "summary.json", json);
}

}  // namespace raven
