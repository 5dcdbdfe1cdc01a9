# Messages are written with the fields that matter to a test.
target_compile_options(test_cluster PRIVATE -Wno-missing-field-initializers)
