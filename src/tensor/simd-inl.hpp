// Included once for each SIMD target: Highway toggles this guard.
#if defined(RAVEN_TENSOR_SIMD_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef RAVEN_TENSOR_SIMD_INL_HPP
#undef RAVEN_TENSOR_SIMD_INL_HPP
#else
#define RAVEN_TENSOR_SIMD_INL_HPP
#endif

#include <cstring>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace raven::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;

/// Whole vectors.
struct WholeVector {
  HWY_INLINE FloatVector load(const float* from) const { return hn::LoadU(Floats(), from); }
  HWY_INLINE void store(FloatVector value, float* to) const { hn::StoreU(value, Floats(), to); }
};

/// The first `count` lanes. By way of the stack, as masked loads may touch memory past the end on
/// some targets.
struct PartOfVector {
  std::size_t count;
  HWY_INLINE FloatVector load(const float* from) const {
    HWY_ALIGN float lanes[hn::MaxLanes(Floats())] = {};
    std::memcpy(lanes, from, count * sizeof(float));
    return hn::Load(Floats(), lanes);
  }
  HWY_INLINE void store(FloatVector value, float* to) const {
    HWY_ALIGN float lanes[hn::MaxLanes(Floats())];
    hn::Store(value, Floats(), lanes);
    std::memcpy(to, lanes, count * sizeof(float));
  }
};

/// Calls body(io, i) for every vector of [0, count); the same arithmetic serves the last, partial
/// one, so an element's bits do not depend on its place.
template <class Body>
HWY_INLINE void for_vectors(std::size_t count, const Body& body) {
  const std::size_t lanes = hn::Lanes(Floats());
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) body(WholeVector(), i);
  if (i < count) body(PartOfVector{count - i}, i);
}

HWY_INLINE FloatVector splat(float value) { return hn::Set(Floats(), value); }

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
