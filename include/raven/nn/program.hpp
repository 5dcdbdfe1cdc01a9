#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "raven/graph/op_def.hpp"
#include "raven/nn/builder.hpp"
#include "raven/nn/sample.hpp"

namespace raven {

/// A model written in C++: builds the graph of one sample, with ordinary loops, recursion and
/// branches. Immutable once made.
class Program {
 public:
  virtual ~Program() = default;
  /// @throws InputError when the sample is not what the model is for
  virtual void record(const Sample& sample) const = 0;
};

/// A row that a job finds by `model: {program: NAME}`.
struct ProgramDef {
  std::string_view name;
  /// Declares its parameters. @throws InputError when the data is not what it is for
  std::unique_ptr<Program> (*make)(Builder& build);
  /// Ops of its own beside raven's.
  OpRows ops = {};
};

/// The row of a model that is any type M with M(Builder&) and void operator()(const Sample&) const.
template <class M>
[[nodiscard]] constexpr ProgramDef program_of(std::string_view name, OpRows ops = {}) {
  class Wrapped final : public Program {
   public:
    explicit Wrapped(Builder& build) : model_(build) {}
    void record(const Sample& sample) const override { model_(sample); }

   private:
    M model_;
  };
  return {.name = name,
          .make = [](Builder& build) -> std::unique_ptr<Program> {
            return std::make_unique<Wrapped>(build);
          },
          .ops = ops};
}

}  // namespace raven
