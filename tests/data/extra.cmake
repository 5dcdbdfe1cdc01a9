# The tests make hostile shards and archives with the libraries themselves.
target_link_libraries(test_data PRIVATE raven_hdf5 ZLIB::ZLIB)
