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
  /// What the driver is told. It keeps the address of `error`.
  struct Target {
    int error = 0;    ///< the first errno
    int handle = -1;  ///< of a file that is open; below 0: opened by its path
  };

  /// Makes or empties the file. Only under Hdf5Lock. @param how file creation properties
  Hdf5Output(const std::filesystem::path& path, hid_t how);
  /// Writes to a file that is open for reading and writing, and empty; it stays open.
  /// @param path for messages
  Hdf5Output(int handle, const std::filesystem::path& path, hid_t how);
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
  std::unique_ptr<Target> target_;
  Hdf5Handle file_;
};

}  // namespace raven
