#include <fstream>
#include <sstream>

#include "cli/launch.hpp"
#include "raven/core/error.hpp"

namespace raven {

std::vector<std::string> hosts_in(const std::filesystem::path& hostfile) {
  std::ifstream in(hostfile);
  if (!in) {
    throw InputError({hostfile.string()}, "can't be read", "name a file with one node a line");
  }
  std::vector<std::string> hosts;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string host;
    if (words >> host) hosts.push_back(host);
  }
  if (hosts.empty()) {
    throw InputError({hostfile.string()}, "names no node", "write one node a line");
  }
  return hosts;
}

LaunchPlan plan_launch(const std::vector<std::string>& nodes, int contributors) {
  LaunchPlan plan;
  for (std::size_t i = 1; i < nodes.size(); ++i) plan.nodes.push_back({nodes[i]});
  if (contributors < 0) contributors = static_cast<int>(plan.nodes.size());
  const int places = static_cast<int>(plan.nodes.size()) + 1;
  for (int i = 0; i < contributors; ++i) {
    const int place = i % places;
    if (place == places - 1) {
      ++plan.beside_master;
    } else {
      ++plan.nodes[static_cast<std::size_t>(place)].contributors;
    }
  }
  return plan;
}

}  // namespace raven
