# raven_rooms(): one static library per line of layers.txt, linked to the rooms that line names.
# Sources of a room are all of src/<room>/**.cpp; the third-party libraries of a room are given by
# raven_room_uses(<room> <targets...>) and stay private, so that no public header can lean on them.
function(raven_rooms)
  file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/cmake/layers.txt lines REGEX "^[a-z]+:")
  set(rooms "")
  foreach(line IN LISTS lines)
    string(REGEX MATCH "^([a-z]+): *(.*)$" _ "${line}")
    set(room ${CMAKE_MATCH_1})
    separate_arguments(below UNIX_COMMAND "${CMAKE_MATCH_2}")
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/${room}/*.cpp)
    list(FILTER sources EXCLUDE REGEX "/src/cli/main\\.cpp$")
    if(NOT sources)
      continue()
    endif()
    add_library(raven_${room} STATIC ${sources})
    add_library(raven::${room} ALIAS raven_${room})
    target_include_directories(
      raven_${room}
      PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>
      PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
    target_compile_features(raven_${room} PUBLIC cxx_std_20)
    target_link_libraries(raven_${room} PRIVATE raven_warnings)
    set_target_properties(raven_${room} PROPERTIES EXPORT_NAME ${room} POSITION_INDEPENDENT_CODE ON)
    foreach(lower IN LISTS below)
      if(TARGET raven_${lower})
        target_link_libraries(raven_${room} PUBLIC raven_${lower})
      endif()
    endforeach()
    list(APPEND rooms ${room})
  endforeach()
  set(RAVEN_ROOMS ${rooms} PARENT_SCOPE)
endfunction()

function(raven_room_uses room)
  if(TARGET raven_${room})
    target_link_libraries(raven_${room} PRIVATE ${ARGN})
  endif()
endfunction()
