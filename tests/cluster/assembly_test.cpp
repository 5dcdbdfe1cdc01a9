// What a contributor makes of assemblies: a master's word, which it does not trust.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cluster/box.hpp"
#include "cluster/listener.hpp"
#include "raven/graph/ops/dropout.hpp"
#include "raven/graph/ops/embedding.hpp"

namespace raven {
namespace {

using Kept = std::shared_ptr<const RecordedSample>;

/// The first samples of the box's sentences, recorded, and what a master says of them.
class Assemblies : public ::testing::Test {
 protected:
  Assemblies() : box(ClusterBox::Data::sentences), parameters(box.fresh_parameters()) {
    const MasterSetup setup = box.setup();
    for (std::int64_t i = 0; i < 4; ++i) {
      samples.push_back(setup.record_sample(0, i, Tape::Mode::training, parameters).graph);
    }
  }

  /// One that was sent graphs of four samples and all parameters.
  [[nodiscard]] Listener prepared(const ContributorLimits& limits = {}) const {
    Listener listener(box, parameters, limits);
    for (const Kept& sample : samples) listener.hears(GraphMessage{sample->digest}, sample->bytes);
    listener.hears_parameters(parameters);
    return listener;
  }
  [[nodiscard]] Assembly of(const std::vector<Kept>& of_samples) const {
    Assembly assembly;
    for (const Kept& sample : of_samples) {
      assembly.of_sample.push_back(static_cast<std::uint32_t>(assembly.graphs.size()));
      assembly.graphs.push_back(sample->digest);
    }
    return assembly;
  }
  /// Says it with the right digest. @return the digest
  static Digest says(Listener& listener, const Assembly& assembly, std::uint64_t work = 1) {
    const Blob bytes(encode(assembly));
    const Digest digest = digest_of(bytes.bytes());
    listener.hears(AssemblyMessage{digest, work}, bytes);
    return digest;
  }

