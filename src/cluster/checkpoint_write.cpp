#include <algorithm>
#include <memory>
#include <set>

#include "cluster/checkpoint_format.hpp"
#include "data/hdf5_output.hpp"
#include "raven/core/contract.hpp"
#include "raven/data/hdf5_lock.hpp"

namespace raven::checkpoint_format {
namespace {

/// What is open while a checkpoint is written. The lock is given back between tensors, so that
/// shards can be read meanwhile; closing needs it too.
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
  Hdf5Handle data(H5Dcreate2(where, name, type, space.id(), H5P_DEFAULT, how.id(), H5P_DEFAULT),
                  H5Dclose);
  const bool empty = std::find(dims.begin(), dims.end(), 0) != dims.end();
  if (!data || (!empty && H5Dwrite(data.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0))
    return {};
  return data;
}

/// False when there is nothing to close or closing failed.
bool finished(Hdf5Handle handle) { return handle && handle.reset(); }

bool put_text(hid_t where, const char* name, const std::string& text) {
  const auto size = static_cast<std::int64_t>(text.size());
  return finished(new_array(where, name, H5T_STD_U8LE, std::span(&size, 1), text.data()));
}

hid_t type_of(const Tensor& tensor) {
  return tensor.type().dtype == DType::f32 ? H5T_IEEE_F32LE : H5T_STD_I32LE;
}

Hdf5Handle new_tensor(hid_t where, const char* name, const Tensor& tensor) {
  return new_array(where, name, type_of(tensor), tensor.shape().dims(), tensor.view().data);
}

bool put_epoch(hid_t file, const EpochSums& epoch) {
  std::vector<double> values;
  std::string names;
  for (const auto& [name, value] : epoch.metrics) {
    expects(name.find('\n') == std::string::npos, "a metric's name is one line");
    names += name + "\n";
    values.push_back(value);
  }
  const auto count = static_cast<std::int64_t>(values.size());
  Hdf5Handle group = new_group(file, epoch_group);
  return group && put_attribute(group.id(), "samples", H5T_STD_I64LE, &epoch.samples) &&
         put_attribute(group.id(), "loss", H5T_IEEE_F64LE, &epoch.loss) &&
         put_attribute(group.id(), "weight", H5T_IEEE_F64LE, &epoch.weight) &&
         finished(new_array(group.id(), metrics_dataset, H5T_IEEE_F64LE, std::span(&count, 1),
                            values.data())) &&
         put_text(group.id(), metric_names_dataset, names) && finished(std::move(group));
}

std::unique_ptr<Hdf5Output> new_file(const std::filesystem::path& place) {
  const Hdf5Lock lock;
  const Hdf5Handle how(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_userblock(how.id(), seal_bytes);
  H5Pset_obj_track_times(how.id(), false);
  return std::make_unique<Hdf5Output>(place, how.id());
}

bool put_head(hid_t file, Groups& groups, const Checkpoint& checkpoint) {
  const Hdf5Lock lock;
  if (file < 0 || !put_attribute(file, version_attribute, H5T_STD_I32LE, &version) ||
      !put_attribute(file, "step", H5T_STD_U64LE, &checkpoint.step) ||
      !put_attribute(file, "seed", H5T_STD_U64LE, &checkpoint.seed) ||
      !put_attribute(file, "store_version", H5T_STD_U64LE, &checkpoint.store_version) ||
      !put_attribute(file, "wall_seconds", H5T_IEEE_F64LE, &checkpoint.wall_seconds) ||
      !put_attribute(file, "training_digest", H5T_STD_U8LE, checkpoint.training_digest.bytes.data(),
                     checkpoint.training_digest.bytes.size()) ||
      !put_epoch(file, checkpoint.epoch) ||
      !put_text(file, history_dataset, checkpoint.history_json)) {
    return false;
  }
  groups.parameters = new_group(file, parameters_group);
  groups.optimizer = new_group(file, optimizer_group);
  return groups.parameters && groups.optimizer;
}

bool put_tensor(const Groups& out, std::int64_t index, const CheckpointTensor& tensor) {
  const Hdf5Lock lock;
  const char* name = tensor.name.c_str();
  Hdf5Handle value = new_tensor(out.parameters.id(), name, tensor.value);
  if (!value || !put_attribute(value.id(), "index", H5T_STD_I64LE, &index) ||
      !put_attribute(value.id(), "version", H5T_STD_U64LE, &tensor.version) ||
      !finished(std::move(value))) {
    return false;
  }
  if (tensor.state.empty()) return true;
  Hdf5Handle group = new_group(out.optimizer.id(), name);
  for (std::size_t i = 0; group && i < tensor.state.size(); ++i) {
    if (!finished(new_tensor(group.id(), std::to_string(i).c_str(), tensor.state[i]))) return false;
  }
  return finished(std::move(group));
}

/// HDF5 has its own meaning for '/' and "." in names, and a reader would have to undo any escape.
bool usable(const std::string& name) {
  return !name.empty() && name.size() <= max_name && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos && name != "." && name != "..";
}

}  // namespace

void write_content(const std::filesystem::path& place, const Checkpoint& checkpoint) {
  std::set<std::string_view> names;
  for (const CheckpointTensor& tensor : checkpoint.tensors) {
    expects(usable(tensor.name) && names.insert(tensor.name).second,
            "tensors have unique, plain names");
    expects(tensor.state.size() <= max_states, "an optimizer keeps at most two tensors for each");
    for (const Tensor& state : tensor.state) {
      expects(state.type() == tensor.value.type(),
              "optimizer state has its tensor's type and shape");
    }
  }
  const std::unique_ptr<Hdf5Output> file = new_file(place);
  bool sound = false;
  {
    Groups groups;
    sound = put_head(file->id(), groups, checkpoint);
    for (std::size_t i = 0; sound && i < checkpoint.tensors.size(); ++i) {
      sound = put_tensor(groups, static_cast<std::int64_t>(i), checkpoint.tensors[i]);
    }
  }
  file->finish(sound);
}

}  // namespace raven::checkpoint_format
