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
using Int32s = hn::RebindToSigned<Floats>;
using Int32Vector = hn::Vec<Int32s>;

/// Whole vectors.
struct WholeVector {
  HWY_INLINE std::size_t lanes() const { return hn::Lanes(Floats()); }
  HWY_INLINE FloatVector load(const float* from) const { return hn::LoadU(Floats(), from); }
  HWY_INLINE void store(FloatVector value, float* to) const { hn::StoreU(value, Floats(), to); }
  HWY_INLINE Int32Vector load_words(const std::int32_t* from) const {
    return hn::LoadU(Int32s(), from);
  }
  HWY_INLINE void store_words(Int32Vector value, std::int32_t* to) const {
    hn::StoreU(value, Int32s(), to);
  }
  /// `value` with `other` in the lanes that are not there.
  HWY_INLINE FloatVector only_or(FloatVector value, FloatVector) const { return value; }
  HWY_INLINE FloatVector only(FloatVector value) const { return value; }
};

/// The first `count` lanes. By way of the stack, as masked loads may touch memory past the end on
/// some targets.
struct PartOfVector {
  std::size_t count;
  HWY_INLINE std::size_t lanes() const { return count; }
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
  HWY_INLINE Int32Vector load_words(const std::int32_t* from) const {
    HWY_ALIGN std::int32_t lanes[hn::MaxLanes(Int32s())] = {};
    std::memcpy(lanes, from, count * sizeof(std::int32_t));
    return hn::Load(Int32s(), lanes);
  }
  HWY_INLINE void store_words(Int32Vector value, std::int32_t* to) const {
    HWY_ALIGN std::int32_t lanes[hn::MaxLanes(Int32s())];
    hn::Store(value, Int32s(), lanes);
    std::memcpy(to, lanes, count * sizeof(std::int32_t));
  }
  HWY_INLINE FloatVector only_or(FloatVector value, FloatVector other) const {
    return hn::IfThenElse(hn::FirstN(Floats(), count), value, other);
  }
  HWY_INLINE FloatVector only(FloatVector value) const {
    return only_or(value, hn::Zero(Floats()));
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

/// Sums are carried in double: half of a vector of floats fills a vector of doubles.
#if HWY_TARGET == HWY_SCALAR
using Doubles = hn::Rebind<double, Floats>;
using DoubleVector = hn::Vec<Doubles>;
HWY_INLINE DoubleVector low_doubles(FloatVector v) { return hn::PromoteTo(Doubles(), v); }
HWY_INLINE DoubleVector high_doubles(FloatVector) { return hn::Zero(Doubles()); }
#else
using HalfFloats = hn::Half<Floats>;
using Doubles = hn::Rebind<double, HalfFloats>;
using DoubleVector = hn::Vec<Doubles>;
HWY_INLINE DoubleVector low_doubles(FloatVector v) {
  return hn::PromoteTo(Doubles(), hn::LowerHalf(HalfFloats(), v));
}
HWY_INLINE DoubleVector high_doubles(FloatVector v) {
  return hn::PromoteTo(Doubles(), hn::UpperHalf(HalfFloats(), v));
}
#endif

/// Adds the elements of `term(io, i)` over [0, count) in double. A partial vector's spare lanes
/// must give 0.
template <class Term>
HWY_INLINE double sum_of(std::size_t count, const Term& term) {
  DoubleVector low = hn::Zero(Doubles());
  DoubleVector high = hn::Zero(Doubles());
  for_vectors(count, [&](auto io, std::size_t i) HWY_ATTR {
    const FloatVector value = term(io, i);
    low = hn::Add(low, low_doubles(value));
    high = hn::Add(high, high_doubles(value));
  });
  return hn::GetLane(hn::SumOfLanes(Doubles(), hn::Add(low, high)));
}

/// to[j] += lane j, for the first `count` lanes.
HWY_INLINE void add_lanes(FloatVector value, std::size_t count, double* to) {
  HWY_ALIGN float lanes[hn::MaxLanes(Floats())];
  hn::Store(value, Floats(), lanes);
  for (std::size_t j = 0; j < count; ++j) to[j] += static_cast<double>(lanes[j]);
}

}  // namespace raven::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
