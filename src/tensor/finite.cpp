#include "raven/tensor/finite.hpp"

#include "raven/tensor/kernels/reduce.hpp"

namespace raven {

bool is_finite(const Tensor& tensor) {
  return tensor.type().dtype != DType::f32 ||
         kernels::all_finite(tensor.count(), tensor.values().data());
}

}  // namespace raven
