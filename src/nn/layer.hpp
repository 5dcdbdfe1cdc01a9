#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "raven/nn/module.hpp"

namespace raven {

/// A module made of one function (store, input) -> output that records; what it captures is the
/// layer's settings.
template <class Record>
class RecordModule final : public Module {
 public:
  explicit RecordModule(Record record) : record_(std::move(record)) {}
  [[nodiscard]] Variable forward(const ParameterStore& store, Variable input) const override {
    return record_(store, input);
  }

 private:
  Record record_;
};

template <class Record>
[[nodiscard]] std::unique_ptr<Module> module_of(Record record) {
  return std::make_unique<RecordModule<Record>>(std::move(record));
}

/// What a layer gives for one row, or for a sample of one row: it is run once on a tape that is
/// thrown away. @throws InputError when its input does not fit
[[nodiscard]] ValueType output_type(const Module& module, const ModuleContext& context);

/// "[28, 28, 1]": the shape of one sample, as the user knows it.
[[nodiscard]] inline std::string sample_shape(const ValueType& batch) {
  return to_string(batch.shape.without_first());
}

/// @throws InputError when the input holds whole numbers (classes, words)
inline void need_numbers(const ModuleContext& context, std::string_view layer) {
  if (context.input.dtype == DType::f32) return;
  throw InputError(std::string(layer) +
                       " computes with real numbers, but its input is whole numbers, " +
                       sample_shape(context.input) + " per sample",
                   "put an embedding layer in front");
}

/// @throws InputError unless the input is a batch of channels-last images
inline void need_images(const ModuleContext& context, std::string_view layer) {
  need_numbers(context, layer);
  if (context.input.shape.rank() == 4) return;
  throw InputError(std::string(layer) +
                       " needs images [height, width, channels], but its input is " +
                       sample_shape(context.input) + " per sample",
                   "put a reshape layer in front, such as reshape: {shape: [28, 28, 1]}");
}

/// One number, which serves both, or [height, width]. @throws InputError for any other count
[[nodiscard]] inline std::array<std::int64_t, 2> height_and_width(const Options& options,
                                                                  std::string_view name) {
  const auto& given = options.integers(name);
  if (given.size() == 1) return {given[0], given[0]};
  if (given.size() == 2) return {given[0], given[1]};
  throw InputError(std::string(name) + " has " + std::to_string(given.size()) + " numbers",
                   "give one number, or two as [height, width]");
}

}  // namespace raven
