#include "raven/tensor/kernels/recurrent.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "raven/tensor/parallel.hpp"
#include "tensor/kernels/packed_product.hpp"
#include "tensor/simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/kernels/recurrent.cpp"
#include "hwy/foreach_target.h"
#include "tensor/kernels/cells-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

void TanhCell(std::size_t size, float* gates, float* y) { tanh_cell(size, gates, y); }
void LstmCell(std::size_t size, float* gates, const float* before, float* c, float* y) {
  lstm_cell(size, gates, before, c, y);
}
void GruCell(std::size_t size, float* gates, const float* before, const float* part, float* y) {
  gru_cell(size, gates, before, part, y);
}
void TanhCellBackward(std::size_t size, const float* gates, const float* dh, float* dz) {
  tanh_cell_backward(size, gates, dh, dz);
}
void LstmCellBackward(std::size_t size, const float* gates, const float* before, const float* c,
                      const float* dh, float* dc, float* dz) {
  lstm_cell_backward(size, gates, before, c, dh, dc, dz);
}
void GruCellBackward(std::size_t size, const float* gates, const float* before, const float* part,
                     float* dh, float* dz, float* dpart) {
  gru_cell_backward(size, gates, before, part, dh, dz, dpart);
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raven {
HWY_EXPORT(TanhCell);
HWY_EXPORT(LstmCell);
HWY_EXPORT(GruCell);
HWY_EXPORT(TanhCellBackward);
HWY_EXPORT(LstmCellBackward);
HWY_EXPORT(GruCellBackward);

namespace kernels {
namespace {

/// Where things of one sample at one position are.
struct Walk {
  const RecurrentShape& shape;
  const InitialState& initial;
  std::int64_t gates = gates_of(shape.cell) * shape.size;

  /// Position of step `s`, and of the step before it.
  [[nodiscard]] std::int64_t position(std::int64_t s) const {
    return shape.reverse ? shape.length - 1 - s : s;
  }
  [[nodiscard]] std::int64_t state(std::int64_t n, std::int64_t s) const {
    return (n * shape.length + position(s)) * shape.size;
  }
  [[nodiscard]] std::int64_t gate(std::int64_t n, std::int64_t s) const {
    return (n * shape.length + position(s)) * gates;
  }
  /// What stood before step `s`, of what is kept as states are; null for zeros.
  [[nodiscard]] const float* before(std::int64_t n, std::int64_t s, const float* first,
                                    const float* kept) const {
    if (s > 0) return kept + state(n, s - 1);
    return first == nullptr ? nullptr : first + n * shape.size;
  }
  /// The states of all samples before step `s`; none for zeros.
  [[nodiscard]] std::optional<ConstMatrix> states_before(std::int64_t s, const float* y) const {
    if (s > 0) return ConstMatrix{y + state(0, s - 1), state_stride()};
    if (initial.h == nullptr) return std::nullopt;
    return ConstMatrix{initial.h, shape.size};
  }
  /// A matrix of all samples at one step.
  [[nodiscard]] std::int64_t state_stride() const { return shape.length * shape.size; }
  [[nodiscard]] std::int64_t gate_stride() const { return shape.length * gates; }

  template <class Body>
  void for_samples(const Body& body) const {
    parallel_ranges(shape.batch, rows_grain(gates), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t n = first; n < last; ++n) body(n);
    });
  }
};

/// The weight of the state as forward takes it. gru's candidate has its own, for its product stays
/// apart; the others' are one.
struct StateWeights {
  SharedRight gates;
  SharedRight candidate;

  StateWeights(const RecurrentShape& shape, const float* weight)
      : gates(Transpose::yes, shape.size, columns(shape), {weight, shape.size}, shape.batch),
        candidate(Transpose::yes, shape.size, gates_of(shape.cell) * shape.size - columns(shape),
                  {weight + columns(shape) * shape.size, shape.size}, shape.batch) {}

 private:
  static std::int64_t columns(const RecurrentShape& shape) {
    return (shape.cell == Cell::gru ? 2 : gates_of(shape.cell)) * shape.size;
  }
};

/// gru: W h of r and z goes into the gates, that of n, with its bias, stays apart.
void add_state_gru(const Walk& walk, std::int64_t s, const StateWeights& weights, const float* bias,
                   float* gates, float* extras, const float* y) {
  const RecurrentShape& shape = walk.shape;
  float* part = extras + walk.state(0, s);
  walk.for_samples(
      [&](std::int64_t n) { std::copy_n(bias, shape.size, part + n * walk.state_stride()); });
  const std::optional<ConstMatrix> before = walk.states_before(s, y);
  if (!before) return;
  weights.gates.product(*before, {gates + walk.gate(0, s), walk.gate_stride()}, Accumulate::yes);
  weights.candidate.product(*before, {part, walk.state_stride()}, Accumulate::yes);
}

void add_state(const Walk& walk, std::int64_t s, const StateWeights& weights, float* gates,
               const float* y) {
  const std::optional<ConstMatrix> before = walk.states_before(s, y);
  if (!before) return;
  weights.gates.product(*before, {gates + walk.gate(0, s), walk.gate_stride()}, Accumulate::yes);
}

/// The state in front of each position, as rows beside those of dz: one product then serves all
/// steps.
void put_states_before(const Walk& walk, const float* y, float* before) {
  walk.for_samples([&](std::int64_t n) {
    if (walk.initial.h == nullptr) {
      std::fill_n(before + walk.state(n, 0), walk.shape.size, 0.0F);
    } else {
      std::copy_n(walk.initial.h + n * walk.shape.size, walk.shape.size, before + walk.state(n, 0));
    }
    for (std::int64_t s = 1; s < walk.shape.length; ++s) {
      std::copy_n(y + walk.state(n, s - 1), walk.shape.size, before + walk.state(n, s));
    }
  });
}

void sum_rows(std::int64_t rows, std::int64_t columns, const float* x, float* to, Accumulate mode) {
  if (mode == Accumulate::no) std::fill_n(to, columns, 0.0F);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) to[c] += x[r * columns + c];
  }
}

}  // namespace

