#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "raven/tensor/tensor.hpp"

namespace raven {

/// A tensor for other programs to find by its name.
struct NamedTensor {
  std::string name;
  Tensor value;
};

// All of these write whole files or none (see NewFile), give the same bytes for the same tensors on
// any day, and take no memory worth mentioning beside the tensors. Threads: any. @throws InputError
// when the disk refuses.

/// NumPy's format version 1.0: `numpy.load(file)` gives the array.
void write_npy(const std::filesystem::path& file, const Tensor& tensor);

/// Elements of a .npy file; more than a Tensor has, since other programs count in 64 bits.
enum class NpyType : std::uint8_t { f32, i32, i64 };

/// The same for an array that is made piece by piece and may be larger than memory; how many rows
/// it gets need not be known before.
class NpyWriter {
 public:
  /// @param row shape of a row: all dimensions of the array but the first
  NpyWriter(const std::filesystem::path& file, NpyType type, const Shape& row);
  /// Leaves nothing behind unless commit() came first.
  ~NpyWriter();
  NpyWriter(const NpyWriter&) = delete;
  NpyWriter& operator=(const NpyWriter&) = delete;

  /// The next elements in row-major order.
  void append(ByteSpan elements);
  /// Whole rows so far.
  [[nodiscard]] std::int64_t rows() const;
  /// @pre what was appended is whole rows
  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A zip archive of .npy files, not compressed: `numpy.load(file)[name]`. Above 4 GiB or 65535
/// tensors it is a ZIP64.
/// @pre names are unique
void write_npz(const std::filesystem::path& file, std::span<const NamedTensor> tensors);

/// The safetensors format (a length, a JSON header, the data), as many tools load it without
/// running code.
/// @pre names are unique and none is "__metadata__", which the format reserves
void write_safetensors(const std::filesystem::path& file, std::span<const NamedTensor> tensors);

}  // namespace raven
