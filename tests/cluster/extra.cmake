# Messages are written with the fields that matter to a test.
target_compile_options(test_cluster PRIVATE -Wno-missing-field-initializers)
# The box's recorder of samples is that of jobs.
target_link_libraries(test_cluster PRIVATE raven_job)
