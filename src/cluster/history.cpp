#include "cluster/history.hpp"

#include <nlohmann/json.hpp>

#include "raven/core/error.hpp"

namespace raven {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const PassResult& pass) {
  Json json{{"samples", pass.samples}, {"loss", pass.loss}};
  for (const auto& [name, value] : pass.metrics) json[name] = value;
  return json;
}

PassResult pass_from(const Json& json) {
  PassResult pass;
  for (const auto& [name, value] : json.items()) {
    if (name == "samples") {
      pass.samples = value.get<std::int64_t>();
    } else if (name == "loss") {
      pass.loss = value.get<double>();
    } else {
      pass.metrics.emplace_back(name, value.get<double>());
    }
  }
  return pass;
}

}  // namespace

std::string history_to_json(const std::vector<EpochResult>& history) {
  Json list = Json::array();
  for (const EpochResult& epoch : history) {
    Json json{{"epoch", epoch.epoch}, {"train", to_json(epoch.train)}};
    if (epoch.valid) json["valid"] = to_json(*epoch.valid);
    list.push_back(std::move(json));
  }
  return list.dump();
}

std::vector<EpochResult> history_from_json(const std::string& text) {
  std::vector<EpochResult> history;
  try {
    for (const Json& json : Json::parse(text)) {
      EpochResult& epoch = history.emplace_back();
      epoch.epoch = json.at("epoch").get<std::int64_t>();
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
