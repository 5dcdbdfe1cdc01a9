#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "data/hdf5_handle.hpp"
#include "raven/data/schema.hpp"

namespace raven {

/// Makes HDF5 files with the library itself, sound or hostile. The defaults are the sound shard of
/// 6 rows of 4 x 3 bytes, values row * 12 + i, and classes row % 3.
struct ShardMaker {
  std::vector<hsize_t> dims{6, 4, 3};
  std::vector<hsize_t> target_dims{6};
  std::int32_t version = 1;
  bool with_version = true;
  bool with_targets = true;
  bool write_data = true;
  /// Changes how `features` is created.
  std::function<void(hid_t properties)> features_as = [](hid_t) {};
  /// Runs at the end with the file, to put anything else in.
  std::function<void(hid_t file)> add = [](hid_t) {};
  hid_t features_type = H5T_STD_U8LE;
  bool latest = false;     ///< in the newest form of each structure, instead of the oldest
  hsize_t user_block = 0;  ///< bytes that HDF5 leaves alone in front
  std::vector<std::int32_t> targets{0, 1, 2, 0, 1, 2};

  [[nodiscard]] static std::vector<std::uint8_t> bytes(std::size_t count = 72) {
    std::vector<std::uint8_t> made(count);
    for (std::size_t i = 0; i < count; ++i) made[i] = static_cast<std::uint8_t>(i);
    return made;
  }

  void make(const std::filesystem::path& path) const {
    Hdf5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_userblock(creation.id(), user_block);
    if (latest) H5Pset_libver_bounds(access.id(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.id(), access.id()), H5Fclose);
    if (with_version) {
      Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
      Hdf5Handle attribute(
          H5Acreate2(file.id(), "raven_shard", H5T_STD_I64BE, space.id(), H5P_DEFAULT, H5P_DEFAULT),
          H5Aclose);
      H5Awrite(attribute.id(), H5T_NATIVE_INT32, &version);
    }
    if (!dims.empty()) {
      Hdf5Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
      features_as(properties.id());
      Hdf5Handle space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                       H5Sclose);
      Hdf5Handle data(H5Dcreate2(file.id(), "features", features_type, space.id(), H5P_DEFAULT,
                                 properties.id(), H5P_DEFAULT),
                      H5Dclose);
      std::size_t count = 1;
      for (const hsize_t dim : dims) count *= dim;
      if (write_data) {
        const auto values = bytes(count);
        H5Dwrite(data.id(), H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
      }
    }
    if (with_targets) {
      Hdf5Handle space(
          H5Screate_simple(static_cast<int>(target_dims.size()), target_dims.data(), nullptr),
          H5Sclose);
      Hdf5Handle data(H5Dcreate2(file.id(), "targets", H5T_STD_I32LE, space.id(), H5P_DEFAULT,
                                 H5P_DEFAULT, H5P_DEFAULT),
                      H5Dclose);
      H5Dwrite(data.id(), H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, targets.data());
    }
    add(file.id());
  }
};

/// What ShardMaker's default file holds.
inline SampleSchema small_pixels() {
  SampleSchema schema;
  schema.feature_type = FeatureType::u8;
  schema.feature_shape = {4, 3};
  schema.target_width = 3;
  return schema;
}

inline void chunks(hid_t how, hsize_t a, hsize_t b, hsize_t c) {
  const hsize_t sides[] = {a, b, c};
  H5Pset_chunk(how, 3, sides);
}

}  // namespace raven
