#include "cli/door_file.hpp"

#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "cli/run_files.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

/// The digest in 64 hex digits.
constexpr std::size_t token_digits = 64;

}  // namespace

void write_token(const Folder& run, const Digest& token) {
  run.remove(run_files::token);
  // Made for nobody else's eyes from the first moment on.
  const Descriptor file =
      run.open(run_files::token, O_WRONLY | O_CREAT | O_EXCL, Folder::OtherNames::refused, 0600);
  if (write_all(file.number(), to_hex(token) + "\n") == 0) return;
  throw InputError({(run.path() / run_files::token).string()}, "can't be written",
                   "check the rights of the run directory, and the room on its disk");
}

void write_doors(const Folder& run, const std::vector<GatewayNote>& doors) {
  nlohmann::ordered_json json{{"gateways", nlohmann::ordered_json::array()}, {"mpi_server", ""}};
  for (const GatewayNote& door : doors) {
    json["gateways"].push_back({{"address", door.address}, {"port", door.port}});
    json["mpi_server"] = door.text;
  }
  run.replace(run_files::doors,
              json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

void remove_door(const Folder& run) noexcept {
  for (const char* name : {run_files::doors, run_files::token}) {
    try {
      run.remove(name);
    } catch (const InputError&) {
      // A door that stays behind does no harm: nobody listens there.
    }
  }
}

std::optional<DoorFile> read_door(const std::filesystem::path& path) {
  const std::optional<Folder> run = Folder::find(path);
  if (!run) {
    throw InputError({path.string()}, "there is no such run directory",
                     "name the folder that the master writes to (runs/<name of the job>)");
  }
  const auto text = run->text(run_files::doors, run_files::most_doors);
  const auto token = run->text(run_files::token, run_files::most_doors);
  if (!text || !token) return std::nullopt;
  DoorFile door;
  const auto digest = digest_from_hex(std::string_view(*token).substr(0, token_digits));
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  const auto refuse = [&]() -> std::nullopt_t {
    throw InputError({(path / run_files::doors).string()}, "is damaged", "start the master again");
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
