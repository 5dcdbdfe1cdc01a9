# Messages are written with the fields that matter to a test; GCC 12 also sees uninitialised vectors inside std::variant (PR 80635).
target_compile_options(test_cluster PRIVATE -Wno-missing-field-initializers -Wno-maybe-uninitialized)
