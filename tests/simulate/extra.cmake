# As in tests/cluster: plans are written with the fields that matter to a test.
target_compile_options(test_simulate PRIVATE -Wno-missing-field-initializers)
