# `cmake --install`: the raven program, and the libraries for programs of their own: find_package(raven), raven::raven.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(RAVEN_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/raven)

# All rooms at once.
add_library(raven_all INTERFACE)
add_library(raven::raven ALIAS raven_all)
set_target_properties(raven_all PROPERTIES EXPORT_NAME raven)
set(raven_libraries ${RAVEN_ROOMS})
list(TRANSFORM raven_libraries PREPEND raven_)
target_link_libraries(raven_all INTERFACE ${raven_libraries})

# raven_warnings goes along because the rooms name it; only they compile with it.
install(TARGETS raven_all ${raven_libraries} raven_warnings EXPORT ravenTargets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/raven DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN *.hpp)
install(EXPORT ravenTargets NAMESPACE raven:: DESTINATION ${RAVEN_CMAKE_DIR})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/ravenConfig.cmake.in ${PROJECT_BINARY_DIR}/ravenConfig.cmake
                              INSTALL_DESTINATION ${RAVEN_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ravenConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ravenConfig.cmake ${PROJECT_BINARY_DIR}/ravenConfigVersion.cmake
        DESTINATION ${RAVEN_CMAKE_DIR})
install(FILES ${CMAKE_CURRENT_LIST_DIR}/Dependencies.cmake DESTINATION ${RAVEN_CMAKE_DIR} RENAME ravenDependencies.cmake)

if(TARGET raven)
  install(TARGETS raven)
endif()
