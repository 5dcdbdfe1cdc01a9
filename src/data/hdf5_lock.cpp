#include "raven/data/hdf5_lock.hpp"

#include <hdf5.h>

namespace raven {
namespace {

std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

Hdf5Lock::Hdf5Lock() : held_(library_mutex()) {
  H5open();
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  // A file could name a filter that happens to be installed; it must not make this process load
  // code.
  H5PLset_loading_state(0);
}

Hdf5Lock::~Hdf5Lock() { H5Eclear2(H5E_DEFAULT); }

}  // namespace raven
