# The real program, run as a person runs it.
if(TARGET raven)
  add_test(NAME cli.raven_command COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/cli/command_test.py
                                          $<TARGET_FILE:raven> ${PROJECT_SOURCE_DIR})
  add_test(NAME cli.trained_model COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/cli/trained_model_test.py
                                          $<TARGET_FILE:raven>)
  add_test(NAME cli.same_figures COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/cli/same_figures_test.py
                                         $<TARGET_FILE:raven>)
  add_test(NAME cli.meaning COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/cli/meaning_test.py
                                    $<TARGET_FILE:raven>)
  add_test(NAME cli.terminal COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/cli/terminal_test.py
                                     $<TARGET_FILE:raven>)
  add_test(NAME cli.help_examples COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/cli/help_examples_test.py
                                          $<TARGET_FILE:raven> ${PROJECT_SOURCE_DIR})
  set_tests_properties(cli.help_examples PROPERTIES LABELS cli TIMEOUT 1800 COST 100 PROCESSORS 2
                                         ENVIRONMENT OMPI_MCA_btl_tcp_if_exclude=127.0.0.0/8,198.18.0.0/15)
  # PyTorch is a large package: where it is missing, the test says so and is told as skipped. scripts/test installs it.
  add_test(NAME cli.export_layouts COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/cli/export_layouts_test.py
                                           $<TARGET_FILE:raven> ${PROJECT_SOURCE_DIR})
  set_tests_properties(cli.export_layouts PROPERTIES LABELS cli TIMEOUT 900 SKIP_RETURN_CODE 77)
  set_tests_properties(cli.raven_command cli.trained_model cli.same_figures cli.terminal cli.meaning
                       PROPERTIES LABELS cli TIMEOUT 900 COST 20)
endif()
