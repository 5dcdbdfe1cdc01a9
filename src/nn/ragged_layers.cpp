#include <algorithm>

#include "nn/attention_part.hpp"
#include "nn/initial.hpp"
#include "nn/layer.hpp"
#include "nn/ragged.hpp"
#include "nn/rows.hpp"
#include "raven/graph/ops/segment.hpp"
#include "raven/graph/ops/tree.hpp"

namespace raven {

Variable lengths_of(Tape& tape, Ragged rows) {
  if (rows == Ragged::nodes) return tape.input(slot_nodes);
  return tape.input(slot_lengths, {DType::i32, {tape.samples()}});
}

void need_tokens(const ModuleContext& context, std::string_view layer) {
  need_numbers(context, layer);
  if (context.input.shape.rank() == 2) return;
  throw InputError(std::string(layer) + " needs a vector for each token, but its input is " +
                       sample_shape(context.input) + " per token",
                   "put a flatten layer in front");
}

namespace {

constexpr std::string_view pool_choices[] = {"mean", "max", "sum", "last"};

const OptionDef pool_options[] = {
    {.name = "kind",
     .kind = OptionKind::text,
     .fallback = std::string("mean"),
     .choices = pool_choices,
     .help = "what is made of a sample's rows; last: of a tree's nodes the root"},
};

std::unique_ptr<Module> make_pool(const ModuleContext& context, const Options& options) {
  need_numbers(context, "pool");
  if (context.ragged == Ragged::no) {
    throw InputError("pool makes one row of the tokens of a sample, but here each sample is a row",
                     "leave it out, or use data of sentences or trees");
  }
  return module_of(
      [kind = options.text("kind"), rows = context.ragged](const ParameterStore&, Variable x) {
        const Variable lengths = lengths_of(x.tape(), rows);
        if (kind == "max") return segment_max(x, lengths);
        if (kind == "sum") return segment_sum(x, lengths);
        if (kind == "last") return last_rows(x, lengths);
        return segment_mean(x, lengths);
      });
}

constexpr std::string_view node_choices[] = {"nodes", "root"};

const OptionDef tree_options[] = {
    {.name = "features",
     .kind = OptionKind::integer,
     .required = true,
     .min = 1,
     .help = "numbers in the state of a node"},
    {.name = "children",
     .kind = OptionKind::integer,
     .fallback = std::int64_t{0},
     .min = 0,
     .max = 64,
     .help = "0: any number, whose states are added up; else at most so many, each position with "
             "weights of its own"},
    {.name = "returns",
     .kind = OptionKind::text,
     .fallback = std::string("nodes"),
     .choices = node_choices,
     .help = "the state of every node, or only of the root"},
    initial_option("auto"),
    initial_scale_option(0.0),
};

std::unique_ptr<Module> make_tree_lstm(const ModuleContext& context, const Options& options) {
  need_tokens(context, "tree_lstm");
  const bool leaves = context.ragged == Ragged::trees;
  if (!leaves && context.ragged != Ragged::nodes) {
    throw InputError("tree_lstm goes up trees, but the data has none",
                     "use data of trees, or a layer for sequences such as lstm");
  }
  const InitialChoice initial{options.text("initial"), options.real("initial_scale")};
  const std::int64_t size = options.integer("features");
  const std::int64_t positions = options.integer("children");
  const std::int64_t seen = std::max<std::int64_t>(1, positions) * size;
  // A leaf has no child to forget.
  const LinearPart in = LinearPart::add(context, "in", context.input.shape.back(),
                                        (leaves ? 3 : 4) * size, true, initial);
  const ParameterId state =
      LinearPart::add(context, "state", seen, 3 * size, false, initial).weight;
  const ParameterId forget = LinearPart::add(context, "forget", seen, seen, false, initial).weight;
  std::optional<ParameterId> bias;
  if (leaves) bias = add_constant(context, "bias", {4 * size}, 0.0F);
  return module_of([=, root = options.text("returns") == "root"](const ParameterStore& store,
                                                                 Variable x) {
    Tape& tape = x.tape();
    const Trees trees{tape.input(slot_parents), tape.input(slot_nodes)};
    const TreeWeights weights{tape.parameter(store, state), tape.parameter(store, forget)};
    const Variable gates = in(store, x);
    const Variable h =
        leaves ? tree_lstm_of_leaves(gates, trees, weights, tape.parameter(store, *bias), positions)
               : tree_lstm(gates, trees, weights, positions);
    return root ? last_rows(h, trees.nodes) : h;
  });
}

}  // namespace

const ModuleDef tree_lstm_layer{
    .name = "tree_lstm",
    .help = "a gated state with a memory from the leaves of a tree to its root (Tai et al., 2015)",
    .options = tree_options,
    .make = make_tree_lstm,
    .gives = [](Ragged, const Options& options) {
      return options.text("returns") == "root" ? Ragged::no : Ragged::nodes;
    }};

const ModuleDef pool_layer{.name = "pool",
                           .help = "one row for each sample, made of those of its tokens or nodes",
                           .options = pool_options,
                           .make = make_pool,
                           .gives = [](Ragged, const Options&) { return Ragged::no; }};

}  // namespace raven
