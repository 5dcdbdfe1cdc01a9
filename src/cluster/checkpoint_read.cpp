#include <algorithm>
#include <set>

#include "cluster/checkpoint_format.hpp"
#include "data/hdf5_handle.hpp"
#include "raven/core/error.hpp"
#include "raven/data/hdf5_lock.hpp"

namespace raven::checkpoint_format {
namespace {

constexpr std::size_t max_links = 1'000'000;

struct Input {
  const std::filesystem::path& path;
  std::uintmax_t bytes_left;  ///< what the arrays that are still to come may take, at most

  [[noreturn]] void refuse(const std::string& problem) const {
    throw InputError({path.string()}, "this checkpoint is not one that raven wrote: " + problem,
                     "use another checkpoint or a clean copy");
  }
};

std::string quoted(const std::string& name) { return "'" + name + "'"; }

struct LinkList {
  std::set<std::string> names;
  bool sound = true;
};

/// A callback of a C library, so nothing may be thrown through it.
herr_t collect_link(hid_t, const char* name, const H5L_info_t* link, void* into) noexcept {
  auto& list = *static_cast<LinkList*>(into);
  try {
    list.sound = link->type == H5L_TYPE_HARD && list.names.size() < max_links &&
                 list.names.insert(std::string(name)).second;
  } catch (const std::exception&) {
    list.sound = false;
  }
  return list.sound ? 0 : -1;
}

/// Names of everything in a group; only hard links, since others lead to other files.
std::set<std::string> links_of(const Input& in, hid_t group, const std::string& what) {
  LinkList list;
  hsize_t next = 0;
  const herr_t result = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &next, collect_link, &list);
  if (result < 0 || !list.sound)
    in.refuse(what + " can't be listed, or holds something else than objects of this file");
  return std::move(list.names);
}

Hdf5Handle open_object(const Input& in, hid_t where, const std::string& name, H5O_type_t type) {
  H5O_info_t info{};
  if (H5Lexists(where, name.c_str(), H5P_DEFAULT) <= 0 ||
      H5Oget_info_by_name(where, name.c_str(), &info, H5P_DEFAULT) < 0 || info.type != type) {
    in.refuse(quoted(name) + " is missing or no " + (type == H5O_TYPE_GROUP ? "group" : "dataset"));
  }
  const bool group = type == H5O_TYPE_GROUP;
  Hdf5Handle object(group ? H5Gopen2(where, name.c_str(), H5P_DEFAULT)
                          : H5Dopen2(where, name.c_str(), H5P_DEFAULT),
                    group ? H5Gclose : H5Dclose);
  if (!object) in.refuse(quoted(name) + " can't be opened");
  return object;
}

template <class T>
void read_attribute(const Input& in, hid_t where, const char* name, hid_t type, T& value) {
  const Hdf5Handle attribute(
      H5Aexists(where, name) > 0 ? H5Aopen(where, name, H5P_DEFAULT) : H5I_INVALID_HID, H5Aclose);
  if (!attribute) in.refuse("the attribute " + quoted(name) + " is missing");
  const Hdf5Handle found(H5Aget_type(attribute.id()), H5Tclose);
  const Hdf5Handle space(H5Aget_space(attribute.id()), H5Sclose);
  const auto count = static_cast<hssize_t>(sizeof value / H5Tget_size(type));
  if (H5Tequal(found.id(), type) <= 0 || H5Sget_simple_extent_npoints(space.id()) != count ||
      H5Aread(attribute.id(), type, &value) < 0) {
    in.refuse("the attribute " + quoted(name) + " has another type or size");
  }
}

/// A dataset that passed every check, so that its bytes may be asked for.
struct Array {
  Hdf5Handle dataset;
  hid_t type = H5I_INVALID_HID;
  Shape shape;
  std::size_t bytes = 0;
};

Shape checked_shape(const Input& in, hid_t dataset, std::size_t element, const std::string& name) {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  const H5S_class_t kind = H5Sget_simple_extent_type(space.id());
  const int rank = H5Sget_simple_extent_ndims(space.id());
  if ((kind != H5S_SIMPLE && kind != H5S_SCALAR) || rank < 0 ||
      rank > static_cast<int>(Shape::max_rank)) {
    in.refuse(quoted(name) + " is no array of up to " + std::to_string(Shape::max_rank) +
              " dimensions");
  }
  std::array<hsize_t, Shape::max_rank> sizes{};
  std::array<std::int64_t, Shape::max_rank> dims{};
  if (rank > 0) H5Sget_simple_extent_dims(space.id(), sizes.data(), nullptr);
  std::uintmax_t room = in.bytes_left / element;
  for (int i = 0; i < rank; ++i) {
    const auto at = static_cast<std::size_t>(i);
    // Zero-sized ones too are bounded, so that no product of sizes can overflow.
    if (sizes[at] > room) in.refuse(quoted(name) + " claims more bytes than the file has");
    room /= std::max<hsize_t>(sizes[at], 1);
    dims[at] = static_cast<std::int64_t>(sizes[at]);
  }
  if (room == 0) in.refuse(quoted(name) + " claims more bytes than the file has");
  return Shape(std::span(dims).first(static_cast<std::size_t>(rank)));
}

Array open_array(Input& in, hid_t where, const std::string& name,
                 std::initializer_list<hid_t> types) {
  Array array{open_object(in, where, name, H5O_TYPE_DATASET), H5I_INVALID_HID, {}, 0};
  const hid_t dataset = array.dataset.id();
  const Hdf5Handle how(H5Dget_create_plist(dataset), H5Pclose);
  if (H5Pget_layout(how.id()) != H5D_CONTIGUOUS || H5Pget_external_count(how.id()) != 0 ||
      H5Pget_nfilters(how.id()) != 0) {
    in.refuse(quoted(name) + " is not stored plainly (contiguous, unfiltered, inside this file)");
  }
  const Hdf5Handle found(H5Dget_type(dataset), H5Tclose);
  const auto* type = std::find_if(types.begin(), types.end(),
                                  [&](hid_t wanted) { return H5Tequal(found.id(), wanted) > 0; });
  if (type == types.end()) in.refuse(quoted(name) + " has elements of another type");
  array.type = *type;
  const std::size_t element = H5Tget_size(array.type);
  array.shape = checked_shape(in, dataset, element, name);
  array.bytes = static_cast<std::size_t>(array.shape.count()) * element;
  if (H5Dget_storage_size(dataset) != array.bytes) in.refuse(quoted(name) + " is not all there");
  in.bytes_left -= array.bytes;
  return array;
}

void read_values(const Input& in, const Array& array, void* to, const std::string& name) {
  if (array.bytes == 0) return;
  if (H5Dread(array.dataset.id(), array.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) < 0) {
    in.refuse(quoted(name) + " can't be read");
  }
}

std::string read_text(Input& in, hid_t where, const std::string& name) {
  const Array array = open_array(in, where, name, {H5T_STD_U8LE});
  if (array.shape.rank() != 1) in.refuse(quoted(name) + " is no text");
  std::string text(array.bytes, '\0');
  read_values(in, array, text.data(), name);
  return text;
}

struct ReadTensor {
  Tensor tensor;
  Hdf5Handle dataset;
};

ReadTensor read_tensor(Input& in, hid_t where, const std::string& name) {
  Array array = open_array(in, where, name, {H5T_IEEE_F32LE, H5T_STD_I32LE});
  const DType dtype = H5Tget_class(array.type) == H5T_FLOAT ? DType::f32 : DType::i32;
  Tensor tensor(ValueType{dtype, array.shape});
  read_values(in, array, tensor.view().data, name);
  return {std::move(tensor), std::move(array.dataset)};
}

EpochSums read_epoch(Input& in, hid_t file) {
  EpochSums epoch;
  const Hdf5Handle group = open_object(in, file, epoch_group, H5O_TYPE_GROUP);
  read_attribute(in, group.id(), "samples", H5T_STD_I64LE, epoch.samples);
  read_attribute(in, group.id(), "loss", H5T_IEEE_F64LE, epoch.loss);
  read_attribute(in, group.id(), "weight", H5T_IEEE_F64LE, epoch.weight);
  const Array metrics = open_array(in, group.id(), metrics_dataset, {H5T_IEEE_F64LE});
  std::vector<double> values(metrics.bytes / sizeof(double));
  read_values(in, metrics, values.data(), metrics_dataset);
  const std::string names = read_text(in, group.id(), metric_names_dataset);
  std::size_t begin = 0;
  for (const double value : values) {
    const std::size_t end = names.find('\n', begin);
    if (end == std::string::npos) in.refuse("there are more metrics than names of metrics");
    epoch.metrics.emplace_back(names.substr(begin, end - begin), value);
    begin = end + 1;
  }
  if (begin != names.size()) in.refuse("there are more names of metrics than metrics");
  return epoch;
}

std::vector<Tensor> read_states(Input& in, hid_t optimizer, const std::string& name,
                                const Tensor& value) {
  const Hdf5Handle group = open_object(in, optimizer, name, H5O_TYPE_GROUP);
  const std::size_t count = links_of(in, group.id(), quoted(name)).size();
  if (count == 0 || count > max_states)
    in.refuse("the optimizer's state of " + quoted(name) + " is no pair");
  std::vector<Tensor> states;
  for (std::size_t i = 0; i < count; ++i) {
    states.push_back(read_tensor(in, group.id(), std::to_string(i)).tensor);
    if (states.back().type() != value.type())
      in.refuse("the optimizer's state of " + quoted(name) + " has another shape");
  }
  return states;
}

std::vector<CheckpointTensor> read_tensors(Input& in, hid_t file) {
  const Hdf5Handle parameters = open_object(in, file, parameters_group, H5O_TYPE_GROUP);
  const Hdf5Handle optimizer = open_object(in, file, optimizer_group, H5O_TYPE_GROUP);
  const std::set<std::string> names = links_of(in, parameters.id(), quoted(parameters_group));
  const std::set<std::string> stateful = links_of(in, optimizer.id(), quoted(optimizer_group));
  if (!std::includes(names.begin(), names.end(), stateful.begin(), stateful.end())) {
    in.refuse("the optimizer has state of a tensor that is not there");
  }
  std::vector<CheckpointTensor> tensors(names.size());
  for (const std::string& name : names) {
    ReadTensor read = read_tensor(in, parameters.id(), name);
    std::int64_t index = 0;
    std::uint64_t changed = 0;
    read_attribute(in, read.dataset.id(), "index", H5T_STD_I64LE, index);
    read_attribute(in, read.dataset.id(), "version", H5T_STD_U64LE, changed);
    if (name.size() > max_name || index < 0 || static_cast<std::size_t>(index) >= tensors.size() ||
        !tensors[static_cast<std::size_t>(index)].name.empty()) {
      in.refuse(quoted(name) + " has an impossible name or index");
    }
    std::vector<Tensor> states;
    if (stateful.contains(name)) states = read_states(in, optimizer.id(), name, read.tensor);
    tensors[static_cast<std::size_t>(index)] = {name, std::move(read.tensor), changed,
                                                std::move(states)};
  }
  return tensors;
}

}  // namespace

