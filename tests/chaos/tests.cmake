# Whole runs with real processes to which everything happens at random; `scripts/chaos 200` is the long form.
if(TARGET raven)
  add_test(NAME chaos.runs COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/chaos/chaos_test.py $<TARGET_FILE:raven> 20)
  set_tests_properties(chaos.runs PROPERTIES LABELS chaos TIMEOUT 3600 SKIP_RETURN_CODE 77 RESOURCE_LOCK links)
endif()
