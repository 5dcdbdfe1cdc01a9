#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "raven/cluster/checkpoint.hpp"

// The two halves of docs/formats/checkpoint.md: an HDF5 file for other programs, and in it raven's
// own table of contents, by which raven reads the file without trusting HDF5 with bytes that nobody
// vouches for.
namespace raven::checkpoint_format {

class SealedFile;

inline constexpr std::int32_t version = 4;
/// Of those that hold a state that goes on from window to window.
inline constexpr std::int32_t version_with_state = 5;
/// Of the same two before the library, the vector instructions and the contributors were noted,
/// whose history lists all epochs. Read still.
inline constexpr std::int32_t old_version = 2;
inline constexpr std::int32_t old_version_with_state = 3;
inline constexpr std::size_t max_states =
    2;  ///< tensors that an optimizer keeps for one of the model
inline constexpr std::size_t max_name = 1024;  ///< bytes in the name of a tensor
inline constexpr std::size_t max_tensors = std::size_t{1} << 20;
/// Whether a name may stand for a tensor. HDF5 has its own meaning for '/' and "." in names, and an
/// exported model names files and members of archives by them.
[[nodiscard]] inline bool is_tensor_name(std::string_view name) {
  return !name.empty() && name.size() <= max_name && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos && name != "." && name != "..";
}
/// Bytes in front of the HDF5 part, which HDF5 calls the user block and leaves alone: the seal.
inline constexpr std::size_t seal_bytes = 512;

/// Where the table of contents lies, in bytes from the beginning of the file.
struct IndexPlace {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// Bytes and where they go, from the beginning of the file.
struct Region {
  std::uint64_t offset = 0;
  ByteSpan bytes;
};

/// A file that has all but the seal and the elements of the tensors.
struct Layout {
  IndexPlace index;
  std::vector<Region> tensors;  ///< views of the checkpoint
  std::int32_t version = checkpoint_format::version;
};

/// Writes the HDF5 part with room for the seal in front and for the tensors, which seal() fills in:
/// they take long, and nobody else may use HDF5 meanwhile.
/// @param place for messages  @throws InputError
Layout lay_out(int file, const std::filesystem::path& place, const Checkpoint& checkpoint);

/// Fills in the regions that `layout` names and then the seal: the place of the index, and length
/// and SHA-256 of all that is behind the seal.
/// @throws InputError
void seal(int file, const std::filesystem::path& place, Layout layout);

/// Reads the whole file, so that any byte that changed is found, then the tensors that the index
/// lists. No memory is taken from a number before it was checked against the size of the file.
/// @throws InputError saying what is wrong
[[nodiscard]] Checkpoint read_sealed(const SealedFile& file);

}  // namespace raven::checkpoint_format
