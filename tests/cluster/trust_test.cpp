#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "cluster/stage.hpp"
#include "raven/core/error.hpp"
#include "raven/optim/optimizer.hpp"
#include "raven/tensor/finite.hpp"

// What a master believes of what contributors say, and what it credits them for.

namespace raven {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

StatsMessage no_number(std::uint64_t work, SnippetRange node, std::uint32_t index) {
  return {.work = work,
          .node = node,
          .index = index,
          .loss = std::numeric_limits<double>::quiet_NaN(),
          .weight = 6,
          .metrics = {0}};
}

TEST(Trust, one_loss_that_is_no_number_costs_its_sender_its_place_and_the_run_nothing) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  (void)stage.leases_of(1);
  (void)stage.leases_of(2);
  stage.says(2, no_number(1, {4, 4}, 5));
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{4, 4}}));
  // Whatever else it sends of that lease is not used.
  stage.answers(2, 1, {4, 4}, milliseconds(10));
  EXPECT_FALSE(stage.dropped(2));
  stage.answers(1, 1, {0, 4}, milliseconds(10));
  EXPECT_EQ(stage.master().progress().step, 0U);
  stage.answers(1, 1, {4, 4}, milliseconds(10));
  EXPECT_EQ(stage.master().progress().step, 1U);
  EXPECT_TRUE(stage.dropped(2));
  EXPECT_FALSE(stage.dropped(1));
  EXPECT_EQ(stage.master().roster().all()[0].snippets, 8U);
}

TEST(Trust, training_has_gone_astray_when_two_find_no_number) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  stage.says(2, no_number(1, {4, 4}, 5));
  EXPECT_THROW(stage.says(1, no_number(1, {4, 4}, 5)), InputError);
}

TEST(Trust, training_has_gone_astray_when_the_only_one_finds_no_number) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  EXPECT_THROW(stage.says(1, no_number(1, {0, 8}, 5)), InputError);
}

TEST(Trust, it_waits_for_a_second_opinion_no_longer_than_somebody_can_give_it) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  stage.says(2, no_number(1, {4, 4}, 5));
  EXPECT_THROW(stage.disappears(1), InputError);
}

/// A gradient of which one element is infinite.
Blob infinite_gradient(const ClusterBox& box, std::uint32_t id) {
  Tensor gradient(box.fresh_parameters()[{id}].value.type());
  std::ranges::fill(gradient.values(), 0.5F);
  gradient.values().back() = std::numeric_limits<float>::infinity();
  return gradient.blob();
}

StatsMessage sound_stats(const ClusterBox& box, std::uint64_t work, SnippetRange node,
                         std::uint32_t index) {
  const Graph graph = box.setup().record(6, Tape::Mode::training);
  return {.work = work,
          .node = node,
          .index = index,
          .loss = 1,
          .weight = 6,
          .metrics = std::vector<double>(graph.metrics.size())};
}

/// All that a lease asks for, with a gradient of the second parameter that is not finite.
void answers_badly(Stage& stage, const ClusterBox& box, std::uint32_t peer, SnippetRange node) {
  for (std::uint32_t i = node.first; i < node.end(); ++i) {
    stage.says(peer, sound_stats(box, 1, node, i));
  }
  const ParameterStore parameters = box.fresh_parameters();
  for (std::uint32_t id = 0; id < parameters.size(); ++id) {
    const Blob zeros(Bytes(parameters[{id}].value.type().bytes()));
    stage.says(peer, GradientMessage{.work = 1, .node = node, .parameter = {id}},
               id == 1 ? infinite_gradient(box, 1) : zeros);
  }
  stage.says(peer, DoneMessage{.work = 1, .node = node, .compute_ns = 1, .elapsed_ns = 1});
}

TEST(Trust, one_gradient_that_is_not_finite_costs_its_sender_its_place_and_the_run_nothing) {
  ClusterBox box;
  box.contributors.min = 2;
  Stage stage(box);
  stage.greets(1);
  stage.greets(2);
  (void)stage.leases_of(1);
  (void)stage.leases_of(2);
  answers_badly(stage, box, 2, {4, 4});
  // The sum is not finite: all of it is computed once more, by whoever has nothing to do.
  stage.answers(1, 1, {0, 4}, milliseconds(10));
  EXPECT_EQ(stage.master().progress().step, 0U);
  EXPECT_EQ(stage.leases_of(2), (std::vector<SnippetRange>{{0, 8}}));
  EXPECT_FALSE(stage.dropped(2));
  // Now every part is looked at, and another is asked.
  answers_badly(stage, box, 2, {0, 8});
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{0, 8}}));
  stage.answers(1, 1, {0, 8}, milliseconds(10));
  EXPECT_EQ(stage.master().progress().step, 1U);
  EXPECT_TRUE(stage.dropped(2));
  EXPECT_FALSE(stage.dropped(1));
  EXPECT_EQ(stage.master().roster().all()[0].snippets, 8U);
  EXPECT_TRUE(is_finite(stage.master().parameters()[{1}].value));
}

