#include "raven/job/reference.hpp"

#include <charconv>

#include "job/checker.hpp"
#include "raven/nn/loss.hpp"
#include "raven/nn/module.hpp"
#include "raven/optim/optimizer.hpp"

namespace raven {
namespace {

std::string in_words(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}
std::string in_words(std::int64_t value) { return std::to_string(value); }
std::string in_words(bool value) { return value ? "true" : "false"; }
std::string in_words(const std::string& value) { return value.empty() ? "none" : value; }
template <class T>
std::string in_words(const std::vector<T>& values) {
  if (values.empty()) return "none";
  std::string text = "[";
  for (const T& value : values) text += (text.size() > 1 ? ", " : "") + in_words(value);
  return text + "]";
}

std::string option_row(const OptionDef& option) {
  const std::string fallback =
      option.required
          ? "required"
          : "`" + std::visit([](const auto& value) { return in_words(value); }, option.fallback) +
                "`";
  return "| `" + std::string(option.name) + "` | " + range_in_words(option) + " | " + fallback +
         " | " + std::string(option.help) + " |\n";
}

std::string section(std::string_view name, std::string_view help,
                    std::span<const OptionDef> options, bool has_block) {
  std::string text = "#### `" + std::string(name) + "`\n" + std::string(help) + "\n\n";
  if (options.empty() && !has_block) return text + "No options.\n\n";
  text += "| option | value | default | meaning |\n|---|---|---|---|\n";
  for (const OptionDef& option : options) text += option_row(option);
  if (has_block) text += "| `layers` | a list of layers | required | the layers inside |\n";
  return text + "\n";
}

bool has_block(const ModuleDef& row) { return row.has_block; }
template <class Row>
bool has_block(const Row&) {
  return false;
}

/// Calls `visit(kind, name, text)` for every row of every table, in the order of the reference.
template <class Visit>
void each_row(Visit visit) {
  const auto each = [&](std::string_view kind, const auto& table) {
    for (const auto* row : table) {
      visit(kind, row->name, section(row->name, row->help, row->options, has_block(*row)));
    }
  };
  each("Layers", module_table());
  each("Losses", loss_table());
  each("Optimizers", optimizer_table());
  each("Schedules", schedule_table());
}

}  // namespace

std::string job_reference() {
  std::string text;
  std::string_view last_kind;
  each_row([&](std::string_view kind, std::string_view, const std::string& row) {
    if (kind != last_kind) text += "### " + std::string(kind) + "\n\n";
    last_kind = kind;
    text += row;
  });
  return text;
}

std::string job_reference(std::string_view name) {
  std::string text;
  each_row([&](std::string_view, std::string_view row_name, const std::string& row) {
    if (row_name == name) text += row;
  });
  return text;
}

std::vector<std::string_view> job_reference_names() {
  std::vector<std::string_view> names;
  each_row(
      [&](std::string_view, std::string_view name, const std::string&) { names.push_back(name); });
  return names;
}

}  // namespace raven