void recurrent_forward(const RecurrentShape& shape, const InitialState& initial, const float* x,
                       const float* weight, const float* bias, float* gates, float* extras,
                       float* y) {
  const Walk walk{shape, initial};
  const std::size_t size = as_size(shape.size);
  const StateWeights weights(shape, weight);
  std::memcpy(gates, x, as_size(shape.batch * shape.length * walk.gates) * sizeof(float));
  for (std::int64_t s = 0; s < shape.length; ++s) {
    if (shape.cell == Cell::gru) {
      add_state_gru(walk, s, weights, bias, gates, extras, y);
    } else {
      add_state(walk, s, weights, gates, y);
    }
    walk.for_samples([&](std::int64_t n) {
      float* z = gates + walk.gate(n, s);
      float* now = y + walk.state(n, s);
      if (shape.cell == Cell::tanh) {
        HWY_DYNAMIC_DISPATCH(TanhCell)(size, z, now);
      } else if (shape.cell == Cell::lstm) {
        const float* before = walk.before(n, s, initial.c, extras);
        HWY_DYNAMIC_DISPATCH(LstmCell)(size, z, before, extras + walk.state(n, s), now);
      } else {
        const float* before = walk.before(n, s, initial.h, y);
        HWY_DYNAMIC_DISPATCH(GruCell)(size, z, before, extras + walk.state(n, s), now);
      }
    });
  }
}

void recurrent_backward(const RecurrentShape& shape, const InitialState& initial,
                        const float* weight, const float* gates, const float* extras,
                        const float* y, const float* dy, const RecurrentGradients& to) {
  const Walk walk{shape, initial};
  const std::size_t size = as_size(shape.size);
  const std::int64_t states = shape.batch * shape.size;
  const bool gru = shape.cell == Cell::gru;
  const Scratch dh_memory(as_size(states));
  const Scratch dc_memory(as_size(states));
  // gru: the gradient of W h + b of n is not that of x; the others' are one.
  const Scratch dpart_memory(gru ? as_size(states * shape.length) : 0);
  float* dh = dh_memory.data();
  float* dc = dc_memory.data();
  float* dpart = dpart_memory.data();
  std::fill_n(dh, states, 0.0F);
  std::fill_n(dc, states, 0.0F);
  const std::int64_t block = shape.size * shape.size;
  const std::int64_t joint = gru ? 2 * shape.size : walk.gates;
  const SharedRight to_state(Transpose::no, joint, shape.size, {weight, shape.size}, shape.batch);
  const SharedRight from_candidate(Transpose::no, walk.gates - joint, shape.size,
                                   {weight + (gru ? 2 * block : 0), shape.size}, shape.batch);
  for (std::int64_t s = shape.length - 1; s >= 0; --s) {
    walk.for_samples([&](std::int64_t n) {
      float* dhere = dh + n * shape.size;
      const float* told = dy + walk.state(n, s);
      for (std::size_t i = 0; i < size; ++i) dhere[i] += told[i];
      const float* z = gates + walk.gate(n, s);
      float* dz = to.dx + walk.gate(n, s);
      if (shape.cell == Cell::tanh) {
        HWY_DYNAMIC_DISPATCH(TanhCellBackward)(size, z, dhere, dz);
      } else if (shape.cell == Cell::lstm) {
        const float* before = walk.before(n, s, initial.c, extras);
        HWY_DYNAMIC_DISPATCH(LstmCellBackward)
        (size, z, before, extras + walk.state(n, s), dhere, dc + n * shape.size, dz);
      } else {
        const float* before = walk.before(n, s, initial.h, y);
        HWY_DYNAMIC_DISPATCH(GruCellBackward)
        (size, z, before, extras + walk.state(n, s), dhere, dz, dpart + walk.state(n, s));
      }
    });
    if (s == 0) break;
    to_state.product({to.dx + walk.gate(0, s), walk.gate_stride()}, {dh, shape.size},
                     gru ? Accumulate::yes : Accumulate::no);
    if (gru) {
      from_candidate.product({dpart + walk.state(0, s), walk.state_stride()}, {dh, shape.size},
                             Accumulate::yes);
    }
  }
  const std::int64_t rows = shape.batch * shape.length;
  if (to.dweight != nullptr) {
    const Scratch before(as_size(rows * shape.size));
    put_states_before(walk, y, before.data());
    gemm(Transpose::yes, Transpose::no, gru ? 2 * shape.size : walk.gates, shape.size, rows,
         {to.dx, walk.gates}, {before.data(), shape.size}, {to.dweight, shape.size},
         to.weight_mode);
    if (gru) {
      gemm(Transpose::yes, Transpose::no, shape.size, shape.size, rows, {dpart, shape.size},
           {before.data(), shape.size}, {to.dweight + 2 * block, shape.size}, to.weight_mode);
    }
  }
  if (to.dbias != nullptr) sum_rows(rows, shape.size, dpart, to.dbias, to.bias_mode);
}

}  // namespace kernels
}  // namespace raven
#endif
