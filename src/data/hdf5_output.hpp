#pragma once

#include <filesystem>
#include <memory>

#include "data/hdf5_handle.hpp"

namespace raven {

/// A new HDF5 file on a disk that may fill up.
///
/// When a write fails inside HDF5 1.10, closing the file fails too, the library keeps it half open
/// and crashes as the process ends. Here HDF5 writes through a driver of ours that tells it that
/// all is well, remembers the first error and writes nothing from then on; finish() reports it.
class Hdf5Output {
 public:
  /// Makes or empties the file. Only under Hdf5Lock. @param how file creation properties
  Hdf5Output(const std::filesystem::path& path, hid_t how);
  /// Closes what was not finished without a word. Takes Hdf5Lock.
  ~Hdf5Output();
  Hdf5Output(const Hdf5Output&) = delete;
  Hdf5Output& operator=(const Hdf5Output&) = delete;

  /// Negative when the file could not be made.
  [[nodiscard]] hid_t id() const { return file_.id(); }
  /// Closes the file. Takes Hdf5Lock. @pre no other handle into the file is open
  /// @throws InputError when anything was not written, or when `sound` is false: a call to HDF5
  /// failed
  void finish(bool sound);

 private:
  std::filesystem::path path_;
  std::unique_ptr<int> error_;  ///< first errno of the driver, which keeps the address
  Hdf5Handle file_;
};

}  // namespace raven
