#include <sys/stat.h>

#include <cmath>
#include <cstring>

#include "data/shard_array.hpp"
#include "data/token_windows.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/data/hdf5_lock.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

constexpr char remake[] =
    "make the shard again, for instance with raven data import, or get a clean copy";

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& problem,
                         const std::string& remedy = remake) {
  throw InputError({file.string()}, problem, remedy);
}

/// Before HDF5 sees the file: it must be a plain file of a size that its rows can explain.
std::uintmax_t checked_size(const std::filesystem::path& file, std::size_t raw_bytes) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    refuse(file, "this shard can't be opened (" + std::string(std::strerror(errno)) + ")",
           "check the path in the manifest and that you may read the file");
  }
  if (!S_ISREG(status.st_mode)) refuse(file, "a shard must be a plain file");
  const auto size = static_cast<std::uintmax_t>(status.st_size);
  // Room for HDF5's own structures and for data that deflate could not shrink.
  const std::uintmax_t most = raw_bytes + raw_bytes / 8 + (std::uintmax_t{16} << 20);
  if (size > most) {
    refuse(file, "the file has " + std::to_string(size) + " bytes, but its rows explain at most " +
                     std::to_string(most));
  }
  return size;
}

/// Exactly the two datasets, linked by hard links: nothing else can lead elsewhere.
void check_links(const std::filesystem::path& path, hid_t file, const char* first,
                 const char* second) {
  H5G_info_t group{};
  if (H5Gget_info(file, &group) < 0) refuse(path, "the root group can't be read");
  for (const char* name : {first, second}) {
    const std::string quoted = "'" + std::string(name) + "'";
    if (H5Lexists(file, name, H5P_DEFAULT) <= 0) refuse(path, "there is no dataset " + quoted);
    H5L_info_t link{};
    if (H5Lget_info(file, name, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD) {
      refuse(path, quoted + " is a soft or external link, which could lead to another file");
    }
  }
  if (group.nlinks != 2) {
    refuse(path, "there are " + std::to_string(group.nlinks) +
                     " objects in the root group; this shard has just '" + first + "' and '" +
                     second + "'");
  }
}

void check_version(const std::filesystem::path& path, hid_t file) {
  const std::string name = shard_version_attribute;
  if (H5Aexists(file, shard_version_attribute) <= 0) {
    refuse(path, "the root attribute '" + name + "' (the format version) is missing",
           "set it to " + std::to_string(shard_version) + " as docs/formats/shard.md shows");
  }
  Hdf5Handle attribute(H5Aopen(file, shard_version_attribute, H5P_DEFAULT), H5Aclose);
  Hdf5Handle type(H5Aget_type(attribute.id()), H5Tclose);
  Hdf5Handle space(H5Aget_space(attribute.id()), H5Sclose);
  std::int64_t version = 0;
  if (H5Tget_class(type.id()) != H5T_INTEGER || H5Tget_size(type.id()) > sizeof version ||
      H5Sget_simple_extent_npoints(space.id()) != 1 ||
      H5Aread(attribute.id(), H5T_NATIVE_INT64, &version) < 0) {
    refuse(path, "the root attribute '" + name + "' is not one integer");
  }
  if (version != shard_version) {
    refuse(path,
           "the format version is " + std::to_string(version) + ", but this raven reads " +
               std::to_string(shard_version),
           "use a newer raven, or make the shard again");
  }
}

void check_below(const std::filesystem::path& path, const char* what, const std::byte* values,
                 std::size_t count, std::size_t per_row, std::int32_t bound) {
  for (std::size_t i = 0; i < count; ++i) {
    std::int32_t value = 0;
    std::memcpy(&value, values + 4 * i, 4);
    if (value < 0 || value >= bound) {
      refuse(path,
             "row " + std::to_string(i / per_row) + ": " + what + " " + std::to_string(value) +
                 " is outside 0 .. " + std::to_string(bound - 1),
             "correct the row, or the number that the manifest gives");
    }
  }
}

void check_finite(const std::filesystem::path& path, const char* what, const std::byte* values,
                  std::size_t count, std::size_t per_row) {
  for (std::size_t i = 0; i < count; ++i) {
    float value = 0;
    std::memcpy(&value, values + 4 * i, 4);
    if (!std::isfinite(value)) {
      refuse(path,
             "row " + std::to_string(i / per_row) + ": a " + what +
                 " is not a finite number, which would spoil the model",
             "remove or repair the row");
    }
  }
}

void check_values(const std::filesystem::path& path, const SampleSchema& schema,
                  const ShardRows& shard) {
  const auto rows = static_cast<std::size_t>(shard.rows);
  const std::size_t features = shard.feature_bytes / 4;
  const std::size_t targets = shard.target_bytes / 4;
  if (schema.feature_type == FeatureType::i32) {
    check_below(path, "token", shard.features.get(), rows * features, features, schema.vocabulary);
  }
  if (schema.feature_type == FeatureType::f32) {
    check_finite(path, "feature", shard.features.get(), rows * features, features);
  }
  if (schema.target_kind == TargetKind::classes) {
    check_below(path, "class", shard.targets.get(), rows, 1, schema.target_width);
  } else {
    check_finite(path, "target", shard.targets.get(), rows * targets, targets);
  }
}

/// The bytes of the two datasets of a shard.
struct Stored {
  std::unique_ptr<std::byte[]> first;
  std::unique_ptr<std::byte[]> second;
};

Stored read_arrays(const std::filesystem::path& path, const ShardExpectation& expected,
                   std::uintmax_t file_bytes) {
  const Hdf5Lock lock;
  Hdf5Handle how(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(how.id(), false,
                      true);  // shards are never changed in place; some file systems can't lock
  Hdf5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, how.id()), H5Fclose);
  if (!file) refuse(path, "this is no HDF5 file, or it is damaged");
  const bool sequences = expected.schema.of_sequences();
  const ShardArray first =
      sequences ? tokens_array(expected.tokens) : features_array(expected.schema, expected.rows);
  const ShardArray second =
      sequences ? offsets_array(expected.sequences) : targets_array(expected.schema, expected.rows);
  check_links(path, file.id(), first.name, second.name);
  check_version(path, file.id());
  // Both are judged before memory is taken for either.
  const CheckedArray checked_first = check_array(path, file.id(), first, file_bytes);
  const CheckedArray checked_second = check_array(path, file.id(), second, file_bytes);
  Stored stored{std::make_unique_for_overwrite<std::byte[]>(first.bytes()),
                std::make_unique_for_overwrite<std::byte[]>(second.bytes())};
  read_array(path, checked_first, first, stored.first.get());
  read_array(path, checked_second, second, stored.second.get());
  return stored;
}

}  // namespace

