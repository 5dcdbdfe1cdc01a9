#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "cluster/checkpoint_format.hpp"
#include "data/hdf5_output.hpp"
#include "raven/core/contract.hpp"
#include "raven/data/hdf5_lock.hpp"

namespace raven::checkpoint_format {
namespace {

/// What is open while a checkpoint is laid out. Closing needs the lock, too.
struct Groups {
  Hdf5Handle parameters;
  Hdf5Handle optimizer;

  Groups() = default;
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;
  ~Groups() {
    const Hdf5Lock lock;
    parameters.reset();
    optimizer.reset();
  }
};

Hdf5Handle new_group(hid_t where, const char* name) {
  const Hdf5Handle how(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(how.id(), false);
  return {H5Gcreate2(where, name, H5P_DEFAULT, how.id(), H5P_DEFAULT), H5Gclose};
}

bool put_attribute(hid_t where, const char* name, hid_t type, const void* value,
                   hsize_t count = 0) {
  const Hdf5Handle space(count == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, nullptr),
                         H5Sclose);
  Hdf5Handle attribute(H5Acreate2(where, name, type, space.id(), H5P_DEFAULT, H5P_DEFAULT),
                       H5Aclose);
  return attribute && H5Awrite(attribute.id(), type, value) >= 0 && attribute.reset();
}

/// @param values null: it is given its place in the file now and its elements later
Hdf5Handle new_array(hid_t where, const char* name, hid_t type, std::span<const std::int64_t> dims,
                     const void* values) {
  std::vector<hsize_t> sizes(dims.begin(), dims.end());
  const Hdf5Handle space(
      sizes.empty() ? H5Screate(H5S_SCALAR)
                    : H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr),
      H5Sclose);
  const Hdf5Handle how(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  // The same checkpoint must give the same file on any day.
  H5Pset_obj_track_times(how.id(), false);
  if (values == nullptr) {
    H5Pset_alloc_time(how.id(), H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(how.id(), H5D_FILL_TIME_NEVER);
  }
  Hdf5Handle data(H5Dcreate2(where, name, type, space.id(), H5P_DEFAULT, how.id(), H5P_DEFAULT),
                  H5Dclose);
  const bool empty = std::find(dims.begin(), dims.end(), 0) != dims.end();
  if (!data || (values != nullptr && !empty &&
                H5Dwrite(data.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)) {
    return {};
  }
  return data;
}

/// Where the bytes of an array lie, from the beginning of the file; closes it. None if anything
/// failed.
std::optional<std::uint64_t> place_of(Hdf5Handle array, std::size_t bytes) {
  if (!array) return std::nullopt;
  const haddr_t offset = bytes == 0 ? 0 : H5Dget_offset(array.id());
  if (offset == HADDR_UNDEF || !array.reset()) return std::nullopt;
  return offset;
}

std::optional<std::uint64_t> put_bytes(hid_t where, const char* name, ByteSpan bytes) {
  const auto size = static_cast<std::int64_t>(bytes.size());
  return place_of(new_array(where, name, H5T_STD_U8LE, std::span(&size, 1), bytes.data()),
                  bytes.size());
}

/// Has its place but no elements.
Hdf5Handle new_tensor(hid_t where, const char* name, const Tensor& tensor) {
  const hid_t type = tensor.type().dtype == DType::f32 ? H5T_IEEE_F32LE : H5T_STD_I32LE;
  return new_array(where, name, type, tensor.shape().dims(), nullptr);
}

std::unique_ptr<Hdf5Output> new_file(int handle, const std::filesystem::path& place) {
  const Hdf5Lock lock;
  const Hdf5Handle how(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_userblock(how.id(), seal_bytes);
  H5Pset_obj_track_times(how.id(), false);
  return std::make_unique<Hdf5Output>(handle, place, how.id());
}

std::int32_t version_of(const Checkpoint& checkpoint) {
  return checkpoint.carried.empty() ? version : version_with_state;
}

bool put_head(hid_t file, Groups& groups, const Checkpoint& checkpoint) {
  const std::int32_t number = version_of(checkpoint);
  const Hdf5Lock lock;
  if (file < 0 || !put_attribute(file, "raven_checkpoint", H5T_STD_I32LE, &number) ||
      !put_attribute(file, "step", H5T_STD_U64LE, &checkpoint.step) ||
      !put_attribute(file, "seed", H5T_STD_U64LE, &checkpoint.seed) ||
      !put_attribute(file, "wall_seconds", H5T_IEEE_F64LE, &checkpoint.wall_seconds) ||
      !put_attribute(file, "training_digest", H5T_STD_U8LE, checkpoint.training_digest.bytes.data(),
                     checkpoint.training_digest.bytes.size()) ||
      !put_attribute(file, "fingerprint", H5T_STD_U8LE,
                     checkpoint.numerics.fingerprint.bytes.data(),
                     checkpoint.numerics.fingerprint.bytes.size()) ||
      !put_bytes(file, "history", std::as_bytes(std::span(checkpoint.history_json))) ||
      !put_bytes(file, "contributors", std::as_bytes(std::span(checkpoint.credits_json)))) {
    return false;
  }
  groups.parameters = new_group(file, "parameters");
  groups.optimizer = new_group(file, "optimizer");
  return groups.parameters && groups.optimizer;
}

void put_type(ByteWriter& index, const ValueType& type) {
  index.put(type.dtype);
  index.put(static_cast<std::uint8_t>(type.shape.rank()));
  for (const std::int64_t dim : type.shape) index.put(dim);
}

/// Room for one tensor with its state, and its entry in the index. @return false when HDF5 refuses
bool place_tensor(const Groups& groups, std::int64_t number, const CheckpointTensor& tensor,
                  ByteWriter& index, std::vector<Region>& regions) {
  const Hdf5Lock lock;
  const auto add_region = [&](std::uint64_t offset, const Tensor& values) {
    index.put(offset);
    if (values.count() == 0) return;
    regions.push_back(
        {offset, {static_cast<const std::byte*>(values.view().data), values.type().bytes()}});
  };
  const char* name = tensor.name.c_str();
  const std::size_t bytes = tensor.value.type().bytes();
  Hdf5Handle value = new_tensor(groups.parameters.id(), name, tensor.value);
  if (!value || !put_attribute(value.id(), "index", H5T_STD_I64LE, &number)) return false;
  const auto place = place_of(std::move(value), bytes);
  if (!place) return false;
  index.put_string(tensor.name);
  index.put(tensor.version);
  put_type(index, tensor.value.type());
  add_region(*place, tensor.value);
  index.put(static_cast<std::uint8_t>(tensor.state.size()));
  if (tensor.state.empty()) return true;
  const Hdf5Handle group = new_group(groups.optimizer.id(), name);
  for (std::size_t i = 0; group && i < tensor.state.size(); ++i) {
    const auto at =
        place_of(new_tensor(group.id(), std::to_string(i).c_str(), tensor.state[i]), bytes);
    if (!at) return false;
    add_region(*at, tensor.state[i]);
  }
  return static_cast<bool>(group);
}

/// Room for the state that goes on, and its entry at the end of the index.
bool place_carried(hid_t file, const Tensor& carried, ByteWriter& index,
                   std::vector<Region>& regions) {
  if (carried.empty()) return true;
  const Hdf5Lock lock;
  const std::size_t bytes = carried.type().bytes();
  const auto place = place_of(new_tensor(file, "carried", carried), bytes);
  if (!place) return false;
  put_type(index, carried.type());
  index.put(*place);
  regions.push_back({*place, carried.bytes()});
  return true;
}

/// The index up to the tensors.
ByteWriter index_of(const Checkpoint& checkpoint) {
  ByteWriter index;
  index.put(checkpoint.step);
  index.put(checkpoint.seed);
  index.put(checkpoint.store_version);
  index.put(checkpoint.wall_seconds);
  index.put_raw(checkpoint.training_digest.bytes);
  index.put_raw(checkpoint.numerics.fingerprint.bytes);
  index.put_string(checkpoint.numerics.core);
  index.put_string(checkpoint.numerics.library);
  index.put_string(checkpoint.numerics.vectors);
  index.put(checkpoint.epoch.samples);
  index.put(checkpoint.epoch.loss);
  index.put(checkpoint.epoch.weight);
  index.put(static_cast<std::uint32_t>(checkpoint.epoch.metrics.size()));
  for (const auto& [name, value] : checkpoint.epoch.metrics) {
    index.put_string(name);
    index.put(value);
  }
  index.put_string(checkpoint.history_json);
  index.put_string(checkpoint.credits_json);
  index.put(static_cast<std::uint32_t>(checkpoint.tensors.size()));
  return index;
}

}  // namespace

Layout lay_out(int handle, const std::filesystem::path& place, const Checkpoint& checkpoint) {
  std::set<std::string_view> names;
  for (const CheckpointTensor& tensor : checkpoint.tensors) {
    expects(is_tensor_name(tensor.name) && names.insert(tensor.name).second,
            "tensors have unique, plain names");
    expects(tensor.state.size() <= max_states, "an optimizer keeps at most two tensors for each");
    for (const Tensor& state : tensor.state) {
      expects(state.type() == tensor.value.type(),
              "optimizer state has its tensor's type and shape");
    }
  }
  const std::unique_ptr<Hdf5Output> file = new_file(handle, place);
  ByteWriter index = index_of(checkpoint);
  std::optional<std::uint64_t> index_offset;
  Layout layout{.index = {}, .tensors = {}, .version = version_of(checkpoint)};
  {
    Groups groups;
    bool sound = put_head(file->id(), groups, checkpoint);
    for (std::size_t i = 0; sound && i < checkpoint.tensors.size(); ++i) {
      sound = place_tensor(groups, static_cast<std::int64_t>(i), checkpoint.tensors[i], index,
                           layout.tensors);
    }
    sound = sound && place_carried(file->id(), checkpoint.carried, index, layout.tensors);
    if (sound) {
      const Hdf5Lock lock;
      index_offset = put_bytes(file->id(), "index", index.bytes());
    }
  }
  file->finish(index_offset.has_value());
  layout.index = {*index_offset, index.bytes().size()};
  return layout;
}

}  // namespace raven::checkpoint_format
