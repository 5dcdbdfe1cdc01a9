# Whole runs with real processes to which everything happens at random; `scripts/chaos 200` is the long form.
if(TARGET raven)
  add_test(NAME chaos.runs COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/chaos/chaos_test.py $<TARGET_FILE:raven> 20)
  # COST: begun first, beside the many small tests. Begun last it would run for minutes with nothing beside it.
  set_tests_properties(chaos.runs PROPERTIES LABELS chaos TIMEOUT 3600 SKIP_RETURN_CODE 77 RESOURCE_LOCK links COST 300)
endif()
