# Batch jobs under a real Slurm, where one can be started (root, and the packages of `scripts/setup slurm`); skipped with the reason
# where not. They mostly wait, so one of them runs beside another test.
if(TARGET raven)
  function(raven_slurm_test script sentence)
    add_test(NAME slurm.${sentence} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/slurm/${script}_test.sh $<TARGET_FILE:raven>
                                            ${CMAKE_CURRENT_BINARY_DIR}/slurm_${script})
    set_tests_properties(slurm.${sentence} PROPERTIES LABELS "slurm;slow" SKIP_RETURN_CODE 77 TIMEOUT 900 RESOURCE_LOCK slurm
                                                      ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
  endfunction()
  raven_slurm_test(requeue a_signalled_job_queues_again_and_ends_with_the_same_weights)
  raven_slurm_test(contributors contributors_of_an_array_join_leave_and_are_cancelled)
  raven_slurm_test(limit a_job_that_meets_its_time_limit_queues_again)
  raven_slurm_test(preemption scavengers_give_way_and_come_again)
  raven_slurm_test(nodes a_node_that_loses_its_power_takes_along_nobody)
endif()
