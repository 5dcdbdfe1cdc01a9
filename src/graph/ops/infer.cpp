#include "infer.hpp"

namespace raven {

void CallCheck::reject(const std::string& problem, const std::string& remedy) const {
  throw InputError(std::string(op_) + ": " + problem, remedy);
}

void CallCheck::inputs(std::size_t least, std::size_t most) const {
  if (inputs_.size() >= least && inputs_.size() <= most) return;
  std::string wanted = std::to_string(least);
  if (most > least) wanted += " to " + std::to_string(most);
  reject("there are " + std::to_string(inputs_.size()) + " inputs, but it takes " + wanted,
         "give it that many");
}

const ValueType& CallCheck::input(std::size_t input, std::string_view name) const {
  if (input >= inputs_.size()) reject("the " + std::string(name) + " is missing", "give it");
  return inputs_[input];
}

const Shape& CallCheck::f32(std::size_t number, std::string_view name) const {
  const ValueType& type = input(number, name);
  if (type.dtype != DType::f32) {
    reject("the " + std::string(name) + " holds whole numbers (i32) where real ones are needed",
           "convert it with to_f32(), or look it up in an embedding");
  }
  return type.shape;
}

const Shape& CallCheck::i32(std::size_t number, std::string_view name) const {
  const ValueType& type = input(number, name);
  if (type.dtype != DType::i32) {
    reject("the " + std::string(name) + " holds real numbers (f32) where whole ones are needed",
           "use data with class numbers or indices");
  }
  return type.shape;
}

const Shape& CallCheck::f32(std::size_t number, std::string_view name, std::size_t rank) const {
  const Shape& found = f32(number, name);
  if (found.rank() != rank) {
    reject("the " + std::string(name) + " is " + to_string(found) + ", but must have " +
               std::to_string(rank) + (rank == 1 ? " dimension" : " dimensions"),
           "reshape it");
  }
  return found;
}

const Shape& CallCheck::f32_at_least(std::size_t number, std::string_view name,
                                     std::size_t rank) const {
  static_cast<void>(f32(number, name));
  return any_at_least(number, name, rank);
}

const Shape& CallCheck::any_at_least(std::size_t number, std::string_view name,
                                     std::size_t rank) const {
  const Shape& found = input(number, name).shape;
  if (found.rank() < rank) {
    reject("the " + std::string(name) + " is " + to_string(found) + ", but must have at least " +
               std::to_string(rank) + (rank == 1 ? " dimension" : " dimensions"),
           "reshape it");
  }
  return found;
}

void CallCheck::f32_like(std::size_t number, std::string_view name, const Shape& wanted) const {
  const Shape& found = f32(number, name);
  if (found == wanted) return;
  reject(
      "the " + std::string(name) + " is " + to_string(found) + ", but must be " + to_string(wanted),
      "make it fit the input");
}

void CallCheck::lengths(std::size_t number, std::int64_t rows) const {
  const Shape& found = i32(number, "lengths");
  if (found.rank() == 1 && found[0] <= rows && rows <= std::numeric_limits<std::int32_t>::max()) {
    return;
  }
  reject("the lengths are " + to_string(found) + ", of " + std::to_string(rows) + " rows",
         "give a list of one number for each sample, each at least 1");
}

template <class T>
const T& CallCheck::attribute(std::string_view key, const char* kind) const {
  const Attributes::Value* value = attributes_.find(key);
  const T* typed = value ? std::get_if<T>(value) : nullptr;
  if (!typed) {
    reject("the attribute '" + std::string(key) + "' is not " + kind, "record the call anew");
  }
  return *typed;
}

std::int64_t CallCheck::integer(std::string_view key, std::int64_t min, std::int64_t max) const {
  const auto value = attribute<std::int64_t>(key, "a whole number");
  if (value < min || value > max) {
    reject(std::string(key) + " is " + std::to_string(value) + ", but must be from " +
               std::to_string(min) + " to " + std::to_string(max),
           "choose it in that range");
  }
  return value;
}

double CallCheck::real(std::string_view key, double min, double max) const {
  const auto value = attribute<double>(key, "a real number");
  if (!(value >= min && value <= max)) {
    reject(std::string(key) + " is " + std::to_string(value) + ", which is out of range",
           "choose it from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

const std::string& CallCheck::text(std::string_view key) const {
  return attribute<std::string>(key, "a word");
}

std::array<std::int64_t, 2> CallCheck::pair(std::string_view key, std::int64_t min,
                                            std::int64_t max) const {
  const auto& list = integers(key);
  if (list.size() != 2) reject(std::string(key) + " is not a pair", "give two numbers");
  for (const std::int64_t value : list) {
    if (value < min || value > max) {
      reject(std::string(key) + " is " + std::to_string(value) + ", but must be at least " +
                 std::to_string(min),
             "choose it from " + std::to_string(min) + " to " + std::to_string(max));
    }
  }
  return {list[0], list[1]};
}

const std::vector<std::int64_t>& CallCheck::integers(std::string_view key) const {
  return attribute<std::vector<std::int64_t>>(key, "a list of whole numbers");
}

const std::vector<double>& CallCheck::reals(std::string_view key) const {
  return attribute<std::vector<double>>(key, "a list of real numbers");
}

Shape CallCheck::shape(std::span<const std::int64_t> dims) const {
  if (dims.size() > Shape::max_rank) reject("a value has more than six dimensions", "reshape it");
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 1 || dim > max_count / count) {
      reject("a dimension of " + std::to_string(dim) + " makes a value of impossible size",
             "make its sizes positive, and smaller");
    }
    count *= dim;
  }
  return Shape(dims);
}

void check_sequence_lengths(std::string_view op, ConstView lengths, std::int64_t tokens) {
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < lengths.count(); ++i) {
    if (lengths.i32()[i] < 0) {
      throw InputError(
          std::string(op) + ": a sequence has a length of " + std::to_string(lengths.i32()[i]),
          "give how many tokens each sequence has");
    }
    total += lengths.i32()[i];
  }
  if (total != tokens) {
    throw InputError(std::string(op) + ": the lengths make " + std::to_string(total) +
                         " tokens, but there are " + std::to_string(tokens),
                     "give how many tokens each sequence has");
  }
}

}  // namespace raven
