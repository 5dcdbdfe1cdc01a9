# Programs that run under mpirun. mpirun --enable-recovery ends with 0 whatever happens to its ranks, so a test
# passes only if as many ranks as should survive say so.
set(RAVEN_MPIRUN_FLAGS --oversubscribe --enable-recovery -mca pml ob1)
set(RAVEN_MPI_ENVIRONMENT OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ASAN_OPTIONS=detect_leaks=0
                          OMPI_MCA_btl_tcp_if_exclude=127.0.0.0/8,198.18.0.0/15)

# raven_mpi_test(NAME name RANKS n SURVIVORS n BTL list COMMAND program args...)
function(raven_mpi_test)
  cmake_parse_arguments(arg "" "NAME;RANKS;SURVIVORS;BTL" "COMMAND" ${ARGN})
  string(REPEAT "passed.*" ${arg_SURVIVORS} all_passed)
  add_test(NAME mpi.${arg_NAME} COMMAND ${MPIEXEC_EXECUTABLE} -n ${arg_RANKS} ${RAVEN_MPIRUN_FLAGS} -mca btl
                                        ${arg_BTL} ${arg_COMMAND})
  set_tests_properties(
    mpi.${arg_NAME}
    PROPERTIES LABELS mpi
               PROCESSORS ${arg_RANKS}
               TIMEOUT 600
               ENVIRONMENT "${RAVEN_MPI_ENVIRONMENT}"
               PASS_REGULAR_EXPRESSION "${all_passed}"
               FAIL_REGULAR_EXPRESSION "FAILED;broken rule;Sanitizer")
endfunction()

if(TARGET raven_transport)
  add_executable(mpi_conformance ${CMAKE_CURRENT_SOURCE_DIR}/mpi/conformance_main.cpp
                                 ${CMAKE_CURRENT_SOURCE_DIR}/transport/conformance.cpp)
  target_include_directories(mpi_conformance PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(mpi_conformance PRIVATE raven_transport raven_warnings Threads::Threads)

  set(deaths a_dead_peer_holds_up_nobody a_peer_may_die_while_it_receives a_peer_may_die_while_it_sends)
  # Not every scenario with every number of ranks: an mpirun takes half a second.
  set(scenarios_of_1 a_quiet_poll_returns_nothing wake_ends_a_poll)
  set(scenarios_of_2
      everybody_joins_first messages_of_a_peer_keep_their_order any_size_is_echoed floods_both_ways_do_not_deadlock
      large_bodies_cross_both_ways wake_ends_a_poll a_dropped_peer_is_forgotten flushed_follows_the_queue
      traffic_is_counted an_oversize_body_loses_its_sender a_dead_peer_holds_up_nobody)
  set(scenarios_of_3
      messages_of_a_peer_keep_their_order large_bodies_cross_both_ways a_dropped_peer_is_forgotten
      an_oversize_body_loses_its_sender a_body_above_a_later_limit_loses_its_sender
      contributors_know_only_the_master ${deaths})
  set(scenarios_of_5 everybody_joins_first any_size_is_echoed floods_both_ways_do_not_deadlock traffic_is_counted
                     a_dead_peer_holds_up_nobody)
  foreach(ranks 1 2 3 5)
    foreach(scenario IN LISTS scenarios_of_${ranks})
      set(survivors ${ranks})
      if(scenario IN_LIST deaths)
        math(EXPR survivors "${ranks} - 1")
      endif()
      raven_mpi_test(NAME ${scenario}_on_${ranks} RANKS ${ranks} SURVIVORS ${survivors} BTL self,vader,tcp
                     COMMAND mpi_conformance ${scenario})
    endforeach()
  endforeach()
  # Between machines all goes by TCP, which fails in other ways than shared memory does.
  foreach(scenario messages_of_a_peer_keep_their_order large_bodies_cross_both_ways ${deaths})
    set(survivors 3)
    if(scenario IN_LIST deaths)
      set(survivors 2)
    endif()
    raven_mpi_test(NAME ${scenario}_over_tcp RANKS 3 SURVIVORS ${survivors} BTL self,tcp COMMAND mpi_conformance
                   ${scenario})
  endforeach()

  add_executable(mpi_deaths ${CMAKE_CURRENT_SOURCE_DIR}/mpi/deaths_main.cpp)
  target_link_libraries(mpi_deaths PRIVATE raven_transport raven_warnings Threads::Threads)
  foreach(seed 1 2 3)
    raven_mpi_test(NAME deaths_at_any_time_${seed} RANKS 5 SURVIVORS 2 BTL self,vader,tcp COMMAND mpi_deaths ${seed})
  endforeach()
  # Seeds at which Open MPI 4.1 by itself, without src/transport/mpi/broken_socket.hpp, went round for ever.
  foreach(seed 13 14 15 21)
    raven_mpi_test(NAME deaths_at_any_time_over_tcp_${seed} RANKS 5 SURVIVORS 2 BTL self,tcp COMMAND mpi_deaths ${seed})
  endforeach()

  add_executable(mpi_hostile ${CMAKE_CURRENT_SOURCE_DIR}/mpi/hostile_main.cpp)
  add_executable(mpi_measure ${CMAKE_CURRENT_SOURCE_DIR}/mpi/measure_main.cpp)
  foreach(program mpi_hostile mpi_measure)
    target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${program} PRIVATE raven_transport raven_warnings MPI::MPI_CXX)
  endforeach()
  foreach(btl vader,tcp tcp)
    raven_mpi_test(NAME offenders_are_lost_and_nobody_else_by_${btl} RANKS 9 SURVIVORS 2 BTL self,${btl} COMMAND mpi_hostile)
  endforeach()
endif()
