#include "raven/tensor/kernels/pool.hpp"

#include <algorithm>

#include "raven/core/contract.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/pool.cpp"
#include "hwy/foreach_target.h"
#include "tensor/vector_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

using Indices = hn::RebindToSigned<Floats>;

/// The pixels of an image under one window, without padding.
struct Window {
  std::int64_t top;
  std::int64_t bottom;
  std::int64_t left;
  std::int64_t right;

  Window(const kernels::PoolShape& shape, std::int64_t row, std::int64_t column) {
    const std::int64_t first_row = row * shape.stride_height - shape.padding_height;
    const std::int64_t first_column = column * shape.stride_width - shape.padding_width;
    top = std::max<std::int64_t>(0, first_row);
    bottom = std::min(shape.height, first_row + shape.kernel_height);
    left = std::max<std::int64_t>(0, first_column);
    right = std::min(shape.width, first_column + shape.kernel_width);
  }
};

template <bool indexed>
HWY_INLINE void max_of_window(const kernels::PoolShape& shape, const Window& window,
                              const float* image, float* y, std::int32_t* argmax) {
  const auto channels = as_size(shape.channels);
  for_vectors(channels, [&](auto io, std::size_t c) HWY_ATTR {
    V highest = splat(-std::numeric_limits<float>::infinity());
    auto winner =
        hn::Set(Indices(), static_cast<std::int32_t>(window.top * shape.width + window.left));
    for (std::int64_t row = window.top; row < window.bottom; ++row) {
      for (std::int64_t column = window.left; column < window.right; ++column) {
        const std::int64_t pixel = row * shape.width + column;
        const V value = io.load(image + as_size(pixel) * channels + c);
        // "Not at most" instead of "greater": NaN wins, as in PyTorch.
        const auto better = hn::Not(Le(value, highest));
        highest = IfThenElse(better, value, highest);
        if constexpr (indexed) {
          winner = IfThenElse(hn::RebindMask(Indices(), better),
                              hn::Set(Indices(), static_cast<std::int32_t>(pixel)), winner);
        }
      }
    }
    io.store(highest, y + c);
    if constexpr (indexed) {
      HWY_ALIGN std::int32_t lanes[hn::MaxLanes(Indices())];
      hn::Store(winner, Indices(), lanes);
      std::memcpy(argmax + c, lanes, io.lanes() * sizeof(std::int32_t));
    }
  });
}

void MaxPoolImage(const kernels::PoolShape& shape, const float* image, float* y,
                  std::int32_t* argmax) {
  for (std::int64_t row = 0; row < shape.out_height(); ++row) {
    for (std::int64_t column = 0; column < shape.out_width(); ++column) {
      const Window window(shape, row, column);
      if (argmax == nullptr) {
        max_of_window<false>(shape, window, image, y, nullptr);
      } else {
        max_of_window<true>(shape, window, image, y, argmax);
        argmax += shape.channels;
      }
      y += shape.channels;
    }
  }
}

void AvgPoolImage(const kernels::PoolShape& shape, const float* image, float* y) {
  const auto channels = as_size(shape.channels);
  const V share = splat(1.0F / static_cast<float>(shape.kernel_height * shape.kernel_width));
  for (std::int64_t row = 0; row < shape.out_height(); ++row) {
    for (std::int64_t column = 0; column < shape.out_width(); ++column, y += channels) {
      const Window window(shape, row, column);
      for_vectors(channels, [&](auto io, std::size_t c) HWY_ATTR {
        V total = zero();
        for (std::int64_t r = window.top; r < window.bottom; ++r) {
          for (std::int64_t s = window.left; s < window.right; ++s) {
            total = Add(total, io.load(image + as_size(r * shape.width + s) * channels + c));
          }
        }
        io.store(Mul(total, share), y + c);
      });
    }
  }
}

void AvgPoolBackwardImage(const kernels::PoolShape& shape, const float* dy, float* image) {
  const auto channels = as_size(shape.channels);
  const V share = splat(1.0F / static_cast<float>(shape.kernel_height * shape.kernel_width));
  for (std::int64_t row = 0; row < shape.out_height(); ++row) {
    for (std::int64_t column = 0; column < shape.out_width(); ++column, dy += channels) {
      const Window window(shape, row, column);
      for (std::int64_t r = window.top; r < window.bottom; ++r) {
        for (std::int64_t s = window.left; s < window.right; ++s) {
          float* pixel = image + as_size(r * shape.width + s) * channels;
          for_vectors(channels, [=](auto io, std::size_t c) HWY_ATTR {
            io.store(MulAdd(io.load(dy + c), share, io.load(pixel + c)), pixel + c);
          });
        }
      }
    }
  }
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(MaxPoolImage);
HWY_EXPORT(AvgPoolImage);
HWY_EXPORT(AvgPoolBackwardImage);

namespace kernels {
namespace {

std::int64_t image_size(const PoolShape& shape) {
  return shape.height * shape.width * shape.channels;
}
std::int64_t pooled_size(const PoolShape& shape) {
  return shape.out_height() * shape.out_width() * shape.channels;
}

template <class Image>
void each_image(const PoolShape& shape, const Image& run) {
  expects(2 * shape.padding_height <= shape.kernel_height &&
              2 * shape.padding_width <= shape.kernel_width,
          "padding is at most half the window");
  parallel_ranges(shape.batch, rows_grain(image_size(shape)),
                  [&](std::int64_t first, std::int64_t last) {
                    for (std::int64_t n = first; n < last; ++n) run(n);
                  });
}

}  // namespace

void max_pool2d_forward(const PoolShape& shape, const float* x, float* y, std::int32_t* argmax) {
  each_image(shape, [&](std::int64_t n) {
    HWY_DYNAMIC_DISPATCH(MaxPoolImage)
    (shape, x + n * image_size(shape), y + n * pooled_size(shape),
     argmax == nullptr ? nullptr : argmax + n * pooled_size(shape));
  });
}

void max_pool2d_backward(const PoolShape& shape, const std::int32_t* argmax, const float* dy,
                         float* dx, Accumulate accumulate) {
  each_image(shape, [&](std::int64_t n) {
    float* image = dx + n * image_size(shape);
    if (accumulate == Accumulate::no) std::fill_n(image, image_size(shape), 0.0F);
    const std::int64_t first = n * pooled_size(shape);
    const std::int64_t last = first + pooled_size(shape);
    for (std::int64_t i = first; i < last; i += shape.channels) {
      for (std::int64_t c = 0; c < shape.channels; ++c) {
        image[argmax[i + c] * shape.channels + c] += dy[i + c];
      }
    }
  });
}

void avg_pool2d_forward(const PoolShape& shape, const float* x, float* y) {
  each_image(shape, [&](std::int64_t n) {
    HWY_DYNAMIC_DISPATCH(AvgPoolImage)
    (shape, x + n * image_size(shape), y + n * pooled_size(shape));
  });
}

void avg_pool2d_backward(const PoolShape& shape, const float* dy, float* dx,
                         Accumulate accumulate) {
  each_image(shape, [&](std::int64_t n) {
    float* image = dx + n * image_size(shape);
    if (accumulate == Accumulate::no) std::fill_n(image, image_size(shape), 0.0F);
    HWY_DYNAMIC_DISPATCH(AvgPoolBackwardImage)(shape, dy + n * pooled_size(shape), image);
  });
}

}  // namespace kernels
}  // namespace raven
#endif
