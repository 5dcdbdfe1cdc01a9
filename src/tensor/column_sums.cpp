#include "tensor/column_sums.hpp"

#include <algorithm>
#include <array>

#include "raven/core/contract.hpp"
#include "raven/tensor/parallel.hpp"
#include "tensor/simd.hpp"

namespace raven {

void column_sums(std::int64_t rows, std::int64_t columns, int results,
                 FunctionRef<void(const MatrixBlock& block, double* sums, std::int64_t stride)> add,
                 FunctionRef<void(std::int64_t column, const double* sums)> put) {
  constexpr std::int64_t widest = 512;
  constexpr int most_results = 4;
  expects(results <= most_results, "a few sums at once");
  if (columns == 0) return;
  const std::int64_t width = std::min(columns, widest);
  const std::int64_t across = (columns + width - 1) / width;
  const std::int64_t height = std::max<std::int64_t>(64, elementwise_grain / width);
  const std::int64_t down = std::max<std::int64_t>(1, (rows + height - 1) / height);
  const std::int64_t sums_per_band = columns * results;
  const Scratch scratch(as_size(down * sums_per_band) * sizeof(double) / sizeof(float));
  auto* const partial = reinterpret_cast<double*>(scratch.data());

  parallel_for(down * across, [&](std::int64_t index) {
    const std::int64_t band = index / across;
    const std::int64_t column = index % across * width;
    const MatrixBlock block{band * height, column, std::min(height, rows - band * height),
                            std::min(width, columns - column)};
    double* sums = partial + band * sums_per_band + column;
    for (int result = 0; result < results; ++result) {
      std::fill_n(sums + result * columns, block.columns, 0.0);
    }
    add(block, sums, columns);
  });

  for (std::int64_t column = 0; column < columns; ++column) {
    std::array<double, most_results> totals{};
    for (std::int64_t band = 0; band < down; ++band) {
      const double* sums = partial + band * sums_per_band + column;
      for (int result = 0; result < results; ++result) {
        totals[as_size(result)] += sums[result * columns];
      }
    }
    put(column, totals.data());
  }
}

}  // namespace raven
