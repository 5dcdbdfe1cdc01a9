#include "raven/cluster/credits.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "raven/core/error.hpp"
#include "raven/core/json_bounds.hpp"

namespace raven {
namespace {

using Json = nlohmann::ordered_json;

void add(Credit& to, const Credit& more) {
  to.snippets += more.snippets;
  to.rows += more.rows;
  to.compute_ns += more.compute_ns;
}

Credit credit_of(const Member& member) {
  return {.node = member.hello.node,
          .pid = member.hello.pid,
          .peer = member.peer.value,
          .threads = member.hello.threads,
          .core = member.hello.numerics.core,
          .snippets = member.snippets,
          .rows = member.rows,
          .compute_ns = member.compute_ns,
          .here = member.state != Member::State::gone};
}

/// Adds the oldest of those who are gone up by node, so that at most `most_credits` are left, or as
/// many as there are nodes and processes that are here.
std::vector<Credit> folded(std::vector<Credit> credits) {
  if (credits.size() <= most_credits) return credits;
  std::size_t too_many = credits.size() - most_credits / 2;
  std::vector<Credit> sums;
  std::map<std::string, std::size_t> sum_of_node;
  std::vector<Credit> others;
  for (Credit& credit : credits) {
    if (credit.here || (too_many == 0 && credit.processes == 1)) {
      others.push_back(std::move(credit));
      continue;
    }
    if (credit.processes == 1) --too_many;
    const auto [place, is_new] = sum_of_node.try_emplace(credit.node, sums.size());
    if (is_new) {
      sums.push_back({.node = credit.node, .processes = 0, .core = credit.core});
    }
    sums[place->second].processes += credit.processes;
    add(sums[place->second], credit);
  }
  sums.insert(sums.end(), std::make_move_iterator(others.begin()),
              std::make_move_iterator(others.end()));
  return sums;
}

Credit credit_from(const Json& json) {
  return {.node = json.at("node").get<std::string>(),
          .pid = json.at("pid").get<std::uint64_t>(),
          .processes = json.at("processes").get<std::uint64_t>(),
          .peer = json.at("peer").get<std::uint32_t>(),
          .threads = json.at("threads").get<std::uint32_t>(),
          .core = json.at("core").get<std::string>(),
          .snippets = json.at("snippets").get<std::uint64_t>(),
          .rows = json.at("samples").get<std::uint64_t>(),
          .compute_ns = json.at("compute_ns").get<std::uint64_t>()};
}

}  // namespace

std::vector<Credit> credits_of(const std::vector<Credit>& earlier, const Roster& roster) {
  std::vector<Credit> credits = earlier;
  std::map<std::pair<std::string, std::uint64_t>, std::size_t> known;
  for (std::size_t i = 0; i < credits.size(); ++i) {
    if (credits[i].processes == 1) known.emplace(std::pair(credits[i].node, credits[i].pid), i);
  }
  for (const Member& member : roster.all()) {
    Credit credit = credit_of(member);
    const auto [place, is_new] =
        known.try_emplace(std::pair(credit.node, credit.pid), credits.size());
    if (is_new) {
      credits.push_back(std::move(credit));
      continue;
    }
    // One that came back, to this master or from the life before.
    Credit& same = credits[place->second];
    add(credit, same);
    credit.here = credit.here || same.here;
    same = std::move(credit);
  }
  return folded(std::move(credits));
}

std::string credits_to_json(const std::vector<Credit>& credits) {
  Json list = Json::array();
  for (const Credit& credit : credits) {
    list.push_back({{"node", credit.node},
                    {"pid", credit.pid},
                    {"processes", credit.processes},
                    {"peer", credit.peer},
                    {"threads", credit.threads},
                    {"core", credit.core},
                    {"snippets", credit.snippets},
                    {"samples", credit.rows},
                    {"compute_ns", credit.compute_ns}});
  }
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<Credit> credits_from_json(const std::string& text) {
  std::vector<Credit> credits;
  if (!is_within(text)) {
    throw InputError("the checkpoint's contributors are more than a run can have",
                     "delete that checkpoint to go on from the one before");
  }
  try {
    for (const Json& json : Json::parse(text)) credits.push_back(credit_from(json));
  } catch (const Json::exception& error) {
    throw InputError(std::string("the checkpoint's contributors can't be read: ") + error.what(),
                     "delete that checkpoint to go on from the one before");
  }
  return credits;
}

}  // namespace raven
