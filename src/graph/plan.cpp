#include "raven/graph/plan.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "memory_plan.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/core/memory.hpp"
#include "schedule.hpp"

namespace raven {

Workspace::Workspace(std::size_t bytes) : memory_(allocate_memory(bytes)), bytes_(bytes) {}

struct Plan::Impl {
  Graph graph;
  Purpose purpose;
  Schedule schedule;
  std::vector<ParameterId> by_rows;
  std::size_t views_at = 0;  // where the operands of the running call are resolved
  std::size_t sinks_at = 0;
  std::size_t bytes = 0;
};

namespace {

/// Where in run.complete the parameter is whose gradient is complete as soon as the call has
/// written that of its input; nothing while another input of the call adds to it too. At most 64
/// are told.
std::optional<std::size_t> completed_by(const BackwardRun& run, std::size_t input) {
  const Location place = run.sinks[input].to.place;
  if (place.kind != Location::Kind::gradient) return std::nullopt;
  const auto goes_there = [&](const Sink& sink) {
    return sink.to.place.kind == place.kind && sink.to.place.at == place.at;
  };
  if (std::count_if(run.sinks.begin(), run.sinks.end(), goes_there) != 1) return std::nullopt;
  for (std::size_t i = 0; i < std::min<std::size_t>(run.complete.size(), 64); ++i) {
    if (run.complete[i].value == place.at) return i;
  }
  return std::nullopt;
}

/// Turns places into addresses, for one run.
class Resolver {
 public:
  Resolver(std::byte* workspace, const Bindings& bindings)
      : workspace_(workspace), bindings_(bindings) {}

  [[nodiscard]] const void* read(Location place) const {
    switch (place.kind) {
      case Location::Kind::none:
        return nullptr;
      case Location::Kind::workspace:
        return workspace_ + place.at;
      case Location::Kind::input:
        return bindings_.inputs[place.at].data;
      case Location::Kind::parameter:
        return bindings_.parameters[place.at].data;
      case Location::Kind::gradient:
        return bindings_.gradients[place.at].data;
    }
    return nullptr;
  }

  [[nodiscard]] RowSink* rows(Location place) const {
    const bool bound =
        place.kind == Location::Kind::gradient && place.at < bindings_.gradient_rows.size();
    return bound ? bindings_.gradient_rows[place.at] : nullptr;
  }

  [[nodiscard]] void* write(Location place) const {
    if (place.kind == Location::Kind::workspace) return workspace_ + place.at;
    if (place.kind == Location::Kind::gradient && rows(place) == nullptr) {
      return bindings_.gradients[place.at].data;
    }
    return nullptr;
  }

 private:
  std::byte* workspace_;
  const Bindings& bindings_;
};

/// Spans of the running call's operands, in memory of the workspace: nothing is allocated.
class OperandTable {
 public:
  OperandTable(std::byte* views, std::byte* sinks, const Resolver& resolver)
      : views_(views), sinks_(sinks), resolver_(resolver) {}

  void begin_call() { used_ = 0; }

  std::span<const ConstView> read(std::span<const Operand> operands) {
    ConstView* first = next<ConstView>(operands.size());
    for (std::size_t i = 0; i < operands.size(); ++i) {
      new (first + i) ConstView{resolver_.read(operands[i].place), operands[i].type};
    }
    return {first, operands.size()};
  }

  std::span<const View> write(std::span<const Operand> operands) {
    View* first = next<View>(operands.size());
    for (std::size_t i = 0; i < operands.size(); ++i) {
      new (first + i) View{resolver_.write(operands[i].place), operands[i].type};
    }
    return {first, operands.size()};
  }

  std::span<const GradientSink> sinks(std::span<const Sink> sinks) {
    auto* first = static_cast<GradientSink*>(static_cast<void*>(sinks_));
    for (std::size_t i = 0; i < sinks.size(); ++i) {
      const Operand& to = sinks[i].to;
      new (first + i) GradientSink{
          {resolver_.write(to.place), to.type}, sinks[i].mode, resolver_.rows(to.place)};
    }
    return {first, sinks.size()};
  }

 private:
  static_assert(sizeof(View) == sizeof(ConstView) && alignof(View) == alignof(ConstView));

  template <class V>
  V* next(std::size_t count) {
    V* first = static_cast<V*>(static_cast<void*>(views_)) + used_;
    used_ += count;
    return first;
  }

