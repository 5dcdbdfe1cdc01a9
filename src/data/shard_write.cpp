#include "data/hdf5_output.hpp"
#include "data/shard_format.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/new_file.hpp"
#include "raven/data/hdf5_lock.hpp"
#include "raven/data/shard.hpp"

namespace raven {
namespace {

hid_t file_type_of(Hdf5Element element) {
  switch (element) {
    case Hdf5Element::u8:
      return H5T_STD_U8LE;
    case Hdf5Element::i32:
      return H5T_STD_I32LE;
    case Hdf5Element::i64:
      return H5T_STD_I64LE;
    default:
      return H5T_IEEE_F32LE;
  }
}

bool write_array(hid_t file, const ShardArray& array, ByteSpan bytes) {
  const std::vector<hsize_t> dims(array.dims.begin(), array.dims.end());
  const hid_t type = file_type_of(array.element);
  Hdf5Handle space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose);
  Hdf5Handle how(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  // The same rows must give the same file, and so the same digest, on any day.
  H5Pset_obj_track_times(how.id(), false);
  Hdf5Handle data(
      H5Dcreate2(file, array.name, type, space.id(), H5P_DEFAULT, how.id(), H5P_DEFAULT), H5Dclose);
  return data && H5Dwrite(data.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) >= 0 &&
         data.reset();
}

bool write_version(hid_t file) {
  Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  Hdf5Handle attribute(H5Acreate2(file, shard_version_attribute, H5T_STD_I32LE, space.id(),
                                  H5P_DEFAULT, H5P_DEFAULT),
                       H5Aclose);
  return attribute && H5Awrite(attribute.id(), H5T_NATIVE_INT32, &shard_version) >= 0 &&
         attribute.reset();
}

/// @param write puts the datasets into an open file; false when HDF5 would not
template <class Write>
void write_file(const std::filesystem::path& place, Write write) {
  std::unique_ptr<Hdf5Output> file;
  bool sound = false;
  {
    const Hdf5Lock lock;
    const Hdf5Handle how(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    H5Pset_obj_track_times(how.id(), false);
    file = std::make_unique<Hdf5Output>(place, how.id());
    sound = file->id() >= 0 && write_version(file->id()) && write(file->id());
  }
  file->finish(sound);
}

/// Writes under a temporary name, which becomes `file` when all is on the disk.
template <class Write>
Digest write_whole(const std::filesystem::path& file, Write write) {
  NewFile place(file);
  write_file(place.temporary(), write);
  const Digest digest = digest_of_file(place.temporary());
  place.commit();
  return digest;
}

bool covers(std::span<const std::int64_t> offsets, std::size_t samples, std::size_t things) {
  return offsets.size() == samples + 1 && offsets.front() == 0 &&
         offsets.back() == static_cast<std::int64_t>(things);
}

}  // namespace

Digest write_shard(const std::filesystem::path& file, const SampleSchema& schema, ByteSpan features,
                   ByteSpan targets) {
  expects(schema.flaw().empty() && !schema.ragged(), "a shard needs a sound schema");
  const std::size_t rows = features.size() / schema.feature_bytes();
  expects(rows > 0 && targets.size() == rows * schema.target_bytes() &&
              features.size() == rows * schema.feature_bytes(),
          "a shard has at least one row, and as many features as targets");
  const auto count = static_cast<std::int64_t>(rows);
  return write_whole(file, [&](hid_t to) {
    return write_array(to, features_array(schema, count), features) &&
           (!schema.has_targets() || write_array(to, targets_array(schema, count), targets));
  });
}

Digest write_token_shard(const std::filesystem::path& file, const SampleSchema& schema,
                         std::span<const std::int32_t> tokens,
                         std::span<const std::int64_t> offsets) {
  expects(schema.flaw().empty() && schema.of_sequences(), "tokens need a schema of sequences");
  expects(offsets.size() >= 2 && offsets.front() == 0 &&
              offsets.back() == static_cast<std::int64_t>(tokens.size()),
          "a shard has at least one sequence, and offsets that cover its tokens");
  return write_whole(file, [&](hid_t to) {
    const auto sequences = static_cast<std::int64_t>(offsets.size()) - 1;
    return write_array(to, tokens_array(offsets.back()), std::as_bytes(tokens)) &&
           write_array(to, offsets_array(sequences), std::as_bytes(offsets));
  });
}

Digest write_ragged_shard(const std::filesystem::path& file, const SampleSchema& schema,
                          const RaggedSamples& samples) {
  expects(schema.flaw().empty() && schema.ragged(), "ragged samples need a schema of theirs");
  expects(samples.token_offsets.size() >= 2, "a shard has at least one sample");
  const bool tree = schema.form == SampleForm::tree;
  const std::size_t count = samples.token_offsets.size() - 1;
  const SampleExtent all{samples.token_offsets.back(),
                         static_cast<std::int64_t>(samples.parents.size())};
  const std::int64_t targets = schema.target_rows(static_cast<std::int64_t>(count), all);
  expects(covers(samples.token_offsets, count, samples.features.size() / schema.feature_bytes()) &&
              (!tree || covers(samples.node_offsets, count, samples.parents.size())) &&
              samples.targets.size() == static_cast<std::size_t>(targets) * schema.target_bytes(),
          "offsets cover all tokens and nodes, and each target belongs to something");
  return write_whole(file, [&](hid_t to) {
    const auto rows = static_cast<std::int64_t>(count);
    return write_array(to, features_array(schema, all.tokens), samples.features) &&
           write_array(to, offsets_array(rows), std::as_bytes(samples.token_offsets)) &&
           (!tree ||
            (write_array(to, parents_array(all.nodes), std::as_bytes(samples.parents)) &&
             write_array(to, node_offsets_array(rows), std::as_bytes(samples.node_offsets)))) &&
           (!schema.has_targets() ||
            write_array(to, targets_array(schema, targets), samples.targets));
  });
}

}  // namespace raven
