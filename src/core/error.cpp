#include "raven/core/error.hpp"

namespace raven {
namespace {

std::string sentence(const Place& place, const std::string& problem, const std::string& remedy) {
  std::string text = to_string(place);
  if (!text.empty()) text += ": ";
  text += problem;
  if (!remedy.empty()) text += "; " + remedy;
  return text;
}

}  // namespace

std::string to_string(const Place& place) {
  std::string text = place.file;
  if (place.line > 0) text += ":" + std::to_string(place.line);
  if (place.line > 0 && place.column > 0) text += ":" + std::to_string(place.column);
  return text;
}

InputError::InputError(Place place, std::string problem, std::string remedy)
    : std::runtime_error(sentence(place, problem, remedy)),
      place_(std::move(place)),
      problem_(std::move(problem)),
      remedy_(std::move(remedy)) {}

}  // namespace raven