TEST(Trust, a_gradient_that_was_not_finite_once_costs_a_second_try_and_nobody_their_place) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  (void)stage.leases_of(1);
  answers_badly(stage, box, 1, {0, 8});
  EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{{0, 8}}));
  stage.answers(1, 1, {0, 8}, milliseconds(10));
  EXPECT_EQ(stage.master().progress().step, 1U);
  EXPECT_FALSE(stage.dropped(1));
}

TEST(Trust, the_run_ends_naming_step_and_tensor_when_the_only_one_finds_a_gradient_infinite) {
  for (const double norm : {0.0, 1.0}) {
    ClusterBox box;
    box.train.clip = {.norm = norm};
    Stage stage(box);
    stage.greets(1);
    answers_badly(stage, box, 1, {0, 8});
    EXPECT_EQ(stage.master().progress().step, 0U);
    try {
      answers_badly(stage, box, 1, {0, 8});
      FAIL() << "the run went on";
    } catch (const InputError& error) {
      const std::string name = box.fresh_parameters()[{1}].name;
      EXPECT_EQ(error.problem(),
                "the gradient of \"" + name + "\" is not a finite number any more at step 1");
    }
    EXPECT_EQ(stage.checkpoints(), 0);
  }
}

TEST(Trust, gradients_that_add_up_to_no_finite_number_end_the_run_though_each_is_one) {
  for (const double norm : {0.0, 1.0}) {
    ClusterBox box;
    box.train.clip = {.norm = norm};
    box.train.snippets = 4;
    box.contributors.min = 4;
    Stage stage(box);
    for (std::uint32_t peer = 1; peer <= 4; ++peer) stage.greets(peer);
    Tensor large(box.fresh_parameters()[{0}].value.type());
    std::ranges::fill(large.values(), 3e38F);
    const auto answer = [&](std::uint32_t peer, SnippetRange node) {
      for (std::uint32_t i = node.first; i < node.end(); ++i) {
        stage.says(peer, sound_stats(box, 1, node, i));
      }
      const ParameterStore parameters = box.fresh_parameters();
      for (std::uint32_t id = 0; id < parameters.size(); ++id) {
        const Blob zeros(Bytes(parameters[{id}].value.type().bytes()));
        stage.says(peer, GradientMessage{.work = 1, .node = node, .parameter = {id}},
                   id == 0 ? large.blob() : zeros);
      }
    };
    try {
      for (std::uint32_t peer = 1; peer <= 4; ++peer) answer(peer, {peer - 1, 1});
      for (std::uint32_t peer = 1; peer <= 4; ++peer) {
        stage.says(peer, DoneMessage{.work = 1, .node = {peer - 1, 1}});
      }
      // Whoever is given it all again finds what no float can hold.
      for (int i = 0; i < 4; ++i) {
        for (std::uint32_t peer = 1; peer <= 4; ++peer) {
          for (const SnippetRange node : stage.leases_of(peer)) {
            std::ranges::fill(large.values(),
                              node.count > 1 ? std::numeric_limits<float>::infinity() : 3e38F);
            if (node.count > 1) answer(peer, node);
          }
        }
      }
      FAIL() << "the run went on";
    } catch (const InputError& error) {
      EXPECT_NE(error.problem().find("is not a finite number any more at step 1"),
                std::string::npos)
          << error.problem();
    }
    EXPECT_EQ(stage.checkpoints(), 0);
  }
}

TEST(Trust, every_number_of_a_snippet_is_looked_at) {
  ClusterBox box;
  box.batch_norm = true;
  const Graph graph = box.setup().record(6, Tape::Mode::training);
  ASSERT_EQ(graph.statistics.size(), 2U);
  Tensor statistic(type_of(graph, graph.statistics[0].value));
  Bytes sound(2 * statistic.type().bytes());
  statistic.values().back() = std::numeric_limits<float>::quiet_NaN();
  Bytes broken = sound;
  const ByteSpan bytes = statistic.bytes();
  std::copy(bytes.begin(), bytes.end(),
            broken.begin() + static_cast<std::ptrdiff_t>(statistic.type().bytes()));
  for (const bool in_metric : {true, false}) {
    Stage stage(box);
    stage.greets(1);
    StatsMessage stats = sound_stats(box, 1, {0, 8}, 2);
    if (in_metric) stats.metrics[0] = std::numeric_limits<double>::infinity();
    try {
      stage.says(1, stats, Blob(Bytes(in_metric ? sound : broken)));
      FAIL() << "the run went on";
    } catch (const InputError& error) {
      const std::string told = error.problem();
      const bool names = in_metric ? told.find("the metric accuracy is not") == 0
                                   : told.find(
                                         "running_var\" is not a finite number any more at "
                                         "step 1") != std::string::npos;
      EXPECT_TRUE(names) << told;
    }
  }
}