  std::byte* views_;
  std::byte* sinks_;
  const Resolver& resolver_;
  std::size_t used_ = 0;
};

/// Whoever runs a plan vouches for neither graph nor data, so what they bind is compared each time.
template <class Views>
void check_bound(const Views& views, std::uint32_t slot, const ValueType& wanted,
                 const char* what) {
  if (slot >= views.size() || !views[slot]) {
    throw InputError(
        std::string(what) + " " + std::to_string(slot) + " of the graph is not given to its run",
        "check that graph and data are of one job");
  }
  if (views[slot].type != wanted) {
    throw InputError(std::string(what) + " " + std::to_string(slot) + " is " +
                         to_string(views[slot].shape()) + ", but the graph was recorded for " +
                         to_string(wanted.shape),
                     "check that graph and data are of one job");
  }
}

}  // namespace

Plan::Plan(Graph graph, Purpose purpose) : impl_(std::make_unique<Impl>()) {
  check(graph);
  impl_->graph = std::move(graph);
  impl_->purpose = purpose;
  impl_->schedule = make_schedule(impl_->graph, purpose == Purpose::training);
  if (purpose == Purpose::training) {
    const std::vector<ParameterId> tables = raven::tables_by_rows(impl_->graph);
    for (const ParameterId id : impl_->schedule.gradients) {
      if (std::binary_search(tables.begin(), tables.end(), id)) impl_->by_rows.push_back(id);
    }
    std::sort(impl_->by_rows.begin(), impl_->by_rows.end());
  }
  impl_->views_at = aligned(impl_->schedule.workspace_bytes);
  impl_->sinks_at = impl_->views_at + aligned(impl_->schedule.most_views * sizeof(View));
  impl_->bytes = impl_->sinks_at + aligned(impl_->schedule.most_sinks * sizeof(GradientSink));
}

Plan::~Plan() = default;
Plan::Plan(Plan&&) noexcept = default;
Plan& Plan::operator=(Plan&&) noexcept = default;

const Graph& Plan::graph() const { return impl_->graph; }
std::size_t Plan::workspace_bytes() const { return impl_->bytes; }
std::size_t Plan::unplanned_bytes() const { return impl_->schedule.unplanned_bytes; }
std::span<const ParameterId> Plan::parameters() const { return impl_->schedule.parameters; }
std::span<const ParameterId> Plan::gradients() const { return impl_->schedule.gradients; }
std::span<const ParameterId> Plan::tables_by_rows() const { return impl_->by_rows; }
double Plan::flops() const { return impl_->schedule.flops; }

void Plan::forward(Workspace& workspace, const Bindings& bindings) const {
  expects(workspace.bytes() >= impl_->bytes, "a workspace is as large as the plan says");
  for (const BoundType& bound : impl_->schedule.bound) {
    if (bound.kind == Location::Kind::input) {
      check_bound(bindings.inputs, bound.slot, bound.type, "input");
    } else {
      check_bound(bindings.parameters, bound.slot, bound.type, "parameter");
    }
  }
  const Resolver resolver(workspace.data(), bindings);
  OperandTable table(workspace.data() + impl_->views_at, workspace.data() + impl_->sinks_at,
                     resolver);
  for (const ForwardRun& run : impl_->schedule.forward) {
    const Node& node = impl_->graph.nodes[run.node];
    table.begin_call();
    ForwardCall call{.inputs = table.read(run.inputs),
                     .attributes = node.attributes,
                     .outputs = table.write(run.outputs),
                     .saved = table.write(run.saved),
                     .key = bindings.key};
    call.key.op = run.node;
    node.op->forward(call);
  }
}

void Plan::backward(Workspace& workspace, const Bindings& bindings,
                    FunctionRef<void(ParameterId)> final) const {
  expects(impl_->purpose == Purpose::training, "only a plan for training runs backward");
  const Schedule& schedule = impl_->schedule;
  for (std::size_t i = 0; i < bindings.gradient_rows.size(); ++i) {
    const ParameterId id{static_cast<std::uint32_t>(i)};
    expects(bindings.gradient_rows[i] == nullptr ||
                std::binary_search(impl_->by_rows.begin(), impl_->by_rows.end(), id),
            "only a table whose rows are looked up has a gradient by rows");
  }
  for (const ParameterId id : schedule.gradients) {
    const bool dense = id.value < bindings.gradients.size() && bindings.gradients[id.value];
    const bool by_rows =
        id.value < bindings.gradient_rows.size() && bindings.gradient_rows[id.value] != nullptr;
    expects(dense || by_rows, "every gradient that a plan makes has a place to go");
  }
  if (schedule.seed.place.kind == Location::Kind::none) return;
  const Resolver resolver(workspace.data(), bindings);
  OperandTable table(workspace.data() + impl_->views_at, workspace.data() + impl_->sinks_at,
                     resolver);
  std::fill_n(static_cast<float*>(resolver.write(schedule.seed.place)),
              schedule.seed.type.shape.count(), 1.0F);
  for (const ParameterId id : schedule.complete_at_once) final(id);

  for (const BackwardRun& run : schedule.backward) {
    const Node& node = impl_->graph.nodes[run.node];
    for (const Operand& zeros : run.clears) {
      std::memset(resolver.write(zeros.place), 0, zeros.type.bytes());
    }
    table.begin_call();
    std::uint64_t told = 0;  // bits, by place in run.complete
    const auto tell = [&](std::size_t input) {
      const std::optional<std::size_t> place = completed_by(run, input);
      if (!place || (told >> *place & 1U) != 0) return;
      told |= std::uint64_t{1} << *place;
      final(run.complete[*place]);
    };
    const FunctionRef<void(std::size_t)> on_written(tell);
    BackwardCall call{.inputs = table.read(run.inputs),
                      .attributes = node.attributes,
                      .outputs = table.read(run.outputs),
                      .saved = table.read(run.saved),
                      .output_gradients = table.write(run.output_gradients),
                      .input_gradients = table.sinks(run.sinks),
                      .key = bindings.key,
                      .on_written = &on_written};
    call.key.op = run.node;
    node.op->backward(call);
    for (std::size_t i = 0; i < run.complete.size(); ++i) {
      if (i >= 64 || (told >> i & 1U) == 0) final(run.complete[i]);
    }
  }
}

ConstView Plan::value(const Workspace& workspace, const Bindings& bindings, ValueRef value) const {
  const ValueType& type = type_of(impl_->graph, value);
  const Location place =
      impl_->schedule.values[impl_->schedule.first_value[value.node] + value.output];
  return {Resolver(workspace.data(), bindings).read(place), type};
}

}  // namespace raven
