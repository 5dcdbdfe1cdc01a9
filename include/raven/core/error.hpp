#pragma once

#include <stdexcept>
#include <string>

namespace raven {

/// Where a mistake was found. Lines and columns count from 1; 0 means unknown.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

/// "file:line:column" with the unknown parts left out; empty when nothing is known.
[[nodiscard]] std::string to_string(const Place& place);

/// Somebody's mistake: a misspelt key, a wrong shape, a corrupt shard. Caught once, in cli, printed
/// as one sentence, exit code 2. Never thrown for the world (a slow, lost or lying peer): that is
/// an event.
///
/// `problem` says what is wrong and why that is a problem; `remedy` what to try. Both lower case.
class InputError : public std::runtime_error {
 public:
  InputError(Place place, std::string problem, std::string remedy);
  InputError(std::string problem, std::string remedy)
      : InputError(Place{}, std::move(problem), std::move(remedy)) {}

  [[nodiscard]] const Place& place() const { return place_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const std::string& remedy() const { return remedy_; }

 private:
  Place place_;
  std::string problem_;
  std::string remedy_;
};

}  // namespace raven
