#pragma once

#include <cstdint>
#include <vector>

#include "data/byte_source.hpp"

namespace raven {

/// Element types of NumPy arrays that can be imported: truth values, whole and real numbers by
/// their bytes, strings of code points and of bytes.
enum class NpyType : std::uint8_t {
  b1,
  u1,
  i1,
  u2,
  i2,
  u4,
  i4,
  u8,
  i8,
  f2,
  f4,
  f8,
  unicode,
  bytes
};

/// What the header of an npy file says.
struct NpyHeader {
  NpyType type = NpyType::f4;
  std::size_t item_bytes = 4;
  bool big_endian = false;
  std::vector<std::int64_t> dims{};  ///< as told: not checked
};

/// Reads versions 1 to 3, C order, or Fortran order where that is the same.
/// @throws InputError naming file and byte
[[nodiscard]] NpyHeader read_npy_header(ByteSource& source);

}  // namespace raven
