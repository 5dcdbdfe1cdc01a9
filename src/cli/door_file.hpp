#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "raven/core/digest.hpp"
#include "raven/core/folder.hpp"
#include "raven/transport/relay.hpp"

namespace raven {

/// How to get to a run under way: RUN/join.json and RUN/join.token, see docs/formats/run.md.
struct DoorFile {
  struct Gateway {
    std::string address;
    std::uint16_t port = 0;
  };
  std::vector<Gateway> gateways;
  std::string mpi_server;  ///< empty: only `raven spawn` works
  Digest token;
};

/// @throws InputError
void write_token(const Folder& run, const Digest& token);
/// @throws InputError
void write_doors(const Folder& run, const std::vector<GatewayNote>& doors);
void remove_door(const Folder& run) noexcept;

/// None while the run lets nobody in: it has not begun, or has ended.
/// @throws InputError when there is no run, or the files are damaged
[[nodiscard]] std::optional<DoorFile> read_door(const std::filesystem::path& run);

}  // namespace raven
