#include "raven/cluster/history.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/core/json_bounds.hpp"

namespace raven {
namespace {

using Json = nlohmann::ordered_json;

/// Metrics in one pass, at most: a reader takes no more from anybody.
constexpr std::size_t most_metrics = 64;

[[noreturn]] void refuse(const std::string& why) {
  throw InputError("the checkpoint's history can't be read: " + why,
                   "delete that checkpoint to go on from the one before");
}

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
  if (!json.is_object() || json.size() > most_metrics) refuse("a pass of it is none");
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

Json to_json(const EpochResult& epoch) {
  Json json{{"epoch", epoch.epoch}, {"step", epoch.step}, {"train", to_json(epoch.train)}};
  if (epoch.valid) json["valid"] = to_json(*epoch.valid);
  return json;
}

/// @param steps_per_epoch for one that does not say its step
EpochResult epoch_from(const Json& json, std::uint64_t steps_per_epoch) {
  EpochResult epoch;
  epoch.epoch = json.at("epoch").get<std::int64_t>();
  if (epoch.epoch < 1) refuse("an epoch of it has no number");
  epoch.step = json.contains("step") ? json["step"].get<std::uint64_t>()
                                     : static_cast<std::uint64_t>(epoch.epoch) * steps_per_epoch;
  epoch.train = pass_from(json.at("train"));
  if (json.contains("valid")) epoch.valid = pass_from(json["valid"]);
  return epoch;
}

double loss_of(const EpochResult& epoch) {
  return epoch.valid ? epoch.valid->loss : epoch.train.loss;
}

}  // namespace

void History::add(EpochResult epoch) {
  expects(epoch.epoch == epochs_ + 1, "epochs come in order");
  ++epochs_;
  const bool is_better = best_ ? loss_of(epoch) < loss_of(*best_) : !std::isnan(loss_of(epoch));
  if (is_better) best_ = epoch;
  if ((epochs_ - 1) % every_ == 0) kept_.push_back(epoch);
  last_ = std::move(epoch);
  if (kept_.size() <= most_kept) return;
  every_ *= 2;
  std::erase_if(kept_, [&](const EpochResult& one) { return (one.epoch - 1) % every_ != 0; });
}

std::string History::to_json() const {
  Json json{{"epochs", epochs_}, {"every", every_}, {"kept", Json::array()}};
  for (const EpochResult& epoch : kept_) json["kept"].push_back(raven::to_json(epoch));
  if (best_) json["best"] = raven::to_json(*best_);
  if (last_) json["last"] = raven::to_json(*last_);
  return json.dump();
}

History History::from_json(const std::string& text, std::uint64_t steps_per_epoch,
                           std::vector<EpochResult>* listed) {
  History history;
  // Checkpoints before version 4 list all epochs. Each is dropped as soon as it was taken in, so
  // that a list of a long run takes no memory beside its text.
  const auto take = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth != 1 || event != Json::parse_event_t::object_end) return true;
    if (!value.is_object() || !value.contains("train")) return true;
    EpochResult epoch = epoch_from(value, steps_per_epoch);
    if (epoch.epoch != history.epochs_ + 1) refuse("its epochs are not in order");
    if (listed != nullptr) listed->push_back(epoch);
    history.add(std::move(epoch));
    return false;
  };
  try {
    const bool lists_all = text.find_first_not_of(" \t\r\n") != std::string::npos &&
                           text[text.find_first_not_of(" \t\r\n")] == '[';
    // Of a list each epoch is small, and all of them are many.
    constexpr JsonBounds of_list{.values = std::size_t{1} << 23, .depth = 8};
    if (!is_within(text, lists_all ? of_list : JsonBounds{})) refuse("it is too large");
    const Json json = lists_all ? Json::parse(text, take) : Json::parse(text);
    if (lists_all) {
      if (!json.empty()) refuse("an entry of it is no epoch");
      return history;
    }
    history.epochs_ = json.at("epochs").get<std::int64_t>();
    history.every_ = json.at("every").get<std::int64_t>();
    for (const Json& one : json.at("kept")) {
      history.kept_.push_back(epoch_from(one, steps_per_epoch));
      if (history.kept_.size() > most_kept) refuse("it keeps too many epochs");
    }
    if (json.contains("best")) history.best_ = epoch_from(json["best"], steps_per_epoch);
    if (json.contains("last")) history.last_ = epoch_from(json["last"], steps_per_epoch);
  } catch (const Json::exception& error) {
    refuse(error.what());
  }
  const bool fits = history.epochs_ >= 0 && history.every_ >= 1 &&
                    (history.every_ & (history.every_ - 1)) == 0 &&
                    (history.epochs_ > 0) == history.last_.has_value() &&
                    (!history.last_ || history.last_->epoch == history.epochs_);
  if (!fits) refuse("its numbers do not fit together");
  return history;
}

std::string history_line(const EpochResult& epoch) { return to_json(epoch).dump(); }

std::optional<EpochResult> epoch_in(const std::string& line) {
  try {
    return epoch_from(Json::parse(line), 0);
  } catch (const Json::exception&) {
    return std::nullopt;
  } catch (const InputError&) {
    return std::nullopt;
  }
}

}  // namespace raven
