# Every third-party library in one place. Each is used by the rooms named in CMakeLists.txt and by no public header.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(TBB REQUIRED)
find_package(ZLIB REQUIRED)
find_package(MPI REQUIRED COMPONENTS CXX)
find_package(yaml-cpp REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)

pkg_check_modules(hwy REQUIRED IMPORTED_TARGET GLOBAL libhwy)
add_library(hwy::hwy ALIAS PkgConfig::hwy)

pkg_check_modules(openblas REQUIRED IMPORTED_TARGET GLOBAL openblas)
add_library(raven_openblas INTERFACE)
target_link_libraries(raven_openblas INTERFACE PkgConfig::openblas)

find_package(HDF5 REQUIRED COMPONENTS C)
add_library(raven_hdf5 INTERFACE)
target_include_directories(raven_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(raven_hdf5 INTERFACE ${HDF5_C_LIBRARIES})
