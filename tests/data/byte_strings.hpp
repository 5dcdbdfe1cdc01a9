#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

namespace raven {

/// The head of an IDX file of bytes.
inline std::string idx_head(const std::vector<std::uint32_t>& dims) {
  std::string head("\0\0\x08", 3);
  head += static_cast<char>(dims.size());
  for (const std::uint32_t dim : dims) {
    for (const int shift : {24, 16, 8, 0}) head += static_cast<char>(dim >> shift & 255U);
  }
  return head;
}

inline std::string gzipped(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, text.size()) + 32, '\0');
  std::string copy = text;
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// A version 1 npy file of this header, without data.
inline std::string npy_file(const std::string& header, char version = 1) {
  std::string file = "\x93NUMPY";
  file += version;
  file += '\0';
  file += static_cast<char>(header.size() & 255U);
  file += static_cast<char>(header.size() >> 8);
  return file + header;
}

}  // namespace raven
