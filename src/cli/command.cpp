#include "cli/command.hpp"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <utility>

namespace raven {

Option Option::required() { return Option(option_->required()); }

Option Option::excludes(Option other) { return Option(option_->excludes(other.option_)); }

Option Option::allow_extra_args(bool allowed) {
  if (allowed) return Option(option_->allow_extra_args(true));
  return Option(option_->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll));
}

Option Option::settings() {
  return Option(option_->type_name("KEY=VALUE")->allow_extra_args(false));
}

Option Option::delimiter(char between) { return Option(option_->delimiter(between)); }

template <class T>
Option Option::range(T least, T most) {
  return Option(option_->check(CLI::Range(least, most)));
}
template Option Option::range(int, int);
template Option Option::range(std::uint32_t, std::uint32_t);
template Option Option::range(std::int64_t, std::int64_t);
template Option Option::range(double, double);

Option Option::one_of(std::vector<std::string> words) {
  return Option(option_->check(CLI::IsMember(std::move(words))));
}

Option Option::check(std::function<std::string(const std::string&)> judge) {
  return Option(option_->check(std::move(judge)));
}

Option Option::capture_default_str() { return Option(option_->capture_default_str()); }

Option Option::type_name(std::string name) { return Option(option_->type_name(std::move(name))); }

Option Option::group(const std::string& heading) { return Option(option_->group(heading)); }

Command Command::add_subcommand(std::string name, std::string help) {
  return Command(*app_->add_subcommand(std::move(name), std::move(help)));
}

void Command::require_subcommand(int count) { app_->require_subcommand(count); }

template <class T>
Option Command::add_option(std::string name, T& value, std::string help) {
  return Option(app_->add_option(std::move(name), value, std::move(help)));
}
template Option Command::add_option(std::string, int&, std::string);
template Option Command::add_option(std::string, std::uint32_t&, std::string);
template Option Command::add_option(std::string, std::int64_t&, std::string);
template Option Command::add_option(std::string, std::uint64_t&, std::string);
template Option Command::add_option(std::string, double&, std::string);
template Option Command::add_option(std::string, std::string&, std::string);
template Option Command::add_option(std::string, std::filesystem::path&, std::string);
template Option Command::add_option(std::string, std::vector<std::string>&, std::string);
template Option Command::add_option(std::string, std::vector<std::int64_t>&, std::string);

Option Command::add_flag(std::string name, bool& value, std::string help) {
  return Option(app_->add_flag(std::move(name), value, std::move(help)));
}

Option Command::add_word(const std::string& name,
                         const std::function<void(const std::string&)>& take,
                         std::vector<std::string> known, const std::string& help) {
  return Option(app_->add_option_function<std::string>(name, take, help)
                    ->check(CLI::IsMember(std::move(known)).description("")));
}

void Command::footer(std::string text) { app_->footer(std::move(text)); }

void Command::callback(std::function<void()> then) { app_->callback(std::move(then)); }

}  // namespace raven
