#include "raven/job/build.hpp"

namespace raven {
namespace {

/// A word of a shell.
std::string quoted(const std::string& word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+:@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

/// The commands as they are to be typed here.
std::string commands_for(const JobSpec& job) {
  constexpr std::string_view place = "{folder}";
  const std::string folder = quoted(job.train_manifest.parent_path().string());
  std::string text;
  for (std::string command : job.data_made_by) {
    for (std::size_t at = 0; (at = command.find(place, at)) != std::string::npos;) {
      command.replace(at, place.size(), folder);
      at += folder.size();
    }
    text += (text.empty() ? "" : " && ") + command;
  }
  return text;
}

}  // namespace

std::optional<InputError> missing_data(const JobSpec& job) {
  std::error_code code;
  // A link that leads nowhere, or a folder that may not be entered, has its own message.
  const auto missing = [&](const std::filesystem::path& file) {
    return std::filesystem::symlink_status(file, code).type() ==
           std::filesystem::file_type::not_found;
  };
  const std::filesystem::path* file = &job.train_manifest;
  if (!missing(*file)) {
    if (!job.valid_manifest || !missing(*job.valid_manifest)) return std::nullopt;
    file = &*job.valid_manifest;
  }
  std::string remedy =
      "make or import data ('raven data --help'), or name other data by --set data.train=...";
  if (!job.data_made_by.empty()) remedy = "make it: " + commands_for(job);
  if (job.samples_folder && file == &job.train_manifest && !missing(*job.samples_folder)) {
    remedy += "; or try the job on its sample set: --samples";
  }
  return InputError(job.data_place, "the data is not there (no " + file->string() + ")", remedy);
}

}  // namespace raven
