#pragma once

#include <cstdio>
#include <cstdlib>

namespace raven {

/// A place in the source; the default argument of `expects` fills it in at the call.
struct Where {
  const char* file;
  int line;
  static constexpr Where here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

/// States a rule that the caller must keep. Breaking it is a bug, so the process stops with a
/// message. For somebody's mistake (a job file, a shard, a key) throw InputError instead.
inline void expects(bool kept, const char* rule, Where where = Where::here()) {
  if (kept) [[likely]]
    return;
  std::fprintf(stderr, "%s:%d: broken rule: %s\n", where.file, where.line, rule);
  std::abort();
}

}  // namespace raven
