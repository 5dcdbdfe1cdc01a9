#include "raven/graph/ops/recurrent.hpp"

#include <array>

#include "nn/attention_part.hpp"
#include "nn/initial.hpp"
#include "nn/layer.hpp"
#include "nn/ragged.hpp"
#include "nn/rows.hpp"
#include "raven/graph/ops/dropout.hpp"
#include "raven/graph/ops/layout.hpp"
#include "raven/graph/ops/segment.hpp"

namespace raven {
namespace {

enum class Kind : std::uint8_t { rnn = 1, gru = 3, lstm = 4 };

constexpr std::string_view return_choices[] = {"sequence", "last"};

const OptionDef recurrent_options[] = {
    {.name = "features",
     .kind = OptionKind::integer,
     .required = true,
     .min = 1,
     .help = "numbers in the state, per direction"},
    {.name = "layers",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{1},
     .min = 1,
     .max = 1000,
     .help = "such layers one after the other"},
    {.name = "bidirectional",
     .kind = OptionKind::boolean,
     .fallback = false,
     .help = "also from the end to the beginning, side by side"},
    {.name = "dropout",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .max = 0.999,
     .help = "share of what goes from one layer to the next that becomes 0 in training"},
    {.name = "returns",
     .kind = OptionKind::text,
     .fallback = std::string("sequence"),
     .choices = return_choices,
     .help = "the state at each position, or only the one at a direction's end"},
    {.name = "carry",
     .kind = OptionKind::boolean,
     .fallback = false,
     .help =
         "go on from the state at the end of the window of text before; windows then come in the "
         "text's order"},
    initial_option("auto"),
    initial_scale_option(0.0),
};

/// One direction of one layer.
struct Way {
  Kind kind;
  Direction direction;
  LinearPart in;
  ParameterId weight;
  std::optional<ParameterId> bias;

  /// From the state that the windows before ended with, which this one's is put in place of.
  /// @param size numbers in the state
  [[nodiscard]] Variable carried(const ParameterStore& store, Variable x, std::int64_t size) const {
    Tape& tape = x.tape();
    const Variable all = tape.input(slot_state);
    const std::int64_t at = tape.state_size();
    RecurrentState state{slice(all, 1, at, size), {}};
    if (kind == Kind::lstm) state.c = slice(all, 1, at + size, size);
    const Variable gates = in(store, x);
    const Variable w = tape.parameter(store, weight);
    const ContinuedStates made =
        kind == Kind::lstm  ? lstm_from(state, gates, w, direction)
        : kind == Kind::gru ? gru_from(state, gates, w, tape.parameter(store, *bias), direction)
                            : rnn_from(state, gates, w, direction);
    tape.add_state_part(made.last.h);
    if (kind == Kind::lstm) tape.add_state_part(made.last.c);
    return made.y;
  }