Checkpoint read_content(const std::filesystem::path& path, std::uintmax_t content_bytes) {
  Input in{path, content_bytes};
  const Hdf5Lock lock;
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access.id(), false,
                      true);  // never changed in place; some file systems can't lock
  const Hdf5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id()), H5Fclose);
  if (!file) in.refuse("it is no HDF5 file");
  const std::set<std::string> expected{epoch_group, history_dataset, optimizer_group,
                                       parameters_group};
  if (links_of(in, file.id(), "the file") != expected)
    in.refuse("it does not hold just the four expected objects");
  std::int32_t found_version = 0;
  read_attribute(in, file.id(), version_attribute, H5T_STD_I32LE, found_version);
  if (found_version != version) in.refuse("its format version is " + std::to_string(found_version));
  Checkpoint checkpoint;
  read_attribute(in, file.id(), "step", H5T_STD_U64LE, checkpoint.step);
  read_attribute(in, file.id(), "seed", H5T_STD_U64LE, checkpoint.seed);
  read_attribute(in, file.id(), "store_version", H5T_STD_U64LE, checkpoint.store_version);
  read_attribute(in, file.id(), "wall_seconds", H5T_IEEE_F64LE, checkpoint.wall_seconds);
  read_attribute(in, file.id(), "training_digest", H5T_STD_U8LE, checkpoint.training_digest.bytes);
  checkpoint.epoch = read_epoch(in, file.id());
  checkpoint.history_json = read_text(in, file.id(), history_dataset);
  checkpoint.tensors = read_tensors(in, file.id());
  return checkpoint;
}

}  // namespace raven::checkpoint_format
