# Every third-party library in one place. Each is used by the rooms named in CMakeLists.txt and by no public header.
#
# An installed raven includes this file too (cmake/ravenConfig.cmake.in): its libraries are static, so whoever links them
# links these as well. The build and the installed package differ only in what raven_find does when one is missing.
# Targets made here are IMPORTED, which keeps them out of the installed list of targets and makes them anew there.
if(NOT COMMAND raven_find)
  macro(raven_find)
    find_package(${ARGN} REQUIRED)
  endmacro()
endif()

raven_find(Threads)
raven_find(OpenSSL)
raven_find(TBB)
raven_find(ZLIB)
raven_find(MPI COMPONENTS CXX)
raven_find(yaml-cpp)
raven_find(fmt)
raven_find(CLI11)
raven_find(nlohmann_json)
raven_find(HDF5 COMPONENTS C)
raven_find(PkgConfig)

if(NOT TARGET raven_hwy)
  pkg_check_modules(raven_pc_hwy REQUIRED QUIET IMPORTED_TARGET GLOBAL libhwy)
  add_library(raven_hwy INTERFACE IMPORTED GLOBAL)
  target_link_libraries(raven_hwy INTERFACE PkgConfig::raven_pc_hwy)

  pkg_check_modules(raven_pc_openblas REQUIRED QUIET IMPORTED_TARGET GLOBAL openblas)
  add_library(raven_openblas INTERFACE IMPORTED GLOBAL)
  target_link_libraries(raven_openblas INTERFACE PkgConfig::raven_pc_openblas)

  add_library(raven_hdf5 INTERFACE IMPORTED GLOBAL)
  target_include_directories(raven_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
  target_link_libraries(raven_hdf5 INTERFACE ${HDF5_C_LIBRARIES})
endif()
