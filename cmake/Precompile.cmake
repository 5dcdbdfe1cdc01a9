# Half of the time in which a typical source compiles goes into headers of the standard library, so those that most
# sources name are read once. A source still includes all that it uses: the clang preset and scripts/lint compile without
# this, and so does tests/rules' target headers_alone.
#
# Not with ccache: that knows what is unchanged by itself, and each build of a precompiled header is new to it.
if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache")
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()
set(RAVEN_COMMON_HEADERS <algorithm> <array> <chrono> <cmath> <cstdint> <cstring> <filesystem> <fstream> <functional> <map>
                         <memory> <mutex> <optional> <set> <span> <sstream> <string> <string_view> <thread>
                         <unordered_map> <utility> <variant> <vector>)

# raven_precompile(<target> <first>): `target` shares the precompiled headers of `first`, whose compiler flags must be the
# same; for `first` itself they are made, with the headers given behind.
function(raven_precompile target first)
  if(target STREQUAL first)
    target_precompile_headers(${target} PRIVATE ${RAVEN_COMMON_HEADERS} ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${first})
  endif()
endfunction()
