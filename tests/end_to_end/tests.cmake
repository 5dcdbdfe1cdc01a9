# The real program as a person runs it, alone and under mpirun, killed and stopped at any time: the promises of the
# design from end to end.
if(TARGET raven)
  foreach(test same_bits survival failure run_directory joining leaving status launch network doctor language dynamic places
               numerics)
    add_test(NAME end_to_end.${test} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/end_to_end/${test}_test.py
                                             $<TARGET_FILE:raven>)
    # Links between namespaces come and go while others run: who needs none of them must not lean on them.
    set_tests_properties(end_to_end.${test} PROPERTIES LABELS end_to_end PROCESSORS 2 TIMEOUT 1800
                                                       ENVIRONMENT OMPI_MCA_btl_tcp_if_exclude=127.0.0.0/8,198.18.0.0/15)
  endforeach()
  set_tests_properties(end_to_end.network PROPERTIES ENVIRONMENT "" RESOURCE_LOCK links)
  add_library(unsupported_calls MODULE ${CMAKE_CURRENT_SOURCE_DIR}/end_to_end/unsupported_calls.cpp)
  target_link_libraries(unsupported_calls PRIVATE raven_warnings)
  set_tests_properties(
    end_to_end.places
    PROPERTIES
      ENVIRONMENT
      "OMPI_MCA_btl_tcp_if_exclude=127.0.0.0/8,198.18.0.0/15;RAVEN_UNSUPPORTED_CALLS=$<TARGET_FILE:unsupported_calls>")
endif()
