#include "raven/tensor/kernels/linear.hpp"

#include "tensor/kernels/epilogue.hpp"
#include "tensor/kernels/gemm_tiles.hpp"

namespace raven::kernels {

void linear_forward(const LinearShape& shape, const float* x, const float* weight,
                    const float* bias, const Activation& f, float* y, float* slopes) {
  gemm_tiles(Transpose::no, Transpose::yes, shape.rows, shape.out, shape.in, {x, shape.in},
             {weight, shape.in}, {y, shape.out}, Accumulate::no, [&](const Tile& tile) {
               const std::int64_t at = tile.row * shape.out + tile.column;
               finish_tile(f, tile.rows, tile.columns,
                           bias == nullptr ? nullptr : bias + tile.column, {y + at, shape.out},
                           slopes == nullptr ? nullptr : slopes + at);
             });
}

void linear_backward_input(const LinearShape& shape, const float* dz, const float* weight,
                           float* dx, Accumulate accumulate) {
  gemm(Transpose::no, Transpose::no, shape.rows, shape.in, shape.out, dz, weight, dx, accumulate);
}

void linear_backward_weight(const LinearShape& shape, const float* dz, const float* x,
                            float* weight_gradient, Accumulate accumulate) {
  gemm(Transpose::yes, Transpose::no, shape.out, shape.in, shape.rows, dz, x, weight_gradient,
       accumulate);
}

}  // namespace raven::kernels
