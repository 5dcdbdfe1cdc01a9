#include "raven/snippet/executor.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include "raven/core/error.hpp"
#include "raven/tensor/kernels/elementwise.hpp"

namespace raven {
namespace {

double sum_of(const ConstView& view) {
  double sum = 0;
  const float* values = view.f32();
  for (std::int64_t i = 0; i < view.count(); ++i) sum += static_cast<double>(values[i]);
  return sum;
}

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Tensor copy_of(const ConstView& view, BufferPool& pool) {
  Tensor copy(view.type, pool);
  std::memcpy(copy.view().data, view.data, view.type.bytes());
  return copy;
}

/// The views of one running snippet, kept between snippets so that their memory is reused.
struct RunMemory {
  std::unique_ptr<Workspace> workspace;
  std::vector<ConstView> parameters;
  std::vector<View> gradients;
  std::vector<Tensor> gradient_tensors;
  std::vector<RowSink*> gradient_rows;
  std::map<std::uint32_t, RowSink> sinks;  // by ParameterId, of tables by rows
};

Gradient rows_of(RowSink& sink, BufferPool& buffers) {
  RowGradient rows(sink.count(), sink.width(), buffers);
  sink.take(rows.numbers().data(), rows.values().data());
  return rows;
}

}  // namespace

struct Executor::Impl {
  struct Batch {
    SnippetBatch work;
    std::mutex mutex;  // guards sums
    std::map<std::uint32_t, TreeSum> sums;
    std::atomic<std::size_t> left{0};
    std::atomic<std::uint64_t> compute_ns{0};
    std::atomic<std::int64_t> begun_ns{0};  // on the steady clock; 0 until the first snippet begins
    std::atomic<bool> failed{false};
  };

  Impl(ComputePool& compute_pool, BufferPool& buffer_pool, std::function<void()> ready)
      : compute(compute_pool), buffers(buffer_pool), on_ready(std::move(ready)) {}

  ComputePool& compute;
  BufferPool& buffers;
  std::function<void()> on_ready;
  std::atomic<std::uint64_t> oldest{0};
  std::atomic<bool> closing{false};
  std::atomic<std::size_t> batches{0};

  std::mutex mutex;  // guards what follows
  std::vector<ComputeEvent> events;
  std::vector<RunMemory> idle_memory;
  std::deque<std::pair<std::shared_ptr<Batch>, std::size_t>> queue;  // begun in this order
  std::size_t tasks = 0;
  std::int64_t last_done_ns = 0;  // when a batch ended last
  std::condition_variable no_tasks;

  void emit(ComputeEvent event) {
    {
      const std::scoped_lock lock(mutex);
      events.push_back(std::move(event));
    }
    on_ready();
  }

  RunMemory take_memory(std::size_t bytes) {
    RunMemory memory;
    {
      const std::scoped_lock lock(mutex);
      if (!idle_memory.empty()) {
        memory = std::move(idle_memory.back());
        idle_memory.pop_back();
      }
    }
    if (!memory.workspace || memory.workspace->bytes() < bytes) {
      memory.workspace = std::make_unique<Workspace>(bytes);
    }
    return memory;
  }

  void give_back(RunMemory memory) {
    const std::scoped_lock lock(mutex);
    idle_memory.push_back(std::move(memory));
  }

  [[nodiscard]] bool unwanted(const Batch& batch) const {
    return closing || batch.failed || batch.work.work < oldest;
  }

  /// Adds a finished gradient into the batch's tree, as far up as its neighbours are there.
  void bring(Batch& batch, std::uint32_t leaf, ParameterId parameter, Gradient sum) {
    SnippetRange node{leaf, 1};
    while (node != batch.work.node) {
      std::optional<TreeSum::Pair> pair;
      {
        const std::scoped_lock lock(batch.mutex);
        auto [found, fresh] = batch.sums.try_emplace(parameter.value, batch.work.node);
        pair = found->second.bring(node, std::move(sum));
      }
      if (!pair) return;
      if (pair->left.form() == Gradient::Form::dense &&
          pair->right.form() == Gradient::Form::dense) {
        // The left sum is this batch's own buffer, nobody else sees it: added up in place.
        const Tensor& right = pair->right.dense();
        kernels::add_into(right.count(), right.values().data(), pair->left.dense().values().data());
        sum = std::move(pair->left);
      } else {
        sum = sum_of(pair->left, pair->right, buffers);
      }
      node = pair->node;
    }
    emit(GradientReady{batch.work.work, batch.work.node, parameter, std::move(sum)});
  }

