#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "raven/nn/module.hpp"
#include "raven/tensor/kernels/activation.hpp"

namespace raven {

class Layer;

/// What a layer of a program is given.
struct LayerInput {
  /// Rows like those of the features. The first dimension counts nothing.
  LayerInput(const ValueType& rows_of) : type(rows_of) {}  // NOLINT(google-explicit-constructor)
  /// What another layer gives.
  LayerInput(const Layer& below);  // NOLINT(google-explicit-constructor)
  /// @param what a row is: Ragged::no where the model made one row of a sentence or a tree
  LayerInput(const ValueType& rows_of, Ragged what) : type(rows_of), rows(what) {}

  ValueType type;
  std::optional<Ragged> rows = {};
};

/// A layer as jobs name them, to be a member of a model. Its parameters are those of the model, so
/// it records on tapes of samples of that model only.
class Layer {
 public:
  /// @throws InputError when x does not fit, or its tape is bound to no parameters
  [[nodiscard]] Variable operator()(Variable x) const;
  /// Type of what comes out for one row, and what a row of it is.
  [[nodiscard]] const ValueType& output() const { return output_; }
  [[nodiscard]] Ragged rows() const { return rows_; }

 private:
  friend class Builder;
  Layer(std::string name, std::shared_ptr<const Module> module, ValueType output, Ragged rows)
      : name_(std::move(name)),
        module_(std::move(module)),
        output_(std::move(output)),
        rows_(rows) {}

  std::string name_;
  std::shared_ptr<const Module> module_;
  ValueType output_;
  Ragged rows_;
};

/// Where a model written in C++ declares its parameters, and what it knows of the data. Initial
/// values are a pure function of the job's seed and a parameter's number.
class Builder {
 public:
  explicit Builder(const ModuleContext& context, std::int64_t classes)
      : context_(context), classes_(classes) {}

  /// Different tokens in the data; 0 when it has none.
  [[nodiscard]] std::int64_t vocabulary() const { return context_.vocabulary; }
  /// Classes, or real numbers, of a target.
  [[nodiscard]] std::int64_t classes() const { return classes_; }
  /// Type of a row of the features, the row's dimension included.
  [[nodiscard]] const ValueType& input() const { return context_.input; }

  /// A trained tensor `name`.weight. @param initial as in a job: he, glorot, normal, uniform
  /// @throws InputError when the name is taken
  [[nodiscard]] ParameterId parameter(std::string_view name, const Shape& shape,
                                      std::string_view initial = "glorot");
  /// A trained vector of zeros, `name`.bias, that weight decay leaves alone.
  [[nodiscard]] ParameterId bias(std::string_view name, std::int64_t size);
  /// Any layer that a job can name, but those that have layers inside. Options that are not given
  /// are as in a job.
  /// @throws InputError when there is no such layer or option, an option is out of range or
  /// missing, or the layer does not fit its input
  [[nodiscard]] Layer layer(
      std::string_view name, std::string_view type, const LayerInput& input,
      const std::vector<std::pair<std::string_view, OptionValue>>& options = {});

  /// How a weight starts: as `how` says, "auto" by the activation that it stands in front of.
  struct Initial {
    std::string_view how = "auto";
    std::string_view in_front_of = "none";
  };
  /// A trained matrix [out, in], or a table [entries, width].
  [[nodiscard]] ParameterId weight(std::string_view name, const Shape& shape, Initial initial,
                                   double scale = 0);

 private:
  ModuleContext context_;
  std::int64_t classes_;
};

// Layers as values, to be members of a model.

/// y = f(x W^T + b): [rows, in] -> [rows, out].
class Linear {
 public:
  Linear(Builder& build, std::string_view name, std::int64_t in, std::int64_t out,
         const kernels::Activation& activation = {});
  [[nodiscard]] Variable operator()(Variable x) const;

 private:
  ParameterId weight_;
  ParameterId bias_;
  kernels::Activation activation_;
};

/// A trained row for each token: i32 [rows] -> [rows, width].
class Embedding {
 public:
  Embedding(Builder& build, std::string_view name, std::int64_t count, std::int64_t width);
  [[nodiscard]] Variable operator()(Variable tokens) const;

 private:
  ParameterId table_;
};

}  // namespace raven
