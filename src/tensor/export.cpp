#include "raven/tensor/export.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "raven/core/contract.hpp"
#include "tensor/file_writer.hpp"
#include "tensor/zip_writer.hpp"

namespace raven {
namespace {

ByteSpan bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string dims_of(const Shape& shape) {
  std::string text;
  for (const std::int64_t dim : shape) text += (text.empty() ? "" : ", ") + std::to_string(dim);
  return text;
}

NpyType npy_type(DType type) { return type == DType::f32 ? NpyType::f32 : NpyType::i32; }

std::size_t npy_element_bytes(NpyType type) { return type == NpyType::i64 ? 8 : 4; }

/// Everything in front of the elements, filled up with blanks to a multiple of 64 bytes as the
/// format asks.
std::string npy_head(NpyType type, const Shape& shape) {
  const std::string dims = dims_of(shape) + (shape.rank() == 1 ? "," : "");
  std::string dict = "{'descr': '";
  dict += type == NpyType::f32 ? "<f4" : type == NpyType::i32 ? "<i4" : "<i8";
  dict += "', 'fortran_order': False, 'shape': (" + dims + "), }";
  constexpr std::size_t fixed = 10;  // magic, version, length
  dict.resize((fixed + dict.size() + 1 + 63) / 64 * 64 - fixed - 1, ' ');
  dict += '\n';
  ByteWriter head;
  head.put_raw(std::as_bytes(std::span("\x93NUMPY\x01\x00", 8)));
  head.put(static_cast<std::uint16_t>(dict.size()));
  const Bytes& bytes = head.bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) + dict;
}

std::string json_string(const std::string& text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (code < 0x20U) {
      quoted += "\\u00";
      quoted += digits[code >> 4U];
      quoted += digits[code & 15U];
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

void expect_unique(std::span<const NamedTensor> tensors) {
  std::set<std::string_view> names;
  for (const NamedTensor& tensor : tensors) {
    expects(names.insert(tensor.name).second, "exported tensors have unique names");
  }
}

}  // namespace

void write_npy(const std::filesystem::path& file, const Tensor& tensor) {
  NpyWriter out(file, npy_type(tensor.type().dtype), tensor.shape());
  out.append(tensor.bytes());
  out.commit();
}

struct NpyWriter::Impl {
  Impl(const std::filesystem::path& place, std::size_t bytes) : file(place), missing(bytes) {}
  FileWriter file;
  std::size_t missing;
};

NpyWriter::NpyWriter(const std::filesystem::path& file, NpyType type, const Shape& shape)
    : impl_(std::make_unique<Impl>(
          file, static_cast<std::size_t>(shape.count()) * npy_element_bytes(type))) {
  impl_->file.put(bytes_of(npy_head(type, shape)));
}

NpyWriter::~NpyWriter() = default;

void NpyWriter::append(ByteSpan elements) {
  expects(elements.size() <= impl_->missing, "an array gets as many bytes as its type says");
  impl_->file.put(elements);
  impl_->missing -= elements.size();
}

void NpyWriter::commit() {
  expects(impl_->missing == 0, "an array is complete before it is committed");
  impl_->file.commit();
}

void write_npz(const std::filesystem::path& file, std::span<const NamedTensor> tensors) {
  expect_unique(tensors);
  FileWriter out(file);
  ZipWriter zip(out);
  for (const NamedTensor& tensor : tensors) {
    const std::string head = npy_head(npy_type(tensor.value.type().dtype), tensor.value.shape());
    zip.add(tensor.name + ".npy", std::array{bytes_of(head), tensor.value.bytes()});
  }
  zip.finish();
  out.commit();
}

void write_safetensors(const std::filesystem::path& file, std::span<const NamedTensor> tensors) {
  expect_unique(tensors);
  std::string head = "{";
  std::size_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    expects(tensor.name != "__metadata__", "safetensors reserves the name __metadata__");
    const std::size_t end = offset + tensor.value.bytes().size();
    if (head.size() > 1) head += ',';
    head += json_string(tensor.name) + R"(:{"dtype":")" +
            (tensor.value.type().dtype == DType::f32 ? "F32" : "I32") + R"(","shape":[)" +
            dims_of(tensor.value.shape()) + R"(],"data_offsets":[)" + std::to_string(offset) + "," +
            std::to_string(end) + "]}";
    offset = end;
  }
  head += '}';
  head.resize((head.size() + 7) / 8 * 8, ' ');  // so that the data are aligned
  ByteWriter length;
  length.put(static_cast<std::uint64_t>(head.size()));
  FileWriter out(file);
  out.put(length.bytes());
  out.put(bytes_of(head));
  for (const NamedTensor& tensor : tensors) out.put(tensor.value.bytes());
  out.commit();
}

}  // namespace raven
