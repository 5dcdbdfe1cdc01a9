#include "cli/run_files.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "raven/core/error.hpp"
#include "raven/core/json_bounds.hpp"

namespace raven {

std::span<const char* const> run_files::all() {
  static constexpr std::array names{job,     overrides, training_data, events, history,
                                    summary, status,    doors,         token};
  return names;
}

std::optional<SummaryHead> summary_head(const Folder& run) {
  const std::optional<std::string> text = run.text(run_files::summary, run_files::most_summary);
  if (!text || !is_within(*text, {.values = std::size_t{1} << 21})) return std::nullopt;
  // Of all that it may hold only what stands at its top becomes a value.
  const auto at_the_top = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    return depth <= 1;
  };
  const auto json = nlohmann::json::parse(*text, at_the_top, false);
  const auto complete = json.is_object() ? json.find("complete") : json.end();
  if (complete == json.end() || !complete->is_boolean()) return std::nullopt;
  const auto weights = json.find("weights_sha256");
  const bool has_weights = weights != json.end() && weights->is_string();
  return SummaryHead{.complete = complete->get<bool>(),
                     .weights_sha256 = has_weights ? weights->get<std::string>() : ""};
}

Folder open_run(const std::filesystem::path& run) {
  std::optional<Folder> folder = Folder::find(run);
  if (folder && folder->has(run_files::job)) return std::move(*folder);
  throw InputError({run.string()}, "is not a run directory (it has no job.yaml)",
                   "name the folder that 'raven train' wrote, for instance runs/digits_cnn");
}

void check_run_files(const Folder& run) {
  (void)run.has(run_files::lock);
  for (const char* name : run_files::all()) (void)run.has(name);
  (void)Folder::find(run.path() / run_files::checkpoints, Folder::Links::refuse);
}

}  // namespace raven