ShardRows load_shard(const std::filesystem::path& file, const ShardExpectation& expected) {
  const SampleSchema& schema = expected.schema;
  expects(schema.flaw().empty(), "a shard is read by a sound schema");
  ShardRows shard;
  shard.rows = expected.rows;
  shard.feature_bytes = schema.feature_bytes();
  shard.target_bytes = schema.target_bytes();
  if (expected.rows < 1 ||
      static_cast<std::size_t>(expected.rows) > expected.max_bytes / schema.row_bytes()) {
    refuse(file,
           std::to_string(expected.rows) + " rows of " + std::to_string(schema.row_bytes()) +
               " bytes are none, or more than the limit of " + std::to_string(expected.max_bytes) +
               " bytes for one shard",
           "cut the data into smaller shards");
  }
  if (schema.of_sequences()) check_counts(file, expected);
  const std::uintmax_t file_bytes = checked_size(
      file, schema.of_sequences() ? stored_bytes_of_sequences(expected) : shard.bytes());
  if (expected.sha256 && digest_of_file(file) != *expected.sha256) {
    refuse(file, "the SHA-256 differs from the manifest's, so this is another or a damaged file",
           "get the shard that belongs to the manifest, or make both again");
  }
  Stored stored = read_arrays(file, expected, file_bytes);
  if (schema.of_sequences()) {
    shard.features = cut_windows(file, expected, stored.first.get(), stored.second.get());
    return shard;
  }
  shard.features = std::move(stored.first);
  shard.targets = std::move(stored.second);
  check_values(file, schema, shard);
  return shard;
}

}  // namespace raven
