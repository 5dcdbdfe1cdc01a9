# cmake -DBUILD=.. -DWORK=.. -DSOURCE=.. -DCOMPILER=.. -DGENERATOR=.. -DVERSION=.. -P run.cmake
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nended with ${result}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
# Moved after installing: nothing in it may remember where it was.
file(RENAME ${WORK}/prefix ${WORK}/moved)
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -B ${WORK}/build -DCMAKE_PREFIX_PATH=${WORK}/moved
    -DCMAKE_CXX_COMPILER=${COMPILER} -DWANTED_VERSION=${VERSION})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer ${WORK}/run)
if(NOT output MATCHES "read back step 7: 1 tensor")
  message(FATAL_ERROR "the program printed:\n${output}")
endif()
if(NOT output MATCHES ", optimised")
  message(FATAL_ERROR "a program that is built as the documents say is not optimised:\n${output}")
endif()
# Whoever asks for another build gets it.
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE} -B ${WORK}/debug -DCMAKE_PREFIX_PATH=${WORK}/moved
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_BUILD_TYPE=Debug -DWANTED_VERSION=${VERSION})
file(STRINGS ${WORK}/debug/CMakeCache.txt build_type REGEX "^CMAKE_BUILD_TYPE:")
if(NOT build_type MATCHES "=Debug$")
  message(FATAL_ERROR "a debug build became '${build_type}'")
endif()
if(EXISTS ${BUILD}/raven)
  run(${WORK}/moved/bin/raven --version)
  # The programs of jobs/programs against the same, and one of them in use.
  run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${PROGRAMS} -B ${WORK}/programs -DCMAKE_PREFIX_PATH=${WORK}/moved
      -DCMAKE_CXX_COMPILER=${COMPILER})
  run(${CMAKE_COMMAND} --build ${WORK}/programs)
  foreach(program early_exit tree_lstm word_tagger)
    run(${WORK}/programs/programs/${program} --version)
  endforeach()
  run(${WORK}/moved/bin/raven data make trees --count 40 --folder ${WORK}/trees)
  run(${WORK}/programs/programs/tree_lstm train ${PROGRAMS}/tree_lstm.yaml --run ${WORK}/two_steps --set
      data.train=${WORK}/trees/train.yaml --set data.valid=${WORK}/trees/valid.yaml --set train.batch=8 --set train.steps=2)
  file(READ ${WORK}/two_steps/summary.json summary)
  string(JSON steps GET ${summary} steps)
  if(NOT steps EQUAL 2)
    message(FATAL_ERROR "the run did ${steps} steps:\n${output}")
  endif()
endif()