  /// @param lengths of ragged sequences, else empty
  [[nodiscard]] Variable operator()(const ParameterStore& store, Variable x,
                                    Variable lengths) const {
    Tape& tape = x.tape();
    const Variable gates = in(store, x);
    const Variable w = tape.parameter(store, weight);
    if (!lengths.empty()) {
      if (kind == Kind::lstm) return ragged_lstm(gates, lengths, w, direction);
      if (kind == Kind::rnn) return ragged_rnn(gates, lengths, w, direction);
      return ragged_gru(gates, lengths, w, tape.parameter(store, *bias), direction);
    }
    if (kind == Kind::lstm) return lstm(gates, w, direction);
    if (kind == Kind::gru) return gru(gates, w, tape.parameter(store, *bias), direction);
    return rnn(gates, w, direction);
  }
};

Way add_way(ModuleContext context, const std::string& name, Kind kind, Direction direction,
            std::int64_t in, const Options& options) {
  context.path = context.path.empty() ? name : context.path + "." + name;
  const InitialChoice initial{options.text("initial"), options.real("initial_scale")};
  const std::int64_t size = options.integer("features");
  const std::int64_t gates = static_cast<std::int64_t>(kind) * size;
  const LinearPart input = LinearPart::add(context, "in", in, gates, true, initial);
  const LinearPart state = LinearPart::add(context, "state", size, gates, false, initial);
  Way way{kind, direction, input, state.weight, {}};
  if (kind == Kind::gru) {
    context.path += ".state";
    way.bias = add_constant(context, "bias", {size}, 0.0F);
  }
  return way;
}

/// The state at the end of a direction: [n, length, size] or, with lengths, [tokens, size] -> [n,
/// size].
Variable last_of(Variable y, Direction direction, Variable lengths) {
  if (!lengths.empty()) {
    return direction == Direction::forward ? last_rows(y, lengths) : first_rows(y, lengths);
  }
  const std::int64_t at = direction == Direction::forward ? y.shape()[1] - 1 : 0;
  return reshape(slice(y, 1, at, 1), {y.shape()[0], y.shape()[2]});
}

/// @throws InputError where there is no state to carry along
void check_carry(const ModuleContext& context, const Options& options) {
  if (options.boolean("bidirectional")) {
    throw InputError(
        "the state of the way back can't be carried along: it begins at the end of the next "
        "window, "
        "which is yet to come",
        "leave out carry, or bidirectional");
  }
  if (context.carried == nullptr) {
    throw InputError(
        "there is no state to carry: samples of this data are no windows that follow one another "
        "in "
        "a text",
        "leave out carry, or train on data of 'raven data import text'");
  }
}

std::unique_ptr<Module> make_recurrent(const ModuleContext& context, const Options& options,
                                       Kind kind, std::string_view name) {
  const bool ragged = context.ragged == Ragged::sequences;
  if (ragged) {
    need_tokens(context, name);
  } else {
    need_sequences(context, name);
  }
  const bool both = options.boolean("bidirectional");
  const std::int64_t carried = options.boolean("carry") ? options.integer("features") : 0;
  if (carried > 0) check_carry(context, options);
  std::vector<std::vector<Way>> layers;
  std::int64_t in = context.input.shape.back();
  for (std::int64_t i = 0; i < options.integer("layers"); ++i) {
    const std::string number = std::to_string(i);
    auto& ways = layers.emplace_back();
    ways.push_back(add_way(context, number, kind, Direction::forward, in, options));
    if (both) {
      ways.push_back(add_way(context, number + ".reverse", kind, Direction::reverse, in, options));
    }
    in = options.integer("features") * (both ? 2 : 1);
    if (carried > 0) *context.carried += carried * (kind == Kind::lstm ? 2 : 1);
  }
  return module_of([layers = std::move(layers), drop = options.real("dropout"), ragged, carried,
                    last = options.text("returns") == "last"](const ParameterStore& store,
                                                              Variable x) {
    const Variable lengths = ragged ? lengths_of(x.tape()) : Variable();
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (i > 0) x = dropout(x, drop);
      std::vector<Variable> parts;
      for (const Way& way : layers[i]) {
        const Variable y = carried > 0 ? way.carried(store, x, carried) : way(store, x, lengths);
        parts.push_back(last && i + 1 == layers.size() ? last_of(y, way.direction, lengths) : y);
      }
      x = concat(parts);
    }
    return x;
  });
}

/// Where the state at the end is all that it gives.
Ragged rows_given(Ragged input, const Options& options) {
  return options.text("returns") == "last" ? Ragged::no : input;
}

}  // namespace

const ModuleDef rnn_layer{.name = "rnn",
                          .help = "a state that goes along a sequence: h' = tanh(W x + b + U h)",
                          .options = recurrent_options,
                          .make =
                              [](const ModuleContext& context, const Options& options) {
                                return make_recurrent(context, options, Kind::rnn, "rnn");
                              },
                          .gives = rows_given};

const ModuleDef gru_layer{.name = "gru",
                          .help = "a gated state along a sequence (Cho et al., 2014)",
                          .options = recurrent_options,
                          .make =
                              [](const ModuleContext& context, const Options& options) {
                                return make_recurrent(context, options, Kind::gru, "gru");
                              },
                          .gives = rows_given};

const ModuleDef lstm_layer{
    .name = "lstm",
    .help = "a gated state with a memory along a sequence (Hochreiter and Schmidhuber, 1997)",
    .options = recurrent_options,
    .make =
        [](const ModuleContext& context, const Options& options) {
          return make_recurrent(context, options, Kind::lstm, "lstm");
        },
    .gives = rows_given};

}  // namespace raven
