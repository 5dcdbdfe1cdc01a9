#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "raven/cluster/checkpoint.hpp"
#include "raven/core/digest.hpp"

namespace raven::checkpoint_format {

// The names of docs/formats/checkpoint.md, for the writer and the reader alike.
inline constexpr std::int32_t version = 1;
inline constexpr char version_attribute[] = "raven_checkpoint";
inline constexpr char parameters_group[] = "parameters";
inline constexpr char optimizer_group[] = "optimizer";
inline constexpr char epoch_group[] = "epoch";
inline constexpr char metrics_dataset[] = "metrics";
inline constexpr char metric_names_dataset[] = "metric_names";
inline constexpr char history_dataset[] = "history";
inline constexpr std::size_t max_states = 2;

inline constexpr std::size_t max_name = 1024;  ///< bytes in the name of a tensor

/// Bytes in front of the HDF5 part, which HDF5 calls the user block and leaves alone: the seal.
inline constexpr std::size_t seal_bytes = 512;

/// Fills the seal in: the length and the SHA-256 of everything behind it. @throws InputError
void seal(const std::filesystem::path& file);

/// Reads the whole file, and so finds any byte that changed. @return bytes behind the seal
/// @throws InputError saying what is wrong
std::uintmax_t check_seal(const std::filesystem::path& file);

/// Writes the HDF5 part with room for the seal in front. Takes Hdf5Lock for one tensor at a time.
/// @throws InputError
void write_content(const std::filesystem::path& file, const Checkpoint& checkpoint);

/// Reads the HDF5 part, believing nothing: only the expected links, types and shapes, and no more
/// memory for tensors than `content_bytes`. @throws InputError
[[nodiscard]] Checkpoint read_content(const std::filesystem::path& file,
                                      std::uintmax_t content_bytes);

}  // namespace raven::checkpoint_format
