#include "cluster/history.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "raven/core/error.hpp"

namespace raven {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no word for what is no finite number, and training may well go through one.
Json number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double number_from(const Json& json) {
  if (json == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (json == "inf") return std::numeric_limits<double>::infinity();
  if (json == "-inf") return -std::numeric_limits<double>::infinity();
  return json.get<double>();
}

Json to_json(const PassResult& pass) {
  Json json{{"samples", pass.samples}, {"loss", number(pass.loss)}};
  for (const auto& [name, value] : pass.metrics) json[name] = number(value);
  return json;
}

PassResult pass_from(const Json& json) {
  PassResult pass;
  for (const auto& [name, value] : json.items()) {
    if (name == "samples") {
      pass.samples = value.get<std::int64_t>();
    } else if (name == "loss") {
      pass.loss = number_from(value);
    } else {
      pass.metrics.emplace_back(name, number_from(value));
    }
  }
  return pass;
}

}  // namespace

std::string history_to_json(const std::vector<EpochResult>& history) {
  Json list = Json::array();
  for (const EpochResult& epoch : history) {
    Json json{{"epoch", epoch.epoch}, {"step", epoch.step}, {"train", to_json(epoch.train)}};
    if (epoch.valid) json["valid"] = to_json(*epoch.valid);
    list.push_back(std::move(json));
  }
  return list.dump();
}

std::vector<EpochResult> history_from_json(const std::string& text, std::int64_t steps_per_epoch) {
  std::vector<EpochResult> history;
  try {
    for (const Json& json : Json::parse(text)) {
      EpochResult& epoch = history.emplace_back();
      epoch.epoch = json.at("epoch").get<std::int64_t>();
      // Those written before had whole epochs only.
      epoch.step = json.value("step", epoch.epoch * steps_per_epoch);
      epoch.train = pass_from(json.at("train"));
      if (json.contains("valid")) epoch.valid = pass_from(json.at("valid"));
    }
  } catch (const Json::exception& error) {
    throw InputError(std::string("the checkpoint's history can't be read: ") + error.what(),
                     "delete that checkpoint to go on from the one before");
  }
  return history;
}

}  // namespace raven
