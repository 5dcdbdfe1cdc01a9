// A file system that can do less, for programs that load this before the C library: flock() fails
// with the errno in UNSUPPORTED_FLOCK, fsync() of a folder with that in UNSUPPORTED_FOLDER_FSYNC.

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

/// The errno that a variable holds; 0: none.
int error_in(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? 0 : std::atoi(text);
}

int real_call(long number, int first, int second) {
  return static_cast<int>(::syscall(number, first, second));
}

}  // namespace

extern "C" int flock(int handle, int operation) noexcept {
  if (const int error = error_in("UNSUPPORTED_FLOCK"); error != 0) {
    errno = error;
    return -1;
  }
  return real_call(SYS_flock, handle, operation);
}

extern "C" int fsync(int handle) {
  struct stat status {};
  const int error = error_in("UNSUPPORTED_FOLDER_FSYNC");
  if (error != 0 && ::fstat(handle, &status) == 0 && S_ISDIR(status.st_mode)) {
    errno = error;
    return -1;
  }
  return real_call(SYS_fsync, handle, 0);
}
