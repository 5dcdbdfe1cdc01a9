#pragma once

#include <mutex>

namespace raven {

/// The one lock around calls into the HDF5 library, which on Debian is built without thread safety.
///
/// Whoever calls HDF5 anywhere in the process holds this first, as briefly as possible. While it is
/// held the library prints no error stacks and loads no filter plug-ins.
class Hdf5Lock {
 public:
  Hdf5Lock();
  ~Hdf5Lock();
  Hdf5Lock(const Hdf5Lock&) = delete;
  Hdf5Lock& operator=(const Hdf5Lock&) = delete;

 private:
  std::unique_lock<std::mutex> held_;
};

}  // namespace raven
