# A batch job under a real Slurm, where one can be started (root, and the packages of `scripts/setup slurm`).
if(TARGET raven)
  add_test(NAME slurm.a_signalled_job_queues_again_and_ends_with_the_same_weights
           COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/slurm/requeue_test.sh $<TARGET_FILE:raven> ${CMAKE_CURRENT_BINARY_DIR}/slurm)
  set_tests_properties(slurm.a_signalled_job_queues_again_and_ends_with_the_same_weights
                       PROPERTIES LABELS "slurm;slow" SKIP_RETURN_CODE 77 TIMEOUT 900 RUN_SERIAL ON
                                  ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
endif()
if(TARGET raven)
  add_test(NAME slurm.contributors_of_an_array_join_leave_and_are_cancelled
           COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/slurm/contributors_test.sh $<TARGET_FILE:raven>
                   ${CMAKE_CURRENT_BINARY_DIR}/slurm_contributors)
  set_tests_properties(slurm.contributors_of_an_array_join_leave_and_are_cancelled
                       PROPERTIES LABELS "slurm;slow" SKIP_RETURN_CODE 77 TIMEOUT 900 RUN_SERIAL ON
                                  ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
endif()