  /// Gradients that others of the step have and this snippet has not.
  void bring_zeros(Batch& batch, std::uint32_t leaf, const Plan& plan) {
    for (const ParameterId id : batch.work.gradients) {
      const auto made = plan.gradients();
      if (std::find(made.begin(), made.end(), id) != made.end()) continue;
      const ValueType& type = batch.work.parameters[id.value].type();
      if (is_table(type)) {
        bring(batch, leaf, id, RowGradient(0, 0, buffers));
        continue;
      }
      Tensor zeros(type, buffers);
      std::memset(zeros.view().data, 0, zeros.type().bytes());
      bring(batch, leaf, id, std::move(zeros));
    }
  }

  [[nodiscard]] SnippetStats stats_of(const Batch& batch, const Snippet& snippet, const Plan& plan,
                                      const Workspace& workspace, const Bindings& bindings) {
    const Graph& graph = plan.graph();
    const auto value = [&](ValueRef ref) { return plan.value(workspace, bindings, ref); };
    SnippetStats stats;
    stats.index = snippet.index;
    if (graph.state) stats.state = copy_of(value(*graph.state), buffers);
    if (batch.work.purpose == Purpose::predict) {
      if (graph.prediction) stats.prediction = copy_of(value(*graph.prediction), buffers);
      return stats;
    }
    if (graph.losses) stats.loss = sum_of(value(*graph.losses));
    if (graph.weights) stats.weight = sum_of(value(*graph.weights));
    for (const Metric& metric : graph.metrics) stats.metrics.push_back(sum_of(value(metric.value)));
    if (batch.work.purpose == Purpose::train) {
      for (const Statistic& statistic : graph.statistics) {
        stats.statistics.push_back(copy_of(value(statistic.value), buffers));
      }
    }
    return stats;
  }

  void run_snippet(Batch& batch, std::size_t position) {
    const std::int64_t begin = now_ns();
    std::int64_t not_begun = 0;
    batch.begun_ns.compare_exchange_strong(not_begun, begin);
    const Snippet& snippet = batch.work.snippets[position];
    const std::shared_ptr<const Plan> made = batch.work.plans[position]();
    const Plan& plan = *made;
    const Graph& graph = plan.graph();

    RunMemory memory = take_memory(plan.workspace_bytes());
    std::array<Tensor, input_slots> inputs;
    for (const Node& node : graph.nodes) {
      if (node.kind == Node::Kind::input && node.slot < slot_state) {
        inputs[node.slot] = Tensor(node.outputs.front(), buffers);
      }
    }
    if (!batch.work.states.empty()) inputs[slot_state] = batch.work.states[position];
    std::string trouble = batch.work.read_rows(snippet, {.features = inputs[slot_features].view(),
                                                         .targets = inputs[slot_targets].view(),
                                                         .lengths = inputs[slot_lengths].view(),
                                                         .parents = inputs[slot_parents].view(),
                                                         .nodes = inputs[slot_nodes].view()});
    if (!trouble.empty()) {
      give_back(std::move(memory));
      fail(batch, std::move(trouble));
      return;
    }
    std::array<ConstView, input_slots> views;
    for (std::size_t i = 0; i < input_slots; ++i) views[i] = std::as_const(inputs[i]).view();

    memory.parameters.assign(batch.work.parameters.size(), ConstView{});
    for (std::size_t i = 0; i < memory.parameters.size(); ++i) {
      memory.parameters[i] = std::as_const(batch.work.parameters[i]).view();
    }
    memory.gradients.assign(batch.work.parameters.size(), View{});
    memory.gradient_tensors.resize(batch.work.parameters.size());
    memory.gradient_rows.assign(batch.work.parameters.size(), nullptr);
    if (batch.work.purpose == Purpose::train) {
      for (const ParameterId id : plan.tables_by_rows()) {
        const Shape& table = batch.work.parameters[id.value].shape();
        RowSink& sink = memory.sinks[id.value];
        sink.begin(table[0], table[1]);
        memory.gradient_rows[id.value] = &sink;
      }
      for (const ParameterId id : plan.gradients()) {
        if (memory.gradient_rows[id.value] != nullptr) continue;
        Tensor gradient(batch.work.parameters[id.value].type(), buffers);
        memory.gradients[id.value] = gradient.view();
        memory.gradient_tensors[id.value] = std::move(gradient);
      }
    }
    Bindings bindings{.inputs = views,
                      .parameters = memory.parameters,
                      .gradients = memory.gradients,
                      .gradient_rows = memory.gradient_rows,
                      .key = batch.work.key};
    bindings.key.sample = static_cast<std::uint64_t>(snippet.first) * batch.work.keys_per_sample;

    plan.forward(*memory.workspace, bindings);
    SnippetStats stats = stats_of(batch, snippet, plan, *memory.workspace, bindings);
    if (batch.work.purpose == Purpose::train) {
      // The loss goes ahead of the gradients: the master needs every weight before it can use the
      // first sum.
      emit(SnippetStatsReady{batch.work.work, batch.work.node, std::move(stats)});
      plan.backward(*memory.workspace, bindings, [&](ParameterId id) {
        RowSink* const rows = memory.gradient_rows[id.value];
        bring(batch, snippet.index, id,
              rows != nullptr ? rows_of(*rows, buffers)
                              : Gradient(std::move(memory.gradient_tensors[id.value])));
      });
      bring_zeros(batch, snippet.index, plan);
    } else {
      emit(SnippetStatsReady{batch.work.work, batch.work.node, std::move(stats)});
    }
    give_back(std::move(memory));
    batch.compute_ns += static_cast<std::uint64_t>(now_ns() - begin);
  }

