#pragma once

#include <cstring>

#include "raven/graph/op_def.hpp"
#include "raven/tensor/kernels/elementwise.hpp"
#include "raven/tensor/parallel.hpp"

namespace raven {

[[nodiscard]] inline kernels::Accumulate accumulate(const GradientSink& sink) {
  return sink.adds() ? kernels::Accumulate::yes : kernels::Accumulate::no;
}

/// Where the sink's floats go; null when nobody wants them.
[[nodiscard]] inline float* target(const GradientSink& sink) {
  return sink.wanted() ? sink.to.f32() : nullptr;
}

/// Runs `make(float* to)` so that its result ends up in the sink, for kernels that can only assign:
/// straight into it, or over `spare`, which is as large, and added from there.
template <class Make>
void assign_or_add(const GradientSink& sink, float* spare, Make make) {
  if (!sink.wanted()) return;
  if (!sink.adds()) {
    make(sink.to.f32());
    return;
  }
  make(spare);
  kernels::add_into(sink.to.count(), spare, sink.to.f32());
}

/// The same with scratch memory, for want of anything spare.
template <class Make>
void assign_or_add(const GradientSink& sink, Make make) {
  if (!sink.adds()) {
    assign_or_add(sink, nullptr, make);
    return;
  }
  const Scratch spare(static_cast<std::size_t>(sink.to.count()));
  assign_or_add(sink, spare.data(), make);
}

/// The gradient itself goes on: copied unless it lies there already, or added.
inline void pass_on(const GradientSink& sink, const View& gradient) {
  if (!sink.wanted()) return;
  if (sink.adds()) {
    kernels::add_into(sink.to.count(), gradient.f32(), sink.to.f32());
  } else if (sink.to.data != gradient.data) {
    std::memcpy(sink.to.data, gradient.data, gradient.type.bytes());
  }
}

/// For kernels that treat two sinks alike: where only one adds, the other is cleared and then adds,
/// too.
[[nodiscard]] inline kernels::Accumulate same_mode(const GradientSink& a, const GradientSink& b) {
  if (!a.adds() && !b.adds()) return kernels::Accumulate::no;
  for (const GradientSink* sink : {&a, &b}) {
    if (sink->wanted() && !sink->adds()) std::memset(sink->to.data, 0, sink->to.type.bytes());
  }
  return kernels::Accumulate::yes;
}

}  // namespace raven
