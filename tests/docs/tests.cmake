# The documents' commands, run as written by the programs that the README's two commands build. Not under a sanitizer: what the
# documents build against it would need it too.
if(TARGET raven AND TARGET tree_lstm AND NOT RAVEN_SANITIZE)
  add_test(NAME docs.commands COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/docs/commands_test.py
                                      $<TARGET_FILE:raven> ${PROJECT_SOURCE_DIR})
  set_tests_properties(docs.commands PROPERTIES LABELS docs TIMEOUT 1800 COST 200 PROCESSORS 2
                                                ENVIRONMENT OMPI_MCA_btl_tcp_if_exclude=127.0.0.0/8,198.18.0.0/15)
endif()
