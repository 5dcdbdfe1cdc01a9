#include "raven/tensor/tensor.hpp"

#include <cstring>

#include "raven/core/memory.hpp"

namespace raven {
namespace {

/// Even a tensor without elements has a buffer, so that empty() only tells "no value".
std::shared_ptr<std::byte> new_buffer(std::size_t bytes) { return allocate_memory(bytes); }

template <class T>
Tensor tensor_of(DType dtype, const Shape& shape, std::span<const T> values) {
  expects(shape.count() == static_cast<std::int64_t>(values.size()), "one value for each element");
  Tensor tensor(ValueType{dtype, shape});
  if (!values.empty()) std::memcpy(tensor.view().data, values.data(), values.size_bytes());
  return tensor;
}

}  // namespace

std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::i32:
      return "i32";
  }
  return "unknown";
}

Tensor::Tensor(ValueType type) : type_(type), buffer_(new_buffer(type.bytes())) {
  std::memset(buffer_.get(), 0, type.bytes());
}

Tensor::Tensor(ValueType type, BufferPool& pool)
    : type_(type), buffer_(pool.take(std::max<std::size_t>(type.bytes(), 1))) {}

Tensor::Tensor(ValueType type, const Blob& blob) : type_(type) {
  expects(blob.size() == type.bytes(), "a tensor's blob has exactly its bytes");
  const std::byte* bytes = blob.bytes().data();
  expects(reinterpret_cast<std::uintptr_t>(bytes) % element_bytes == 0,
          "a tensor's blob is aligned");
  if (bytes == nullptr) {
    buffer_ = new_buffer(0);
    return;
  }
  // The handle keeps the blob's owner alive; constness is kept by the rule that nobody writes to
  // it.
  buffer_ = std::shared_ptr<std::byte>(std::const_pointer_cast<void>(blob.owner()),
                                       const_cast<std::byte*>(bytes));
}

Tensor Tensor::of(const Shape& shape, std::span<const float> values) {
  return tensor_of(DType::f32, shape, values);
}

Tensor Tensor::of(const Shape& shape, std::span<const std::int32_t> values) {
  return tensor_of(DType::i32, shape, values);
}

std::span<float> Tensor::values() { return {view().f32(), static_cast<std::size_t>(count())}; }

std::span<const float> Tensor::values() const {
  return {view().f32(), static_cast<std::size_t>(count())};
}

std::span<const std::int32_t> Tensor::indices() const {
  return {view().i32(), static_cast<std::size_t>(count())};
}

ByteSpan Tensor::bytes() const { return {buffer_.get(), buffer_ ? type_.bytes() : 0}; }

Tensor Tensor::rows(std::int64_t first, std::int64_t count) const {
  expects(type_.shape.rank() > 0, "a scalar has no rows");
  expects(first >= 0 && count >= 0 && first + count <= type_.shape[0],
          "the rows are in the tensor");
  Tensor part;
  part.type_ = type_;
  part.type_.shape[0] = count;
  const auto offset = static_cast<std::size_t>(first * type_.shape.row_count()) * element_bytes;
  part.buffer_ = std::shared_ptr<std::byte>(buffer_, buffer_.get() + offset);
  return part;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  expects(shape.count() == count(), "another shape has the same number of elements");
  Tensor other = *this;
  other.type_.shape = shape;
  return other;
}

Tensor Tensor::clone() const {
  if (empty()) return {};
  Tensor copy;
  copy.type_ = type_;
  copy.buffer_ = new_buffer(type_.bytes());
  std::memcpy(copy.buffer_.get(), buffer_.get(), type_.bytes());
  return copy;
}

}  // namespace raven
