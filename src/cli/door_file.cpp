#include "cli/door_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include "raven/core/error.hpp"
#include "raven/core/new_file.hpp"

namespace raven {
namespace {

constexpr const char* doors_name = "join.json";
constexpr const char* token_name = "join.token";

/// At most 64 KiB of it; none when it can't be read.
std::optional<std::string> short_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  std::string text(65536, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

}  // namespace

void write_token(const std::filesystem::path& run, const Digest& token) {
  const std::filesystem::path file = run / token_name;
  const auto refuse = [&] {
    throw InputError({file.string()}, "can't be written", "check the rights of the run directory");
  };
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  // Made for nobody else's eyes from the first moment on.
  const int handle = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (handle < 0) refuse();
  const std::string text = to_hex(token) + "\n";
  const bool written =
      ::write(handle, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(handle);
  if (!written) refuse();
}

void write_doors(const std::filesystem::path& run, const std::vector<GatewayNote>& doors) {
  nlohmann::ordered_json json{{"gateways", nlohmann::ordered_json::array()}, {"mpi_server", ""}};
  for (const GatewayNote& door : doors) {
    json["gateways"].push_back({{"address", door.address}, {"port", door.port}});
    json["mpi_server"] = door.text;
  }
  write_whole_file(run / doors_name, json.dump(2) + "\n");
}

void remove_door(const std::filesystem::path& run) noexcept {
  std::error_code ignored;
  std::filesystem::remove(run / doors_name, ignored);
  std::filesystem::remove(run / token_name, ignored);
}

std::optional<DoorFile> read_door(const std::filesystem::path& run) {
  std::error_code error;
  if (!std::filesystem::is_directory(run, error)) {
    throw InputError({run.string()}, "there is no such run directory",
                     "name the folder that the master writes to (runs/<name of the job>)");
  }
  const auto text = short_file(run / doors_name);
  const auto token = short_file(run / token_name);
  if (!text) return std::nullopt;
  if (!token && std::filesystem::exists(run / token_name, error)) {
    throw InputError({(run / token_name).string()}, "can't be read (it is for the run's owner)",
                     "ask the owner for read access");
  }
  if (!token) return std::nullopt;
  DoorFile door;
  const auto digest = digest_from_hex(std::string_view(*token).substr(0, 64));
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  const auto refuse = [&]() -> std::nullopt_t {
    throw InputError({(run / doors_name).string()}, "is damaged", "start the master again");
  };
  if (!digest || !json.is_object() || !json.contains("gateways")) return refuse();
  door.token = *digest;
  try {
    door.mpi_server = json.at("mpi_server").get<std::string>();
    for (const auto& gateway : json.at("gateways")) {
      const auto port = gateway.at("port").get<std::uint32_t>();
      if (port == 0 || port > 65535) return refuse();
      door.gateways.push_back(
          {gateway.at("address").get<std::string>(), static_cast<std::uint16_t>(port)});
    }
  } catch (const nlohmann::json::exception&) {
    return refuse();
  }
  if (door.gateways.empty()) return std::nullopt;
  return door;
}

}  // namespace raven
