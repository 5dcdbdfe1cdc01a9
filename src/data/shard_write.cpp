#include "data/hdf5_output.hpp"
#include "data/shard_format.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/new_file.hpp"
#include "raven/data/hdf5_lock.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

bool write_array(hid_t file, const ShardArray& array, ByteSpan bytes) {
  Hdf5Handle space(
      H5Screate_simple(static_cast<int>(array.dims.size()), array.dims.data(), nullptr), H5Sclose);
  Hdf5Handle how(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  // The same rows must give the same file, and so the same digest, on any day.
  H5Pset_obj_track_times(how.id(), false);
  Hdf5Handle data(
      H5Dcreate2(file, array.name, array.file_type, space.id(), H5P_DEFAULT, how.id(), H5P_DEFAULT),
      H5Dclose);
  return data &&
         H5Dwrite(data.id(), array.file_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) >= 0 &&
         data.reset();
}

bool write_version(hid_t file) {
  Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  Hdf5Handle attribute(H5Acreate2(file, shard_version_attribute, H5T_STD_I32LE, space.id(),
                                  H5P_DEFAULT, H5P_DEFAULT),
                       H5Aclose);
  return attribute && H5Awrite(attribute.id(), H5T_NATIVE_INT32, &shard_version) >= 0 &&
         attribute.reset();
}

void write_file(const std::filesystem::path& place, const SampleSchema& schema, ByteSpan features,
                ByteSpan targets) {
  const auto rows = static_cast<std::int64_t>(targets.size() / schema.target_bytes());
  std::unique_ptr<Hdf5Output> file;
  bool sound = false;
  {
    const Hdf5Lock lock;
    const Hdf5Handle how(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    H5Pset_obj_track_times(how.id(), false);
    file = std::make_unique<Hdf5Output>(place, how.id());
    sound = file->id() >= 0 && write_version(file->id()) &&
            write_array(file->id(), features_array(schema, rows), features) &&
            write_array(file->id(), targets_array(schema, rows), targets);
  }
  file->finish(sound);
}

}  // namespace

Digest write_shard(const std::filesystem::path& file, const SampleSchema& schema, ByteSpan features,
                   ByteSpan targets) {
  expects(schema.flaw().empty(), "a shard needs a sound schema");
  const std::size_t rows = targets.size() / schema.target_bytes();
  expects(rows > 0 && targets.size() == rows * schema.target_bytes() &&
              features.size() == rows * schema.feature_bytes(),
          "a shard has at least one row, and as many features as targets");
  NewFile place(file);
  write_file(place.temporary(), schema, features, targets);
  const Digest digest = digest_of_file(place.temporary());
  place.commit();
  return digest;
}

}  // namespace raven