  void fail(Batch& batch, std::string reason) {
    if (!batch.failed.exchange(true)) {
      emit(BatchFailed{batch.work.work, batch.work.node, std::move(reason)});
    }
  }

  std::shared_ptr<Batch> admit(SnippetBatch work) {
    expects(work.snippets.size() == work.node.count && work.plans.size() == work.node.count,
            "a batch has a snippet and a plan for each leaf of its node");
    expects(work.states.empty() || work.states.size() == work.snippets.size(),
            "all snippets of a batch go on from a state, or none does");
    auto batch = std::make_shared<Batch>();
    batch->work = std::move(work);
    batch->left = batch->work.snippets.size();
    ++batches;
    const std::scoped_lock lock(mutex);
    tasks += batch->work.snippets.size();
    return batch;
  }

  /// Batches overlap on several threads: what one took is counted from the end of the one before.
  std::uint64_t time_for(const Batch& batch) {
    const std::scoped_lock lock(mutex);
    const std::int64_t now = now_ns();
    const std::int64_t since = std::max<std::int64_t>(batch.begun_ns, last_done_ns);
    last_done_ns = now;
    return static_cast<std::uint64_t>(now - since);
  }

  void next_task() {
    std::unique_lock lock(mutex);
    const auto [batch, position] = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    task(batch, position);
  }

  void task(const std::shared_ptr<Batch>& batch, std::size_t position) {
    if (!unwanted(*batch)) {
      try {
        run_snippet(*batch, position);
      } catch (const std::exception& error) {
        // Out of memory, or a graph that passed every check and still can't run: the batch goes
        // back, the process lives.
        fail(*batch, error.what());
      }
    }
    if (--batch->left == 0) {
      if (!unwanted(*batch)) {
        emit(BatchDone{batch->work.work, batch->work.node, batch->compute_ns, time_for(*batch)});
      }
      --batches;
    }
    const std::scoped_lock lock(mutex);
    if (--tasks == 0) no_tasks.notify_all();
  }
};

Executor::Executor(ComputePool& compute, BufferPool& buffers, std::function<void()> on_ready)
    : impl_(std::make_shared<Impl>(compute, buffers, std::move(on_ready))) {}

Executor::~Executor() {
  impl_->closing = true;
  std::unique_lock lock(impl_->mutex);
  impl_->no_tasks.wait(lock, [&] { return impl_->tasks == 0; });
}

void Executor::start(SnippetBatch batch) {
  const std::shared_ptr<Impl::Batch> kept = impl_->admit(std::move(batch));
  for (std::size_t i = 0; i < kept->work.snippets.size(); ++i) {
    {
      const std::scoped_lock lock(impl_->mutex);
      impl_->queue.emplace_back(kept, i);
    }
    // A pool promises no order, and others may take over what is begun last.
    impl_->compute.start([impl = impl_] { impl->next_task(); });
  }
}

void Executor::compute(SnippetBatch batch) {
  const std::shared_ptr<Impl::Batch> kept = impl_->admit(std::move(batch));
  for (std::size_t i = 0; i < kept->work.snippets.size(); ++i) impl_->task(kept, i);
}

void Executor::forget_before(std::uint64_t work) { impl_->oldest = work; }

void Executor::drain(std::vector<ComputeEvent>& events) {
  const std::scoped_lock lock(impl_->mutex);
  for (ComputeEvent& event : impl_->events) events.push_back(std::move(event));
  impl_->events.clear();
}

std::size_t Executor::busy() const { return impl_->batches; }

}  // namespace raven
