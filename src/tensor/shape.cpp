#include "raven/tensor/shape.hpp"

namespace raven {

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const std::int64_t dim : shape.dims()) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(dim);
  }
  return text + "]";
}

}  // namespace raven
