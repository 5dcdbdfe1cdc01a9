#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "raven/core/blob.hpp"
#include "raven/core/buffer_pool.hpp"
#include "raven/tensor/shape.hpp"

namespace raven {

/// What an element is. Arithmetic is float32; int32 serves indices and classes. Values are on the
/// wire.
enum class DType : std::uint8_t { f32 = 1, i32 = 2 };

/// Bytes of one element: 4 for both.
constexpr std::size_t element_bytes = 4;
[[nodiscard]] std::string_view to_string(DType dtype);

/// Type and shape of a value, before there is a value.
struct ValueType {
  DType dtype = DType::f32;
  Shape shape;
  [[nodiscard]] std::size_t bytes() const {
    return static_cast<std::size_t>(shape.count()) * element_bytes;
  }
  friend bool operator==(const ValueType&, const ValueType&) = default;
};

/// Contiguous row-major elements that somebody else owns, read only. data == nullptr means "no
/// value".
struct ConstView {
  const void* data = nullptr;
  ValueType type;

  [[nodiscard]] const Shape& shape() const { return type.shape; }
  [[nodiscard]] std::int64_t count() const { return type.shape.count(); }
  [[nodiscard]] const float* f32() const {
    expects(type.dtype == DType::f32, "f32() is asked of a float tensor");
    return static_cast<const float*>(data);
  }
  [[nodiscard]] const std::int32_t* i32() const {
    expects(type.dtype == DType::i32, "i32() is asked of an index tensor");
    return static_cast<const std::int32_t*>(data);
  }
  explicit operator bool() const { return data != nullptr; }
};

/// The same, to be written.
struct View {
  void* data = nullptr;
  ValueType type;

  [[nodiscard]] const Shape& shape() const { return type.shape; }
  [[nodiscard]] std::int64_t count() const { return type.shape.count(); }
  [[nodiscard]] float* f32() const {
    expects(type.dtype == DType::f32, "f32() is asked of a float tensor");
    return static_cast<float*>(data);
  }
  [[nodiscard]] std::int32_t* i32() const {
    expects(type.dtype == DType::i32, "i32() is asked of an index tensor");
    return static_cast<std::int32_t*>(data);
  }
  explicit operator bool() const { return data != nullptr; }
  operator ConstView() const { return {data, type}; }  // NOLINT(google-explicit-constructor)
};

/// A shape plus a shared, contiguous, row-major buffer. Copying shares the buffer, clone() copies
/// it. Threads: a buffer may be read by many, written by one while nobody reads.
class Tensor {
 public:
  Tensor() = default;
  /// Zeros.
  explicit Tensor(ValueType type);
  /// Unspecified content, from the pool.
  Tensor(ValueType type, BufferPool& pool);
  /// Sees the bytes of a blob without copying. @pre blob.size() == type.bytes(), 4-byte aligned;
  /// never written to
  Tensor(ValueType type, const Blob& blob);
  static Tensor of(const Shape& shape, std::span<const float> values);
  static Tensor of(const Shape& shape, std::span<const std::int32_t> values);

  [[nodiscard]] const Shape& shape() const { return type_.shape; }
  [[nodiscard]] const ValueType& type() const { return type_; }
  [[nodiscard]] std::int64_t count() const { return type_.shape.count(); }
  [[nodiscard]] bool empty() const { return buffer_ == nullptr; }

  [[nodiscard]] View view() { return {buffer_.get(), type_}; }
  [[nodiscard]] ConstView view() const { return {buffer_.get(), type_}; }
  [[nodiscard]] std::span<float> values();
  [[nodiscard]] std::span<const float> values() const;
  [[nodiscard]] std::span<const std::int32_t> indices() const;
  [[nodiscard]] ByteSpan bytes() const;
  /// A handle to the bytes for a message. @pre nobody writes to this buffer any more
  [[nodiscard]] Blob blob() const { return {buffer_, bytes()}; }

  /// Rows first .. first + count of the first dimension, sharing the buffer.
  [[nodiscard]] Tensor rows(std::int64_t first, std::int64_t count) const;
  /// Same elements under another shape of the same count, sharing the buffer.
  [[nodiscard]] Tensor reshaped(const Shape& shape) const;
  [[nodiscard]] Tensor clone() const;
  /// True when no other handle sees this buffer, so that it may be overwritten.
  [[nodiscard]] bool unique() const {
    if (buffer_.use_count() != 1) return false;
    // Counting alone orders nothing: what the last other holder, on another thread, did to the
    // buffer happened before.
    std::atomic_thread_fence(std::memory_order_acquire);
    return true;
  }

 private:
  ValueType type_;
  std::shared_ptr<std::byte> buffer_;
};

}  // namespace raven