TEST(Trust, a_validation_that_is_no_number_is_asked_of_another_and_then_ends_the_run) {
  for (const bool both : {false, true}) {
    ClusterBox box;
    box.contributors.min = 2;
    box.train.max_steps = 1;
    Stage stage(box);
    stage.greets(1);
    stage.greets(2);
    stage.answers(1, 1, {0, 4}, milliseconds(10));
    stage.answers(2, 1, {4, 4}, milliseconds(10));
    ASSERT_TRUE(stage.master().progress().evaluating);
    (void)stage.leases_of(1);
    const Lease lease = stage.last<Lease>(2).value();
    (void)stage.leases_of(2);
    StatsMessage stats = sound_stats(box, 2, lease.node, lease.node.first);
    stats.loss = std::numeric_limits<double>::quiet_NaN();
    stage.says(2, stats);
    EXPECT_EQ(stage.leases_of(1), (std::vector<SnippetRange>{lease.node}));
    if (!both) {
      stage.evaluates(1, 2, lease.node, milliseconds(10));
      EXPECT_EQ(stage.checkpoints(), 0);
      continue;
    }
    try {
      stage.says(1, stats);
      FAIL() << "the run went on";
    } catch (const InputError& error) {
      EXPECT_EQ(error.problem(),
                "the loss of the validation data is not a finite number any more at step 1");
    }
    EXPECT_EQ(stage.checkpoints(), 0);
  }
}

TEST(Trust, an_update_beyond_all_numbers_ends_the_run_before_it_is_kept) {
  struct Way {
    const char* optimizer;
    double rate;
    float gradient;
    const char* told;
  };
  // By hand: 3e38 times 96 / 48 is beyond 3.4e38; (1e22 / 48)^2 is, too, and Adam keeps it.
  const Way ways[] = {{"sgd", 3e38, 96, "the values of"},
                      {"adam", 1e-3, 1e22F, "the optimizer's state of"}};
  for (const Way& way : ways) {
    ClusterBox box;
    box.train.optimizer = {};
    const OptimizerDef* def = find_optimizer(way.optimizer);
    box.train.optimizer.type = def->name;
    for (const OptionDef& option : def->options) {
      box.train.optimizer.options.set(std::string(option.name), option.fallback);
    }
    box.train.optimizer.options.set("rate", way.rate);
    Stage stage(box);
    stage.greets(1);
    for (std::uint32_t i = 0; i < 8; ++i) stage.says(1, sound_stats(box, 1, {0, 8}, i));
    Tensor gradient(box.fresh_parameters()[{0}].value.type());
    std::ranges::fill(gradient.values(), way.gradient);
    try {
      stage.says(1, GradientMessage{.work = 1, .node = {0, 8}, .parameter = {0}}, gradient.blob());
      FAIL() << "the run went on";
    } catch (const InputError& error) {
      EXPECT_EQ(error.problem(), way.told + (" \"" + box.fresh_parameters()[{0}].name) +
                                     (way.optimizer == std::string("sgd") ? "\" are" : "\" is") +
                                     " not a finite number any more at step 1");
    }
    EXPECT_EQ(stage.checkpoints(), 0);
  }
}

TEST(Trust, a_checkpoint_with_numbers_that_are_none_is_not_gone_on_from) {
  ClusterBox box;
  box.train.max_steps = 1;
  Checkpoint checkpoint = box.run({{}}).checkpoint.value();
  for (const bool in_state : {false, true}) {
    Checkpoint broken = checkpoint;
    Tensor& tensor = in_state ? broken.tensors[1].state.at(0) : broken.tensors[1].value;
    tensor = tensor.clone();
    tensor.values().front() = -std::numeric_limits<float>::infinity();
    try {
      (void)box.run({{}}, &broken);
      FAIL() << "it went on";
    } catch (const InputError& error) {
      EXPECT_EQ(error.problem(), "\"" + checkpoint.tensors[1].name +
                                     "\" of the checkpoint of step 1 holds numbers that are "
                                     "infinite or none");
    }
  }
}

