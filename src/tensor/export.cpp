#include "raven/tensor/export.hpp"

#include <algorithm>
#include <array>
#include <limits>
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
/// @param least bytes that it takes up
std::string npy_head(NpyType type, const Shape& shape, std::size_t least = 0) {
  const std::string dims = dims_of(shape) + (shape.rank() == 1 ? "," : "");
  std::string dict = "{'descr': '";
  dict += type == NpyType::f32 ? "<f4" : type == NpyType::i32 ? "<i4" : "<i8";
  dict += "', 'fortran_order': False, 'shape': (" + dims + "), }";
  constexpr std::size_t fixed = 10;  // magic, version, length
  const std::size_t size = std::max(least, fixed + dict.size() + 1);
  dict.resize((size + 63) / 64 * 64 - fixed - 1, ' ');
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
  FileWriter out(file);
  out.put(bytes_of(npy_head(npy_type(tensor.type().dtype), tensor.shape())));
  out.put(tensor.bytes());
  out.commit();
}

struct NpyWriter::Impl {
  Impl(const std::filesystem::path& place, NpyType element_type, const Shape& row_shape)
      : file(place),
        type(element_type),
        row(row_shape),
        row_bytes(static_cast<std::size_t>(row.count()) * npy_element_bytes(type)) {
    expects(row_bytes > 0, "a row has elements");
    // Room for any number of rows, as NumPy itself leaves it.
    file.put(bytes_of(head(std::numeric_limits<std::int64_t>::max() / row.count())));
    head_bytes = file.size();
  }

  [[nodiscard]] std::string head(std::int64_t rows) const {
    return npy_head(type, row.with_first(rows), head_bytes);
  }

  FileWriter file;
  NpyType type;
  Shape row;
  std::size_t row_bytes;
  std::size_t head_bytes = 0;
};

NpyWriter::NpyWriter(const std::filesystem::path& file, NpyType type, const Shape& row)
    : impl_(std::make_unique<Impl>(file, type, row)) {}

NpyWriter::~NpyWriter() = default;

void NpyWriter::append(ByteSpan elements) { impl_->file.put(elements); }

std::int64_t NpyWriter::rows() const {
  return static_cast<std::int64_t>((impl_->file.size() - impl_->head_bytes) / impl_->row_bytes);
}

void NpyWriter::commit() {
  expects((impl_->file.size() - impl_->head_bytes) % impl_->row_bytes == 0,
          "an array is of whole rows");
  impl_->file.put_at(0, bytes_of(impl_->head(rows())));
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
