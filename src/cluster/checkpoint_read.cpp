#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include "cluster/checkpoint_format.hpp"
#include "cluster/sealed_file.hpp"
#include "raven/core/contract.hpp"

namespace raven::checkpoint_format {
namespace {

constexpr std::string_view first_words = "raven checkpoint ";
constexpr std::string_view index_words = "\nindex ";

/// Bytes of a tensor that are written and hashed while they are in the processor's cache.
constexpr std::size_t written_at_once = std::size_t{1} << 20;

struct Content {
  Digest digest;
  std::uint64_t bytes = 0;
};

/// Adds the bytes from `begin` to `end`, or to where the file ends. @return where that was
std::uint64_t add_to(Hasher& hasher, const SealedFile& file, std::uint64_t begin,
                     std::uint64_t end) {
  Bytes block(std::size_t{1} << 16);
  while (begin < end) {
    const std::size_t wanted = std::min<std::uint64_t>(block.size(), end - begin);
    const std::size_t got = file.read(begin, std::span(block).first(wanted));
    if (got == 0) break;
    hasher.add(ByteSpan(block).first(got));
    begin += got;
  }
  return begin;
}

Content content_of(const SealedFile& file) {
  Hasher hasher;
  const std::uint64_t end =
      add_to(hasher, file, seal_bytes, std::numeric_limits<std::uint64_t>::max());
  return {hasher.finish(), end - seal_bytes};
}

/// The seal of a file with this content, filled up to seal_bytes.
std::string seal_text(std::int32_t number, const Content& content, const IndexPlace& index) {
  std::string text = std::string(first_words) + std::to_string(number);
  text += index_words;
  text += std::to_string(index.offset) + " " + std::to_string(index.bytes);
  text += "\nbytes " + std::to_string(content.bytes) + "\nsha256 " + to_hex(content.digest);
  text += "\nThis is an HDF5 file behind a block of 512 bytes, which HDF5 programs skip.";
  text += "\nbytes and sha256 are of what follows the block: tail -c +513 FILE | sha256sum\n";
  expects(text.size() <= seal_bytes, "the seal fits its block");
  text.resize(seal_bytes, '\n');
  return text;
}

/// The numbers in a seal's line "index <offset> <bytes>"; zeros, which no seal has, if there are
/// none.
IndexPlace index_in(const std::string& seal) {
  IndexPlace place;
  const std::size_t line = seal.find(index_words);
  if (line == std::string::npos) return {};
  const char* end = seal.data() + seal.size();
  const auto first = std::from_chars(seal.data() + line + index_words.size(), end, place.offset);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ' ') return {};
  const auto second = std::from_chars(first.ptr + 1, end, place.bytes);
  return second.ec == std::errc() ? place : IndexPlace{};
}

/// The file's version and index, once its bytes are those that the seal is of.
struct Seal {
  std::int32_t version = 0;
  IndexPlace index;
};

Seal checked_seal(const SealedFile& file) {
  std::string found(seal_bytes, '\0');
  if (file.read(0, std::as_writable_bytes(std::span(found))) != seal_bytes) {
    file.refuse("this is no raven checkpoint, or it was cut off after " +
                std::to_string(file.size()) + " bytes");
  }
  if (!found.starts_with(first_words)) {
    file.refuse("this is no raven checkpoint, or its first bytes are damaged");
  }
  const auto is_of = [&](std::int32_t number) {
    return found.starts_with(std::string(first_words) + std::to_string(number) + "\n");
  };
  std::int32_t number = old_version;
  while (number <= version_with_state && !is_of(number)) ++number;
  if (number > version_with_state) {
    file.refuse("its format is none of versions " + std::to_string(old_version) + " to " +
                    std::to_string(version_with_state) + ", which this raven reads",
                "use the raven that wrote it");
  }
  const Seal seal{number, index_in(found)};
  const Content content = content_of(file);
  if (found != seal_text(seal.version, content, seal.index)) {
    file.refuse(
        "it is damaged: its " + std::to_string(content.bytes) +
        " bytes of content do not have the length and the SHA-256 that its first lines name");
  }
  return seal;
}

/// Reads what the index points at, and never more than the file has bytes.
class TensorReader {
 public:
  explicit TensorReader(const SealedFile& file) : file_(file), bytes_left_(file.size()) {}

  /// @throws InputError when the file does not hold all of it
  Tensor read(const ValueType& type, std::uint64_t offset) {
    const std::size_t bytes = type.bytes();
    if (bytes > bytes_left_ || offset > file_.size() || bytes > file_.size() - offset) {
      file_.refuse("its index points outside the file");
    }
    bytes_left_ -= bytes;
    Tensor tensor(type);
    const std::span to(static_cast<std::byte*>(tensor.view().data), bytes);
    if (file_.read(offset, to) != bytes) file_.refuse("it shrank while it was read");
    return tensor;
  }

