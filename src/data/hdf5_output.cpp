#include "data/hdf5_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <new>
#include <string>

#include "raven/core/error.hpp"
#include "raven/data/hdf5_lock.hpp"

namespace raven {
namespace {

/// One open file. HDF5 hands a driver its own structure back by the address of the first member.
struct DriverFile {
  H5FD_t base{};
  int* error = nullptr;  ///< first errno; lives in the Hdf5Output
  int handle = -1;
  haddr_t end_of_addresses = 0;
  haddr_t end_of_file = 0;

  void note_error() const {
    if (*error == 0) *error = errno;
  }
};

DriverFile& ours(H5FD_t* file) { return *reinterpret_cast<DriverFile*>(file); }
const DriverFile& ours(const H5FD_t* file) { return *reinterpret_cast<const DriverFile*>(file); }

H5FD_t* open_file(const char* name, unsigned, hid_t access, haddr_t) noexcept {
  auto* file = new (std::nothrow) DriverFile;
  if (file == nullptr) return nullptr;
  auto* target = *static_cast<Hdf5Output::Target* const*>(H5Pget_driver_info(access));
  file->error = &target->error;
  file->handle = target->handle >= 0 ? ::fcntl(target->handle, F_DUPFD_CLOEXEC, 0)
                                     : ::open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file->handle >= 0) return &file->base;
  file->note_error();
  delete file;
  return nullptr;
}

herr_t close_file(H5FD_t* base) noexcept {
  DriverFile& file = ours(base);
  if (::close(file.handle) != 0) file.note_error();
  delete &file;
  return 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) noexcept {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

haddr_t end_of_addresses(const H5FD_t* base, H5FD_mem_t) noexcept {
  return ours(base).end_of_addresses;
}

herr_t set_end_of_addresses(H5FD_t* base, H5FD_mem_t, haddr_t address) noexcept {
  ours(base).end_of_addresses = address;
  return 0;
}

haddr_t end_of_file(const H5FD_t* base, H5FD_mem_t) noexcept { return ours(base).end_of_file; }

/// What was never written, or could not be, reads as zeros.
herr_t read_bytes(H5FD_t* base, H5FD_mem_t, hid_t, haddr_t address, std::size_t size,
                  void* to) noexcept {
  const DriverFile& file = ours(base);
  auto* bytes = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = ::pread(file.handle, bytes, size, static_cast<off_t>(address));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) file.note_error();
    if (got <= 0) break;
    bytes += got;
    address += static_cast<haddr_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  std::memset(bytes, 0, size);
  return 0;
}

herr_t write_bytes(H5FD_t* base, H5FD_mem_t, hid_t, haddr_t address, std::size_t size,
                   const void* from) noexcept {
  DriverFile& file = ours(base);
  const auto* bytes = static_cast<const char*>(from);
  file.end_of_file = std::max(file.end_of_file, address + size);
  while (size > 0 && *file.error == 0) {
    const ssize_t put = ::pwrite(file.handle, bytes, size, static_cast<off_t>(address));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      if (put == 0) errno = EIO;
      file.note_error();
      break;
    }
    bytes += put;
    address += static_cast<haddr_t>(put);
    size -= static_cast<std::size_t>(put);
  }
  return 0;
}

herr_t truncate_file(H5FD_t* base, hid_t, hbool_t) noexcept {
  DriverFile& file = ours(base);
  if (file.end_of_addresses == file.end_of_file) return 0;
  if (*file.error == 0 &&
      ::ftruncate(file.handle, static_cast<off_t>(file.end_of_addresses)) != 0) {
    file.note_error();
  }
  file.end_of_file = file.end_of_addresses;
  return 0;
}

/// Registered once and kept until HDF5 ends with the process.
hid_t driver() {
  static const H5FD_class_t row = [] {
    H5FD_class_t made{};
    made.name = "raven_output";
    made.maxaddr = (haddr_t{1} << 62) - 1;
    made.fc_degree = H5F_CLOSE_WEAK;
    made.fapl_size = sizeof(Hdf5Output::Target*);
    made.open = open_file;
    made.close = close_file;
    made.query = query;
    made.get_eoa = end_of_addresses;
    made.set_eoa = set_end_of_addresses;
    made.get_eof = end_of_file;
    made.read = read_bytes;
    made.write = write_bytes;
    made.truncate = truncate_file;
    constexpr H5FD_mem_t kinds[H5FD_MEM_NTYPES] = H5FD_FLMAP_DICHOTOMY;
    std::copy(std::begin(kinds), std::end(kinds), made.fl_map);
    return made;
  }();
  static const hid_t id = H5FDregister(&row);
  return id;
}

}  // namespace

Hdf5Output::Hdf5Output(const std::filesystem::path& path, hid_t how) : Hdf5Output(-1, path, how) {}

Hdf5Output::Hdf5Output(int handle, const std::filesystem::path& path, hid_t how)
    : path_(path), target_(std::make_unique<Target>(Target{.error = 0, .handle = handle})) {
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  Target* const where = target_.get();
  // HDF5 would go on with a driver of its own, which knows no handle and keeps no reason.
  if (H5Pset_driver(access.id(), driver(), &where) < 0) return;
  file_ = Hdf5Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, how, access.id()), H5Fclose);
}

Hdf5Output::~Hdf5Output() {
  const Hdf5Lock lock;
  file_.reset();
}

void Hdf5Output::finish(bool sound) {
  bool closed = false;
  {
    const Hdf5Lock lock;
    closed = file_ && file_.reset();
    // HDF5 keeps blocks of every size that it ever needed for the next of that size. Checkpoints
    // grow with the history of the run, so none would ever serve again.
    H5garbage_collect();
  }
  const int error = target_->error;
  if (closed && sound && error == 0) return;
  const std::string reason = error == 0 ? "" : " (" + std::string(std::strerror(error)) + ")";
  throw InputError({path_.string()}, "writing this file failed" + reason,
                   "check free space and permissions there");
}

}  // namespace raven