TEST(Trust, a_weight_below_zero_is_a_lie) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  StatsMessage stats = no_number(1, {0, 8}, 0);
  stats.loss = 1;
  stats.weight = -6;
  stage.says(1, stats);
  EXPECT_TRUE(stage.dropped(1));
}

TEST(Trust, rows_that_the_parameter_has_not_are_a_lie) {
  ClusterBox box;
  const ParameterStore parameters = box.fresh_parameters();
  const Shape& shape = parameters[{0}].value.shape();
  ASSERT_EQ(shape.rank(), 2U);
  BufferPool buffers;
  for (const bool lies : {false, true}) {
    Stage stage(box);
    stage.greets(1);
    const std::vector<SnippetRange> leases = stage.leases_of(1);
    RowGradient rows(1, shape[1], buffers);
    std::fill(rows.values().begin(), rows.values().end(), 0.0F);
    rows.numbers()[0] = static_cast<std::uint32_t>(shape[0]) - (lies ? 0 : 1);
    stage.says(1,
               GradientMessage{
                   .work = 1, .node = leases.at(0), .parameter = {0}, .form = Gradient::Form::rows},
               rows.blob());
    EXPECT_EQ(stage.dropped(1), lies);
  }
}

TEST(Trust, every_snippet_is_credited_once_however_often_it_was_done) {
  ClusterBox box;
  box.contributors.min = 3;
  box.contributors.lease = milliseconds(1000);
  Stage stage(box);
  std::map<std::uint32_t, std::vector<SnippetRange>> leases;
  for (std::uint32_t peer = 1; peer <= 3; ++peer) stage.greets(peer);
  for (std::uint32_t peer = 1; peer <= 3; ++peer) leases[peer] = stage.leases_of(peer);
  for (int i = 0; i < 11; ++i) {
    stage.passes(milliseconds(100));
    for (std::uint32_t peer = 1; peer <= 3; ++peer) stage.says(peer, Heartbeat{});
  }
  for (std::uint32_t peer = 1; peer <= 3; ++peer) {
    for (const SnippetRange node : stage.leases_of(peer)) leases[peer].push_back(node);
  }
  for (const auto& [peer, nodes] : leases) {
    for (const SnippetRange node : nodes) stage.answers(peer, 1, node, milliseconds(10));
  }
  ASSERT_EQ(stage.master().progress().step, 1U);
  std::uint64_t snippets = 0;
  std::uint64_t rows = 0;
  for (const Member& member : stage.master().roster().all()) {
    snippets += member.snippets;
    rows += member.rows;
  }
  EXPECT_EQ(snippets, 8U);
  EXPECT_EQ(rows, static_cast<std::uint64_t>(box.train.batch));
}

TEST(Trust, who_lies_about_its_speed_gains_little) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(1);
  for (std::uint64_t work = 1; work <= 2; ++work) {
    stage.answers(1, work, {0, 8}, milliseconds(48));
  }
  const double honest = stage.master().roster().all()[0].speed;
  EXPECT_NEAR(honest, static_cast<double>(box.train.batch) / 0.048, 1);
  stage.answers(1, 3, {0, 8}, milliseconds(48), std::chrono::nanoseconds(1));
  EXPECT_LE(stage.master().roster().all()[0].speed, 1.21 * honest);
  // Nor is a time believed that is longer than the work was away.
  const double before = stage.master().roster().all()[0].speed;
  stage.answers(1, 4, {0, 8}, milliseconds(48), seconds(1000));
  EXPECT_GE(stage.master().roster().all()[0].speed, 0.8 * before);
}

TEST(Trust, who_was_refused_is_cut_off_and_can_not_greet_again) {
  ClusterBox box;
  Stage stage(box);
  const Hello other{.numerics = {.core = "Nehalem"}, .threads = 1};
  stage.says(1, other);
  for (int i = 0; i < 50; ++i) stage.says(1, other);
  EXPECT_EQ(stage.count<Finish>(1), 1);
  EXPECT_EQ(stage.events("refused"), 1);
  EXPECT_FALSE(stage.dropped(1));
  for (int i = 0; i < 25; ++i) stage.passes(milliseconds(100));
  EXPECT_TRUE(stage.dropped(1));
}

TEST(Trust, one_greeting_a_peer) {
  ClusterBox box;
  Stage stage(box);
  stage.greets(2);
  stage.greets(1);
  stage.says(1, Leave{});
  stage.disappears(1);
  stage.says(1, stage.hello());
  EXPECT_EQ(stage.master().roster().all().size(), 2U);
  Hello hello = stage.hello();
  hello.node = std::string(300, 'n');
  stage.says(3, hello);
  EXPECT_TRUE(stage.dropped(3));
}

}  // namespace
}  // namespace raven