 private:
  const SealedFile& file_;
  std::uint64_t bytes_left_;
};

/// None unless the elements could be counted without overflow and fit the file.
std::optional<ValueType> type_in(ByteReader& in, std::uint64_t file_bytes) {
  const auto dtype = in.get<DType>();
  const auto rank = in.get<std::uint8_t>();
  if ((dtype != DType::f32 && dtype != DType::i32) || rank > Shape::max_rank) return std::nullopt;
  std::array<std::int64_t, Shape::max_rank> dims{};
  std::uint64_t room = file_bytes / element_bytes;
  for (std::size_t i = 0; i < rank; ++i) {
    dims[i] = in.get<std::int64_t>();
    // Dimensions beside one of size 0 are bounded, too: their product must not overflow either.
    if (dims[i] < 0 || static_cast<std::uint64_t>(dims[i]) > room) return std::nullopt;
    if (dims[i] > 0) room /= static_cast<std::uint64_t>(dims[i]);
  }
  return ValueType{dtype, Shape(std::span(dims).first(rank))};
}

CheckpointTensor tensor_in(ByteReader& in, const SealedFile& file, TensorReader& values) {
  CheckpointTensor tensor;
  tensor.name = in.get_string();
  tensor.version = in.get<std::uint64_t>();
  const auto type = type_in(in, file.size());
  const auto offset = in.get<std::uint64_t>();
  const auto states = in.get<std::uint8_t>();
  if (!in.ok() || !type || states > max_states) file.refuse("its index has an impossible entry");
  if (!is_tensor_name(tensor.name)) {
    file.refuse("its index has a tensor whose name is empty, longer than " +
                std::to_string(max_name) + " bytes, or that of a path to another folder");
  }
  tensor.value = values.read(*type, offset);
  for (int i = 0; i < states; ++i)
    tensor.state.push_back(values.read(*type, in.get<std::uint64_t>()));
  return tensor;
}

Checkpoint read_by_index(const SealedFile& file, std::int32_t number, ByteSpan index) {
  ByteReader in(index);
  Checkpoint read;
  read.step = in.get<std::uint64_t>();
  read.seed = in.get<std::uint64_t>();
  read.store_version = in.get<std::uint64_t>();
  read.wall_seconds = in.get<double>();
  for (Digest* digest : {&read.training_digest, &read.numerics.fingerprint}) {
    const ByteSpan bytes = in.get_raw(digest->bytes.size());
    std::copy(bytes.begin(), bytes.end(), digest->bytes.begin());
  }
  read.numerics.core = in.get_string();
  if (number >= version) {
    read.numerics.library = in.get_string();
    read.numerics.vectors = in.get_string();
  }
  read.epoch.samples = in.get<std::int64_t>();
  read.epoch.loss = in.get<double>();
  read.epoch.weight = in.get<double>();
  for (auto count = in.get<std::uint32_t>(); in.ok() && count > 0; --count) {
    std::string name = in.get_string();
    read.epoch.metrics.emplace_back(std::move(name), in.get<double>());
  }
  read.history_json = in.get_string();
  if (number >= version) read.credits_json = in.get_string();
  TensorReader values(file);
  std::set<std::string> names;
  auto tensors = in.get<std::uint32_t>();
  if (tensors > max_tensors) file.refuse("its index has more than 1048576 tensors");
  for (; in.ok() && tensors > 0; --tensors) {
    read.tensors.push_back(tensor_in(in, file, values));
    if (!names.insert(read.tensors.back().name).second)
      file.refuse("its index names a tensor twice");
  }
  if (number == version_with_state || number == old_version_with_state) {
    const auto type = type_in(in, file.size());
    const auto offset = in.get<std::uint64_t>();
    if (!in.ok() || !type) file.refuse("its index has an impossible state");
    read.carried = values.read(*type, offset);
  }
  if (!in.done()) file.refuse("its index ends too early or too late");
  return read;
}

}  // namespace

Checkpoint read_sealed(const SealedFile& file) {
  const Seal seal = checked_seal(file);
  const IndexPlace& place = seal.index;
  if (place.bytes > file.size() || place.offset > file.size() - place.bytes) {
    file.refuse("its index lies outside the file");
  }
  Bytes index(static_cast<std::size_t>(place.bytes));
  if (file.read(place.offset, index) != index.size()) file.refuse("it shrank while it was read");
  return read_by_index(file, seal.version, index);
}

void seal(int handle, const std::filesystem::path& place, Layout layout) {
  const SealedFile file(place, handle);
  expects(file.size() >= seal_bytes, "there is room for the seal");
  std::sort(layout.tensors.begin(), layout.tensors.end(),
            [](const Region& left, const Region& right) { return left.offset < right.offset; });
  Hasher hasher;
  std::uint64_t at = seal_bytes;
  StreamedWrites streamed(file);
  for (const Region& region : layout.tensors) {
    expects(region.offset >= at && region.offset <= file.size() &&
                region.bytes.size() <= file.size() - region.offset,
            "each tensor has its own room");
    at = add_to(hasher, file, at, region.offset);
    for (std::size_t done = 0; done < region.bytes.size();) {
      const ByteSpan part =
          region.bytes.subspan(done, std::min(written_at_once, region.bytes.size() - done));
      streamed.write(at, part);
      hasher.add(part);
      done += part.size();
      at += part.size();
    }
  }
  at = add_to(hasher, file, at, file.size());
  const Content content{hasher.finish(), at - seal_bytes};
  const std::string text = seal_text(layout.version, content, layout.index);
  file.write(0, std::as_bytes(std::span(text)));
}

}  // namespace raven::checkpoint_format
