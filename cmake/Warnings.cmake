# Warnings are errors for raven's own code; sanitizers and floating-point rules are set here once for every target.
add_library(raven_warnings INTERFACE)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  # GCC 12's middle end reports overflows inside std::vector and std::string, and reads of an empty std::variant, that
  # can't happen (GCC PR 105329, 106199, 105562).
  target_compile_options(raven_warnings INTERFACE -Wno-stringop-overflow -Wno-array-bounds -Wno-restrict
                                                  -Wno-stringop-overread -Wno-maybe-uninitialized)
endif()
target_compile_options(
  raven_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
                           -Woverloaded-virtual -Wold-style-cast -Werror)
set_target_properties(raven_warnings PROPERTIES EXPORT_NAME warnings)

# Equal bits: the compiler may not fuse a*b+c where the source does not say so, or two builds would round unlike.
add_compile_options(-ffp-contract=off)

if(RAVEN_SANITIZE)
  add_compile_options(-fsanitize=${RAVEN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${RAVEN_SANITIZE})
endif()