  ClusterBox box;
  ParameterStore parameters;
  std::vector<Kept> samples;
};

TEST_F(Assemblies, are_work_when_everything_is_known) {
  Listener listener = prepared();
  const Digest assembly = says(listener, of({samples[0], samples[1]}));
  listener.leases(1, {assembly}, 2);
  EXPECT_EQ(listener.why(), "");
  EXPECT_EQ(listener.batches().size(), 1U);
}

TEST_F(Assemblies, of_unknown_graphs_end_it) {
  Listener listener(box, parameters);
  says(listener, of({samples[0]}));
  EXPECT_EQ(listener.why(), "the master sent an assembly of unknown graphs");
}

TEST_F(Assemblies, that_are_damaged_end_it) {
  const Blob bytes(encode(of({samples[0]})));
  Listener other_digest = prepared();
  other_digest.hears(AssemblyMessage{samples[0]->digest, 1}, bytes);
  EXPECT_EQ(other_digest.why(), "the master sent a damaged assembly of graphs");

  Listener cut = prepared();
  const Blob part = Blob(Bytes(bytes.bytes().begin(), bytes.bytes().end() - 1));
  cut.hears(AssemblyMessage{digest_of(part.bytes()), 1}, part);
  EXPECT_EQ(cut.why(), "the master sent a damaged assembly of graphs");

  Listener before_welcome(box);
  says(before_welcome, of({samples[0]}));
  EXPECT_EQ(before_welcome.why(), "the master sent work before a welcome");
}

TEST_F(Assemblies, with_unknown_parameters_end_it) {
  Listener by_gradient = prepared();
  Assembly assembly = of({samples[0]});
  assembly.gradients = {{static_cast<std::uint32_t>(parameters.size())}};
  says(by_gradient, assembly);
  EXPECT_EQ(by_gradient.why(), "the master sent an assembly with an unknown parameter");

  // A graph that reads more parameters than the welcome told of.
  Listener by_graph(box, ParameterStore());
  by_graph.hears(GraphMessage{samples[0]->digest}, samples[0]->bytes);
  says(by_graph, of({samples[0]}));
  EXPECT_EQ(by_graph.why(), "the master sent an assembly with an unknown parameter");
}

TEST_F(Assemblies, of_graphs_of_whole_batches_end_it) {
  ClusterBox digits;
  digits.batch_norm = true;
  const Blob bytes(encode(digits.setup().record(6, Tape::Mode::training)));
  Listener listener = prepared();
  listener.hears(GraphMessage{digest_of(bytes.bytes())}, bytes);
  Assembly assembly;
  assembly.graphs = {digest_of(bytes.bytes())};
  assembly.of_sample = {0};
  says(listener, assembly);
  EXPECT_EQ(listener.why().find("the master sent a graph that can't be joined: "), 0U)
      << listener.why();
}

TEST_F(Assemblies, of_more_calls_than_memory_holds_end_it) {
  // Few bytes that ask for the graph of a sentence three million times.
  Listener listener = prepared();
  Assembly assembly = of({samples[0]});
  assembly.of_sample.assign(3'000'000, 0);
  says(listener, assembly);
  EXPECT_EQ(listener.why(), "the master sent an assembly of more calls than can be joined");
}

/// Why it ended when it was sent an assembly of so many samples under these limits.
std::string why_not(Listener listener, const Assembly& assembly) {
  const Blob bytes(encode(assembly));
  listener.hears(AssemblyMessage{digest_of(bytes.bytes()), 1}, bytes);
  return listener.why();
}

TEST_F(Assemblies, of_more_than_is_allowed_end_it) {
  const SampleGraph graph(decode_graph(samples[0]->bytes.bytes()));
  Assembly assembly = of({samples[0]});
  assembly.of_sample = {0, 0, 0};
  const std::string too_many = "the master sent an assembly of more calls than can be joined";
  for (const auto& [limit, three] :
       {std::pair{&ContributorLimits::nodes, 3 * graph.graph().nodes.size()},
        std::pair{&ContributorLimits::edges, 3 * graph.edges()},
        std::pair{&ContributorLimits::value_bytes, 3 * graph.value_bytes()}}) {
    ContributorLimits limits;
    limits.*limit = three;
    EXPECT_EQ(why_not(prepared(limits), assembly), "");
    limits.*limit = three - 1;
    EXPECT_EQ(why_not(prepared(limits), assembly), too_many);
  }
}

TEST_F(Assemblies, that_are_too_many_end_it) {
  Listener listener = prepared({.assemblies = 2});
  says(listener, of({samples[0]}));
  says(listener, of({samples[1]}));
  says(listener, of({samples[1]}));  // the same once more
  EXPECT_EQ(listener.why(), "");
  says(listener, of({samples[0], samples[1]}));
  EXPECT_EQ(listener.why(), "the master sent too many assemblies");

  Listener by_samples = prepared({.samples = 3});
  says(by_samples, of({samples[0], samples[1]}));
  says(by_samples, of({samples[0]}));
  EXPECT_EQ(by_samples.why(), "");
  says(by_samples, of({samples[1]}));
  EXPECT_EQ(by_samples.why(), "the master sent too many assemblies");

  // Work that is over makes room.
  Listener later = prepared({.assemblies = 2, .samples = 3});
  says(later, of({samples[0], samples[1]}), 1);
  const Digest second = says(later, of({samples[0]}), 2);
  later.leases(2, {second}, 1);
  says(later, of({samples[1], samples[0]}), 2);
  EXPECT_EQ(later.why(), "");
}

TEST_F(Assemblies, have_graphs_of_which_too_many_end_it) {
  const auto hears_all = [&](Listener listener) {
    for (const Kept& sample : samples) {
      listener.hears(GraphMessage{sample->digest}, sample->bytes);
      listener.hears(GraphMessage{sample->digest}, sample->bytes);
    }
    return listener.why();
  };
  std::set<Digest> distinct;
  std::size_t bytes = 0;
  for (const Kept& sample : samples) {
    if (distinct.insert(sample->digest).second) bytes += sample->bytes.size();
  }
  ASSERT_GT(distinct.size(), 1U);
  const auto with = [&](const ContributorLimits& limits) {
    return hears_all(Listener(box, parameters, limits));
  };
  EXPECT_EQ(with({.graphs = distinct.size(), .graph_bytes = bytes}), "");
  EXPECT_EQ(with({.graphs = distinct.size() - 1}), "the master sent too many graphs");
  EXPECT_EQ(with({.graph_bytes = bytes - 1}), "the master sent too many graphs");

  Listener forgetful(box, parameters, {.graphs = 1});
  for (const Kept& sample : samples) {
    forgetful.hears(ForgetGraphs{});
    forgetful.hears(GraphMessage{sample->digest}, sample->bytes);
  }
  EXPECT_EQ(forgetful.why(), "");
}

TEST_F(Assemblies, whose_lease_names_no_version_never_run) {
  Listener listener(box, parameters);
  listener.hears(GraphMessage{samples[0]->digest}, samples[0]->bytes);
  listener.leases_without_versions(1, {says(listener, of({samples[0]}))}, 1);
  EXPECT_TRUE(listener.batches().empty());
  // Neither by parameters of some version, nor by such as claim to be of none.
  listener.hears_parameters(parameters);
  for (std::uint32_t id = 0; id < parameters.size(); ++id) {
    listener.hears(ParameterMessage{.id = {id}, .version = Ready::no_version},
                   parameters[{id}].value.blob());
  }
  EXPECT_TRUE(listener.batches().empty());
  EXPECT_EQ(listener.why(), "");
}

TEST_F(Assemblies, of_graphs_of_other_data_end_it) {
  Tape tape;
  const Variable x = tape.input(slot_features, {DType::f32, {1, 3}});
  const Blob bytes([&] {
    tape.set_prediction(x);
    return encode(tape.take());
  }());
  Listener listener = prepared();
  listener.hears(GraphMessage{digest_of(bytes.bytes())}, bytes);
  Assembly assembly;
  assembly.graphs = {digest_of(bytes.bytes())};
  assembly.of_sample = {0};
  listener.leases(1, {says(listener, assembly)}, 1);
  EXPECT_EQ(listener.why(), "the master sent a graph that does not fit the data");
}

TEST_F(Assemblies, of_another_number_of_samples_than_the_lease_end_it) {
  for (const std::int64_t rows : {1, 3}) {
    Listener listener = prepared();
    listener.leases(1, {says(listener, of({samples[0], samples[1]}))}, rows);
    EXPECT_EQ(listener.why(), "the master sent a lease that makes no sense") << rows;
  }
  Listener unknown = prepared();
  unknown.leases(1, {digest_of(encode(of({samples[0]})))}, 1);
  EXPECT_EQ(unknown.why(), "the master sent a lease that makes no sense");
}

TEST_F(Assemblies, last_until_the_first_lease_of_later_work) {
  Listener listener = prepared();
  const Digest first = says(listener, of({samples[0]}), 1);
  const Digest second = says(listener, of({samples[1]}), 2);
  listener.leases(1, {first}, 1);
  listener.leases(1, {first}, 1);
  listener.leases(2, {second}, 1);
  EXPECT_EQ(listener.why(), "");
  EXPECT_EQ(listener.batches().size(), 3U);
  listener.leases(2, {first}, 1);
  EXPECT_EQ(listener.why(), "the master sent a lease that makes no sense");
}

TEST_F(Assemblies, are_work_also_when_their_graphs_are_to_be_forgotten_meanwhile) {
  Listener listener = prepared();
  const Digest assembly = says(listener, of({samples[0]}));
  listener.hears(ForgetGraphs{});
  listener.leases(1, {assembly}, 1);
  EXPECT_EQ(listener.why(), "");
  EXPECT_EQ(listener.batches().size(), 1U);
  says(listener, of({samples[1]}));
  EXPECT_EQ(listener.why(), "the master sent an assembly of unknown graphs");
}

TEST_F(Assemblies, of_earlier_work_than_their_lease_end_it) {
  Listener listener = prepared();
  listener.leases(5, {says(listener, of({samples[0]}))}, 1);
  EXPECT_EQ(listener.why(), "the master sent work whose graphs it had forgotten");
}

TEST_F(Assemblies, and_graphs_that_waiting_work_needs_end_it_when_they_are_forgotten) {
  Listener listener(box, parameters);
  listener.hears(GraphMessage{samples[0]->digest}, samples[0]->bytes);
  listener.leases(1, {samples[0]->digest}, 1);
  EXPECT_EQ(listener.why(), "");
  listener.hears(ForgetGraphs{});
  listener.hears_parameter(parameters, {0});
  EXPECT_EQ(listener.why(), "the master sent work whose graphs it had forgotten");
}

TEST_F(Assemblies, wait_for_parameters_whose_gradients_are_zeros) {
  // A graph that reads none, in a step that asks for a gradient of parameter 1: who never had that
  // parameter does not know what to send zeros of.
  Tape tape;
  const Variable tokens = tape.input(slot_features, {DType::i32, Shape{1}});
  const Variable table = tape.parameter(parameters, {0});
  tape.set_prediction(embedding(tokens, table));
  const Blob bytes(encode(tape.take()));
  Listener listener(box, parameters);
  listener.hears(GraphMessage{digest_of(bytes.bytes())}, bytes);
  Assembly assembly;
  assembly.graphs = {digest_of(bytes.bytes())};
  assembly.of_sample = {0};
  assembly.gradients = {{1}};
  const Digest digest = says(listener, assembly);
  listener.hears_parameter(parameters, {0});
  listener.leases(1, {digest}, 1);
  EXPECT_TRUE(listener.batches().empty());
  listener.hears_parameter(parameters, {1});
  EXPECT_EQ(listener.why(), "");
  ASSERT_EQ(listener.batches().size(), 1U);
  EXPECT_EQ(listener.batches()[0].parameters[1].type(), parameters[{1}].value.type());
}

TEST_F(Assemblies, whose_rows_are_not_those_of_the_data_fail_without_harm) {
  // The second sample's graph is for the first's row.
  ASSERT_NE(samples[0]->digest, samples[1]->digest);
  Listener listener = prepared();
  listener.leases(1, {says(listener, of({samples[1]}))}, 1);
  ASSERT_EQ(listener.batches().size(), 1U);
  const std::vector<ComputeEvent> events = computed(std::move(listener.batches()[0]));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_NE(std::get<BatchFailed>(events[0]).reason, "");
}

/// Which of some ones a dropout let through, for each of four samples in two snippets.
std::vector<std::string> masks_of(const ClusterBox& box, const ParameterStore& parameters,
                                  Autobatch autobatch) {
  ParameterStore ones;
  for (const Parameter& parameter : parameters.all()) {
    Tensor value(parameter.value.type());
    std::ranges::fill(value.values(), 1.0F);
    (void)ones.add({.name = parameter.name, .value = value});
  }
  Listener listener(box, ones);
  listener.hears_parameters(ones);
  const MasterSetup setup = box.setup();
  std::vector<Digest> assemblies;
  std::vector<std::int64_t> sizes;
  for (std::int64_t snippet = 0; snippet < 2; ++snippet) {
    Assembly assembly{.autobatch = autobatch, .graphs = {}, .of_sample = {0, 1}, .gradients = {}};
    for (std::int64_t i = 0; i < 2; ++i) {
      const Kept kept =
          setup.record_sample(0, 2 * snippet + i, Tape::Mode::training, parameters).graph;
      sizes.push_back(decode_graph(kept->bytes.bytes()).nodes[0].outputs[0].shape[0]);
      Tape tape;
      const Variable tokens = tape.input(slot_features, {DType::i32, Shape{sizes.back()}});
      tape.set_prediction(dropout(embedding(tokens, tape.parameter(ones, {0})), 0.5));
      const Blob bytes(encode(tape.take()));
      assembly.graphs.push_back(digest_of(bytes.bytes()));
      listener.hears(GraphMessage{assembly.graphs.back()}, bytes);
    }
    const Blob bytes(encode(assembly));
    assemblies.push_back(digest_of(bytes.bytes()));
    listener.hears(AssemblyMessage{assemblies.back(), 1}, bytes);
  }
  listener.leases(1, assemblies, 2, Purpose::predict);
  EXPECT_EQ(listener.why(), "");

  std::vector<std::string> masks;
  for (const ComputeEvent& event : computed(std::move(listener.batches().at(0)))) {
    const auto* ready = std::get_if<SnippetStatsReady>(&event);
    if (ready == nullptr) continue;
    const Tensor& prediction = ready->stats.prediction;
    const std::int64_t width = prediction.shape()[1];
    std::int64_t row = 0;
    for (int i = 0; i < 2; ++i) {
      // As many rows of each as the shortest sentence has.
      std::string& mask = masks.emplace_back();
      for (std::int64_t at = row * width; at < (row + 5) * width; ++at) {
        mask += prediction.values()[static_cast<std::size_t>(at)] > 0 ? '1' : '0';
      }
      row += sizes[masks.size() - 1];
    }
  }
  return masks;
}

TEST_F(Assemblies, drop_other_numbers_of_each_sample) {
  for (const Autobatch mode : {Autobatch::on, Autobatch::off}) {
    const std::vector<std::string> masks = masks_of(box, parameters, mode);
    ASSERT_EQ(masks.size(), 4U);
    EXPECT_EQ(std::set(masks.begin(), masks.end()).size(), 4U);
    for (const std::string& mask : masks) {
      const auto kept = std::ranges::count(mask, '1');
      EXPECT_TRUE(kept > 5 && kept < 25) << mask;
    }
  }
}

}  // namespace
}  // namespace raven
