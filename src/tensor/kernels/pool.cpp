#include "raven/tensor/kernels/pool.hpp"

#include <algorithm>
#include <type_traits>

#include "raven/core/contract.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/pool.cpp"
#include "hwy/foreach_target.h"
#include "tensor/vector_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

using Indices = Int32s;

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

/// A window's maxima. `height` and `width` are constants where the window is whole and of a common
/// size: the loops over it unroll then, which halves the time.
template <bool indexed, class Height, class Width>
HWY_INLINE void max_of_window(const kernels::PoolShape& shape, const Window& window, Height height,
                              Width width, const float* image, float* y, std::int32_t* argmax) {
  const auto channels = as_size(shape.channels);
  const auto first = static_cast<std::int32_t>(window.top * shape.width + window.left);
  const float* corner = image + as_size(first) * channels;
  const std::size_t image_row = as_size(shape.width) * channels;
  for_vectors(channels, [&](auto io, std::size_t c) HWY_ATTR {
    V highest = splat(-std::numeric_limits<float>::infinity());
    auto winner = hn::Set(Indices(), first);
    for (int r = 0; r < height; ++r) {
      const float* pixel = corner + as_size(r) * image_row + c;
      for (int q = 0; q < width; ++q, pixel += channels) {
        const V value = io.load(pixel);
        // NaN wins and stays, as in PyTorch.
        const auto better = hn::Or(Gt(value, highest), hn::Not(Eq(value, value)));
        highest = IfThenElse(better, value, highest);
        if constexpr (indexed) {
          const auto place = first + static_cast<std::int32_t>(r * shape.width + q);
          winner = IfThenElse(hn::RebindMask(Indices(), better), hn::Set(Indices(), place), winner);
        }
      }
    }
    io.store(highest, y + c);
    if constexpr (indexed) io.store_words(winner, argmax + c);
  });
}

template <int size>
using Constant = std::integral_constant<int, size>;

template <bool indexed>
void max_pool_image(const kernels::PoolShape& shape, const float* image, float* y,
                    std::int32_t* argmax) {
  for (std::int64_t row = 0; row < shape.out_height(); ++row) {
    for (std::int64_t column = 0; column < shape.out_width(); ++column, y += shape.channels) {
      const Window window(shape, row, column);
      const auto height = static_cast<int>(window.bottom - window.top);
      const auto width = static_cast<int>(window.right - window.left);
      if (height == 2 && width == 2) {
        max_of_window<indexed>(shape, window, Constant<2>(), Constant<2>(), image, y, argmax);
      } else if (height == 3 && width == 3) {
        max_of_window<indexed>(shape, window, Constant<3>(), Constant<3>(), image, y, argmax);
      } else {
        max_of_window<indexed>(shape, window, height, width, image, y, argmax);
      }
      if constexpr (indexed) argmax += shape.channels;
    }
  }
}

void MaxPoolImage(const kernels::PoolShape& shape, const float* image, float* y,
                  std::int32_t* argmax) {
  if (argmax == nullptr) {
    max_pool_image<false>(shape, image, y, nullptr);
  } else {
    max_pool_image<true>(shape, image, y, argmax);
  }
}

/// For windows that tile the image: every pixel is in one window and is written once, without
/// clearing first.
template <bool accumulate>
void spread_tiles(const kernels::PoolShape& shape, const std::int32_t* argmax, const float* dy,
                  float* image) {
  const auto channels = as_size(shape.channels);
  for (std::int64_t row = 0; row < shape.height; row += shape.kernel_height) {
    for (std::int64_t column = 0; column < shape.width; column += shape.kernel_width) {
      for (std::int64_t r = row; r < row + shape.kernel_height; ++r) {
        for (std::int64_t q = column; q < column + shape.kernel_width; ++q) {
          const auto pixel = hn::Set(Indices(), static_cast<std::int32_t>(r * shape.width + q));
          float* to = image + as_size(r * shape.width + q) * channels;
          for_vectors(channels, [=](auto io, std::size_t c) HWY_ATTR {
            const auto won = hn::RebindMask(Floats(), Eq(io.load_words(argmax + c), pixel));
            const V gradient = IfThenElseZero(won, io.load(dy + c));
            io.store(accumulate ? Add(gradient, io.load(to + c)) : gradient, to + c);
          });
        }
      }
      argmax += channels;
      dy += channels;
    }
  }
}

void SpreadTiles(const kernels::PoolShape& shape, const std::int32_t* argmax, const float* dy,
                 float* image, kernels::Accumulate accumulate) {
  if (accumulate == kernels::Accumulate::yes) {
    spread_tiles<true>(shape, argmax, dy, image);
  } else {
    spread_tiles<false>(shape, argmax, dy, image);
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
HWY_EXPORT(SpreadTiles);
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
  const bool tiles =
      shape.padding_height == 0 && shape.padding_width == 0 &&
      shape.stride_height == shape.kernel_height && shape.stride_width == shape.kernel_width &&
      shape.height % shape.kernel_height == 0 && shape.width % shape.kernel_width == 0;
  each_image(shape, [&](std::int64_t n) {
    float* image = dx + n * image_size(shape);
    if (tiles) {
      HWY_DYNAMIC_DISPATCH(SpreadTiles)
      (shape, argmax + n * pooled_size(shape), dy + n * pooled_size(shape), image, accumulate);
      return;
    }
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
