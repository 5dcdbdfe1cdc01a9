# Installs what was built into an empty folder, builds a program of somebody else's and those of jobs/programs against it, and
# trains with one of them.
# Not under a sanitizer: that program would need it too.
if(NOT RAVEN_SANITIZE AND NOT CMAKE_CXX_FLAGS MATCHES "coverage")
  add_test(NAME install.another_project_builds_and_runs
           COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR} -DWORK=${CMAKE_CURRENT_BINARY_DIR}/install
                   -DSOURCE=${CMAKE_CURRENT_SOURCE_DIR}/install/consumer
                   -DPROGRAMS=${PROJECT_SOURCE_DIR}/jobs/programs -DCOMPILER=${CMAKE_CXX_COMPILER}
                   -DGENERATOR=${CMAKE_GENERATOR} -DVERSION=${PROJECT_VERSION}
                   -P ${CMAKE_CURRENT_SOURCE_DIR}/install/run.cmake)
  set_tests_properties(install.another_project_builds_and_runs PROPERTIES LABELS install TIMEOUT 900 COST 100)
endif()
