// Included once for each SIMD target: Highway toggles this guard.
#if defined(RAVEN_TENSOR_KERNELS_CELLS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef RAVEN_TENSOR_KERNELS_CELLS_INL_HPP
#undef RAVEN_TENSOR_KERNELS_CELLS_INL_HPP
#else
#define RAVEN_TENSOR_KERNELS_CELLS_INL_HPP
#endif

#include "tensor/vector_math-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {

HWY_INLINE V tanh_of(V x) { return keep_nan(x, hn::Tanh(Floats(), x)); }
/// y (1 - y) and 1 - y^2: slopes from values.
HWY_INLINE V sigmoid_slope(V y) { return Mul(y, Sub(one(), y)); }
HWY_INLINE V tanh_slope(V y) { return NegMulAdd(y, y, one()); }

// One position of one sample. `before` is null at the first position, where the state is 0.

HWY_INLINE void tanh_cell(std::size_t size, float* gates, float* y) {
  for_vectors(size, [=](auto io, std::size_t i) HWY_ATTR {
    const V value = tanh_of(io.load(gates + i));
    io.store(value, gates + i);
    io.store(value, y + i);
  });
}

HWY_INLINE void lstm_cell(std::size_t size, float* gates, const float* before, float* c, float* y) {
  for_vectors(size, [=](auto io, std::size_t i) HWY_ATTR {
    const V in = sigmoid(io.load(gates + i));
    const V forget = sigmoid(io.load(gates + size + i));
    const V fresh = tanh_of(io.load(gates + 2 * size + i));
    const V out = sigmoid(io.load(gates + 3 * size + i));
    const V old = before == nullptr ? zero() : io.load(before + i);
    const V now = MulAdd(forget, old, Mul(in, fresh));
    io.store(in, gates + i);
    io.store(forget, gates + size + i);
    io.store(fresh, gates + 2 * size + i);
    io.store(out, gates + 3 * size + i);
    io.store(now, c + i);
    io.store(Mul(out, tanh_of(now)), y + i);
  });
}

/// @param part in: W h + b of the candidate
HWY_INLINE void gru_cell(std::size_t size, float* gates, const float* before, const float* part,
                         float* y) {
  for_vectors(size, [=](auto io, std::size_t i) HWY_ATTR {
    const V reset = sigmoid(io.load(gates + i));
    const V keep = sigmoid(io.load(gates + size + i));
    const V fresh = tanh_of(MulAdd(reset, io.load(part + i), io.load(gates + 2 * size + i)));
    const V old = before == nullptr ? zero() : io.load(before + i);
    io.store(reset, gates + i);
    io.store(keep, gates + size + i);
    io.store(fresh, gates + 2 * size + i);
    io.store(MulAdd(keep, Sub(old, fresh), fresh), y + i);
  });
}

HWY_INLINE void tanh_cell_backward(std::size_t size, const float* gates, const float* dh,
                                   float* dz) {
  for_vectors(size, [=](auto io, std::size_t i) HWY_ATTR {
    io.store(Mul(io.load(dh + i), tanh_slope(io.load(gates + i))), dz + i);
  });
}

/// @param dc in: gradient of c from later positions; out: of the c before
HWY_INLINE void lstm_cell_backward(std::size_t size, const float* gates, const float* before,
                                   const float* c, const float* dh, float* dc, float* dz) {
  for_vectors(size, [=](auto io, std::size_t i) HWY_ATTR {
    const V in = io.load(gates + i);
    const V forget = io.load(gates + size + i);
    const V fresh = io.load(gates + 2 * size + i);
    const V out = io.load(gates + 3 * size + i);
    const V old = before == nullptr ? zero() : io.load(before + i);
    const V shown = tanh_of(io.load(c + i));
    const V dy = io.load(dh + i);
    const V dnow = MulAdd(Mul(dy, out), tanh_slope(shown), io.load(dc + i));
    io.store(Mul(Mul(dnow, fresh), sigmoid_slope(in)), dz + i);
    io.store(Mul(Mul(dnow, old), sigmoid_slope(forget)), dz + size + i);
    io.store(Mul(Mul(dnow, in), tanh_slope(fresh)), dz + 2 * size + i);
    io.store(Mul(Mul(dy, shown), sigmoid_slope(out)), dz + 3 * size + i);
    io.store(Mul(dnow, forget), dc + i);
  });
}

/// @param part W h + b of the candidate   @param dpart its gradient
/// @param dh in: gradient of y; out: what goes straight to the state before
HWY_INLINE void gru_cell_backward(std::size_t size, const float* gates, const float* before,
                                  const float* part, float* dh, float* dz, float* dpart) {
  for_vectors(size, [=](auto io, std::size_t i) HWY_ATTR {
    const V reset = io.load(gates + i);
    const V keep = io.load(gates + size + i);
    const V fresh = io.load(gates + 2 * size + i);
    const V old = before == nullptr ? zero() : io.load(before + i);
    const V dy = io.load(dh + i);
    const V dfresh = Mul(Mul(dy, Sub(one(), keep)), tanh_slope(fresh));
    io.store(Mul(Mul(dfresh, io.load(part + i)), sigmoid_slope(reset)), dz + i);
    io.store(Mul(Mul(dy, Sub(old, fresh)), sigmoid_slope(keep)), dz + size + i);
    io.store(dfresh, dz + 2 * size + i);
    io.store(Mul(dfresh, reset), dpart + i);
    io.store(Mul(dy, keep), dh + i);
  });
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
