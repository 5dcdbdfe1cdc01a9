#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "data/allocation_count.hpp"
#include "data/ragged_maker.hpp"
#include "data/ragged_rows.hpp"
#include "raven/data/sampler.hpp"
#include "raven/data/verify.hpp"
#include "source_tree.hpp"

namespace raven {
namespace {

using Numbers = std::vector<std::int32_t>;

const std::vector<PlainSample> sentences{{.tokens = {3, 1, 4}, .targets = {0, 1, -100}},
                                         {.tokens = {15}, .targets = {3}},
                                         {.tokens = {9, 2, 6, 5}, .targets = {2, 2, 1, 0}}};
/// ((7 8) 9), one leaf alone, and a node of three with a chain below it.
const std::vector<PlainSample> trees{
    {.tokens = {7, 8, 9}, .parents = {2, 2, 4, 4, -1}, .targets = {0, 1, 2, 3, -100}},
    {.tokens = {19}, .parents = {-1}, .targets = {1}},
    {.tokens = {1, 2, 3}, .parents = {1, 4, 4, 4, -1}, .targets = {0, 0, 1, 2, 3}}};

Manifest manifest_of(const TemporaryFolder& folder, const SampleSchema& schema,
                     const std::vector<std::vector<PlainSample>>& shards) {
  Manifest manifest;
  manifest.file = folder / "train.yaml";
  manifest.name = "ragged";
  manifest.schema = schema;
  for (const auto& samples : shards) add_shard(manifest, folder, samples);
  return manifest;
}

Manifest sentences_in(const TemporaryFolder& folder) {
  return manifest_of(folder, ragged_schema(SampleForm::sequence, TargetKind::tags),
                     {sentences, {sentences[1], sentences[2]}});
}

Manifest trees_in(const TemporaryFolder& folder) {
  return manifest_of(folder, ragged_schema(SampleForm::tree, TargetKind::tags),
                     {trees, {trees[2]}});
}

TEST(RaggedSchema, comes_back_from_its_bytes_and_leaves_those_of_other_data_alone) {
  for (const SampleForm form : {SampleForm::sequence, SampleForm::tree}) {
    for (const TargetKind kind : {TargetKind::classes, TargetKind::tags, TargetKind::real}) {
      const SampleSchema schema = ragged_schema(form, kind);
      ASSERT_EQ(schema.flaw(), "");
      ByteWriter out;
      schema.encode(out);
      ByteReader in(out.bytes());
      EXPECT_EQ(SampleSchema::decode(in), schema);
      EXPECT_TRUE(in.done());
    }
  }
  ByteWriter out;
  SampleSchema fixed = ragged_schema(SampleForm::fixed, TargetKind::classes);
  fixed.encode(out);
  // A class is 1 on the wire, as it was before there was ragged data.
  EXPECT_EQ(out.bytes()[out.bytes().size() - 5], std::byte{1});
}

TEST(RaggedSchema, tells_rows_and_flaws) {
  const SampleSchema tags = ragged_schema(SampleForm::tree, TargetKind::tags);
  EXPECT_EQ(tags.features(7), (ValueType{DType::i32, Shape{7}}));
  EXPECT_EQ(tags.targets(9), (ValueType{DType::i32, Shape{9}}));
  EXPECT_EQ(tags.target_rows(2, {.tokens = 5, .nodes = 9}), 9);
  EXPECT_EQ(ragged_schema(SampleForm::sequence, TargetKind::tags).target_rows(2, {5, 0}), 5);
  EXPECT_EQ(ragged_schema(SampleForm::tree, TargetKind::classes).target_rows(2, {5, 9}), 2);
  EXPECT_EQ(tags.row_bytes({3, 5}), 4U + 4 + 3 * 4 + 5 * 4 + 5 * 4);
  EXPECT_NE(ragged_schema(SampleForm::fixed, TargetKind::tags).flaw(), "");
  SampleSchema next = ragged_schema(SampleForm::sequence, TargetKind::next);
  next.feature_shape = {4};
  next.target_width = 20;
  EXPECT_NE(next.flaw(), "");
  SampleSchema unknown = tags;
  unknown.form = static_cast<SampleForm>(3);
  EXPECT_NE(unknown.flaw(), "");
}

/// Leaves by the definition: follow the children from the root and number the nodes as they end.
std::int64_t leaves_by_recursion(const Numbers& parents) {
  const auto count = static_cast<std::int32_t>(parents.size());
  std::vector<Numbers> children(parents.size());
  std::int32_t root = -1;
  for (std::int32_t i = 0; i < count; ++i) {
    const std::int32_t parent = parents[static_cast<std::size_t>(i)];
    if (parent == -1) {
      if (root >= 0) return 0;
      root = i;
    } else if (parent < 0 || parent >= count) {
      return 0;
    } else {
      children[static_cast<std::size_t>(parent)].push_back(i);
    }
  }
  if (root < 0) return 0;
  Numbers order;
  std::int64_t leaves = 0;
  const std::function<bool(std::int32_t, int)> follow = [&](std::int32_t node, int depth) {
    if (depth > count) return false;
    leaves += children[static_cast<std::size_t>(node)].empty() ? 1 : 0;
    for (const std::int32_t child : children[static_cast<std::size_t>(node)]) {
      if (!follow(child, depth + 1)) return false;
    }
    order.push_back(node);
    return true;
  };
  if (!follow(root, 0)) return 0;
  Numbers wanted(parents.size());
  for (std::int32_t i = 0; i < count; ++i) wanted[static_cast<std::size_t>(i)] = i;
  return order == wanted ? leaves : 0;
}

TEST(RaggedRows, a_tree_is_a_tree_if_and_only_if_following_its_children_numbers_the_nodes) {
  std::int64_t found = 0;
  for (std::int32_t count = 1; count <= 6; ++count) {
    Numbers parents(static_cast<std::size_t>(count), -2);
    for (;;) {
      const std::int64_t wanted = leaves_by_recursion(parents);
      ASSERT_EQ(leaves_of(std::as_bytes(std::span(parents)).data(), count), wanted)
          << testing::PrintToString(parents);
      found += wanted > 0 ? 1 : 0;
      std::size_t digit = 0;
      while (digit < parents.size() && ++parents[digit] > count) parents[digit++] = -2;
      if (digit == parents.size()) break;
    }
  }
  EXPECT_EQ(found, 1 + 1 + 2 + 5 + 14 + 42);  // ordered trees of n nodes: Catalan(n - 1)
}

TEST(RaggedData, samples_come_one_after_the_other_with_their_lengths_whatever_their_order) {
  const TemporaryFolder folder;
  const Dataset data(sentences_in(folder));
  ASSERT_EQ(data.size(), 5);
  EXPECT_EQ(data.extent(2), (SampleExtent{4, 0}));
  const std::vector<std::int64_t> order{4, 0, 3, 1, 0, 2};
  std::vector<PlainSample> wanted;
  for (const std::int64_t s : order) {
    wanted.push_back(sentences[static_cast<std::size_t>(s < 3 ? s : s - 2)]);
  }
  EXPECT_EQ(read_samples(data, order), wanted);
  EXPECT_EQ(read_samples(data, {}), std::vector<PlainSample>{});
}

TEST(RaggedData, trees_come_with_parents_numbered_within_each) {
  const TemporaryFolder folder;
  const Dataset data(trees_in(folder));
  EXPECT_EQ(data.extent(0), (SampleExtent{3, 5}));
  EXPECT_EQ(read_samples(data, {3, 1, 0}),
            (std::vector<PlainSample>{trees[2], trees[1], trees[0]}));
}

TEST(RaggedData, more_samples_than_a_block_keep_their_places) {
  const TemporaryFolder folder;
  std::vector<std::vector<PlainSample>> shards(3);
  std::vector<PlainSample> all;
  for (std::int32_t s = 0; s < 1500; ++s) {
    const Numbers tokens(static_cast<std::size_t>(1 + s * 7 % 11), s % 20);
    const PlainSample sample{.tokens = tokens, .targets = {s % 4}};
    shards[static_cast<std::size_t>(s / 500)].push_back(sample);
    all.push_back(sample);
  }
  const Dataset data(
      manifest_of(folder, ragged_schema(SampleForm::sequence, TargetKind::classes), shards));
  std::vector<std::int64_t> order;
  std::vector<PlainSample> wanted;
  for (std::int64_t i = 0; i < 1500; ++i) {
    order.push_back(i * 7 % 1500);
    wanted.push_back(all[static_cast<std::size_t>(order.back())]);
  }
  EXPECT_EQ(read_samples(data, order), wanted);
}

TEST(RaggedData, every_sample_comes_once_per_epoch) {
  const TemporaryFolder folder;
  std::vector<PlainSample> samples;
  for (std::int32_t s = 0; s < 20; ++s) {
    samples.push_back({.tokens = Numbers(static_cast<std::size_t>(s % 5 + 1), s), .targets = {0}});
  }
  const Dataset data(
      manifest_of(folder, ragged_schema(SampleForm::sequence, TargetKind::classes),
                  {{samples.begin(), samples.begin() + 8}, {samples.begin() + 8, samples.end()}}));
  const Sampler sampler{.seed = 3, .size = data.size(), .batch = 6};
  for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
    std::map<std::int32_t, std::int64_t> seen;
    for (std::int64_t step = 0; step < sampler.steps_per_epoch(); ++step) {
      const std::int64_t now = epoch * sampler.steps_per_epoch() + step;
      for (const PlainSample& sample : read_samples(data, sampler.batch_at(now))) {
        ++seen[sample.tokens[0]];
      }
    }
    EXPECT_EQ(seen.size(), 20U);
    for (const auto& [token, times] : seen) EXPECT_EQ(times, 1) << token;
  }
}

TEST(RaggedData, what_is_not_wanted_is_not_written) {
  const TemporaryFolder folder;
  const Dataset data(trees_in(folder));
  RaggedBuffers buffers(data.schema(), 1, data.extent(0));
  data.read(std::vector<std::int64_t>{0}, {.lengths = buffers.views().lengths});
  EXPECT_EQ(buffers.lengths, Numbers{3});
  EXPECT_EQ(buffers.features, Numbers(3));
  EXPECT_EQ(buffers.targets, Numbers(5));
}

TEST(RaggedData, vectors_per_token_are_normalised_by_their_columns) {
  const TemporaryFolder folder;
  SampleSchema schema;
  schema.form = SampleForm::sequence;
  schema.feature_shape = {2};
  schema.target_kind = TargetKind::real;
  schema.target_width = 1;
  schema.normalisation = {.scale = 1, .mean = {1, 2}, .std = {2, 4}};
  const std::vector<float> values{1, 2, 3, 6, 5, 10};
  const std::vector<std::int64_t> offsets{0, 1, 3};
  const std::vector<float> asked{0.5F, 0.25F};
  Manifest manifest;
  manifest.file = folder / "train.yaml";
  manifest.schema = schema;
  const Digest digest = write_ragged_shard(folder / "v.h5", schema,
                                           {.features = std::as_bytes(std::span(values)),
                                            .token_offsets = offsets,
                                            .targets = std::as_bytes(std::span(asked))});
  manifest.shards.push_back({.file = "v.h5", .rows = 2, .sha256 = digest, .tokens = 3});
  const Dataset data(manifest);
  std::vector<float> features(6);
  std::vector<float> targets(2);
  const std::vector<std::int64_t> order{1, 0};
  const RowViews to{.features = {features.data(), schema.features(3)},
                    .targets = {targets.data(), schema.targets(2)}};
  data.read(order, to);
  EXPECT_EQ(features, (std::vector<float>{1, 1, 2, 2, 0, 0}));
  EXPECT_EQ(targets, (std::vector<float>{0.25F, 0.5F}));
  Bytes raw(data.raw_bytes(order));
  data.gather_raw(order, raw);
  features.assign(6, 9);
  ASSERT_TRUE(unpack(schema, raw, to));
  EXPECT_EQ(features, (std::vector<float>{1, 1, 2, 2, 0, 0}));
}

TEST(RaggedData, views_of_another_size_are_refused_before_a_byte_is_written) {
  const TemporaryFolder folder;
  const Dataset data(trees_in(folder));
  const std::vector<std::int64_t> samples{0, 1};
  const SampleExtent all = extent_of_all(data, samples);
  const auto refused = [&](auto change) {
    RaggedBuffers buffers(data.schema(), 2, all);
    change(buffers);
    const std::string said = complaint([&] { data.read(samples, buffers.views()); });
    EXPECT_EQ(buffers.lengths, Numbers(buffers.lengths.size()));
    return said.find("the graph was recorded for others") != std::string::npos;
  };
  EXPECT_NO_THROW(read_samples(data, samples));
  EXPECT_TRUE(refused([](RaggedBuffers& b) { b.features.resize(3); }));
  EXPECT_TRUE(refused([](RaggedBuffers& b) { b.targets.resize(5); }));
  EXPECT_TRUE(refused([](RaggedBuffers& b) { b.lengths.resize(1); }));
  EXPECT_TRUE(refused([](RaggedBuffers& b) { b.parents.resize(5); }));
  EXPECT_TRUE(refused([](RaggedBuffers& b) { b.nodes.resize(1); }));
}

TEST(RaggedData, extents_outlive_their_rows_and_reading_allocates_nothing) {
  const TemporaryFolder folder;
  const Dataset data(trees_in(folder), {.cache_bytes = 1});
  EXPECT_EQ(data.extent(0), (SampleExtent{3, 5}));
  EXPECT_EQ(data.extent(3), (SampleExtent{3, 5}));  // shard 0 had to go
  std::filesystem::remove(folder / "r0.h5");
  EXPECT_EQ(data.extent(1), (SampleExtent{1, 1}));
  EXPECT_NE(complaint([&] { read_samples(data, {1}); }), "");

  const Dataset roomy(sentences_in(folder));
  const std::vector<std::int64_t> samples{4, 0, 2};
  RaggedBuffers buffers(roomy.schema(), 3, extent_of_all(roomy, samples));
  const RowViews to = buffers.views();
  Bytes raw(roomy.raw_bytes(samples));
  const Unpacker unpacker(roomy.schema());
  const std::size_t before = allocation_count();
  (void)extent_of_all(roomy, samples);
  roomy.read(samples, to);
  roomy.gather_raw(samples, raw);
  const bool sound = unpacker.unpack(raw, to);
  EXPECT_EQ(allocation_count(), before);
  EXPECT_TRUE(sound);
}

TEST(RaggedData, rows_sent_to_others_become_the_same_samples) {
  const TemporaryFolder folder;
  const TemporaryFolder other;
  for (const Manifest& manifest : {sentences_in(folder), trees_in(other)}) {
    const Dataset data(manifest);
    const std::vector<std::int64_t> order{3, 0, 1, 2};
    Bytes raw(data.raw_bytes(order));
    data.gather_raw(order, raw);
    RaggedBuffers buffers(data.schema(), 4, extent_of_all(data, order));
    ASSERT_TRUE(unpack(data.schema(), raw, buffers.views()));
    EXPECT_EQ(buffers.samples(), read_samples(data, order));
    const auto ends = ends_of_rows(data.schema(), raw, 4);
    ASSERT_TRUE(ends);
    std::size_t end = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      end += data.raw_bytes(std::vector<std::int64_t>{order[i]});
      EXPECT_EQ((*ends)[i], end);
    }
    EXPECT_FALSE(ends_of_rows(data.schema(), raw, 3));
    EXPECT_FALSE(ends_of_rows(data.schema(), raw, 5));
    EXPECT_FALSE(ends_of_rows(data.schema(), raw, -1));
    EXPECT_FALSE(ends_of_rows(data.schema(), ByteSpan(raw).first(raw.size() - 1), 4));
  }
}

TEST(RaggedData, no_flipped_or_cut_byte_of_a_row_makes_a_sample_that_is_none) {
  const TemporaryFolder folder;
  const Dataset data(trees_in(folder));
  const std::vector<std::int64_t> samples{0};
  Bytes raw(data.raw_bytes(samples));
  data.gather_raw(samples, raw);
  RaggedBuffers buffers(data.schema(), 1, data.extent(0));
  for (std::size_t at = 0; at < raw.size(); ++at) {
    EXPECT_FALSE(unpack(data.schema(), ByteSpan(raw).first(at), buffers.views()));
    for (int bit = 0; bit < 8; ++bit) {
      Bytes flipped = raw;
      flipped[at] ^= static_cast<std::byte>(1 << bit);
      if (!unpack(data.schema(), flipped, buffers.views())) continue;
      const PlainSample sample = buffers.samples()[0];
      EXPECT_EQ(leaves_by_recursion(sample.parents), 3);
      for (const std::int32_t token : sample.tokens) EXPECT_TRUE(token >= 0 && token < 20);
      for (const std::int32_t tag : sample.targets) {
        EXPECT_TRUE(tag == -100 || (tag >= 0 && tag < 4));
      }
    }
  }
  const Numbers giant{-1, -1, 0, 0};  // 2^32 - 1 tokens and nodes
  EXPECT_FALSE(unpack(data.schema(), std::as_bytes(std::span(giant)), buffers.views()));
  const Numbers nothing{0, 0};
  EXPECT_FALSE(unpack(data.schema(), std::as_bytes(std::span(nothing)), buffers.views()));
}

TEST(RaggedData, trees_written_by_h5py_read_as_they_are_documented) {
  const Dataset data(
      read_manifest(std::filesystem::path(RAVEN_TEST_DATA) / "data/fixtures/trees.yaml"));
  EXPECT_EQ(read_samples(data, {0, 1}),
            (std::vector<PlainSample>{{{5, 6, 7}, {4, 3, 3, 4, -1}, {2, 2, 3, 4, 4}},
                                      {{8}, {-1}, {-100}}}));
}

TEST(RaggedData, its_manifest_reads_back) {
  const TemporaryFolder folder;
  const TemporaryFolder other;
  for (const Manifest& manifest : {sentences_in(folder), trees_in(other)}) {
    Manifest named = manifest;
    named.class_names = {"a", "b", "c", "d"};
    write_manifest(named, named.file);
    const Manifest back = read_manifest(named.file);
    EXPECT_EQ(back.schema, named.schema);
    EXPECT_EQ(back.class_names, named.class_names);
    EXPECT_EQ(back.shards[0].tokens, named.shards[0].tokens);
    EXPECT_EQ(back.shards[0].nodes, named.shards[0].nodes);
    EXPECT_EQ(back.identity(), named.identity());
    EXPECT_TRUE(verify(back).problems.empty());
    EXPECT_EQ(read_samples(Dataset(back), {0}), read_samples(Dataset(named), {0}));
  }
}

TEST(RaggedData, mistakes_of_its_manifest_are_told) {
  const TemporaryFolder folder;
  const auto said = [&](const std::string& form, const std::string& kind,
                        const std::string& counts = ", tokens: 3, nodes: 3") {
    const std::string shard =
        "shards: [{file: a.h5, rows: 1" + counts + ", sha256: " + std::string(64, '0') + "}]\n";
    return complaint([&] {
      (void)read_manifest(folder.put(
          "m.yaml", "format_version: 1\nname: x\n" + form +
                        "features: {shape: [], type: i32, vocabulary: 5}\ntargets: {kind: " + kind +
                        ", classes: 2}\n" + shard));
    });
  };
  EXPECT_EQ(said("form: tree\n", "tags"), "");
  EXPECT_NE(said("form: forest\n", "tags").find("m.yaml:3:7"), std::string::npos);
  EXPECT_NE(said("form: sequence\n", "tags").find("nodes belong to trees"), std::string::npos);
  EXPECT_NE(said("form: tree\n", "tags", ", tokens: 3").find("key 'nodes' is missing"),
            std::string::npos);
  EXPECT_NE(said("", "class").find("tokens belong to"), std::string::npos);
  EXPECT_NE(said("", "tags", "").find("tags belong to"), std::string::npos);
}

TEST(RaggedData, its_summary_counts_tokens_nodes_and_tags) {
  const TemporaryFolder folder;
  const DatasetSummary words = describe(sentences_in(folder));
  EXPECT_EQ(words.rows, 5);
  EXPECT_EQ(words.tokens, 13);
  EXPECT_EQ(words.lengths.min, 1);
  EXPECT_EQ(words.lengths.max, 4);
  EXPECT_EQ(words.features.max, 15);
  EXPECT_EQ(words.class_counts, (std::vector<std::int64_t>{3, 3, 4, 2}));
  const DatasetSummary summary = describe(trees_in(folder));
  EXPECT_EQ(summary.nodes, 16);
  EXPECT_EQ(summary.class_counts, (std::vector<std::int64_t>{5, 4, 3, 3}));
}

}  // namespace
}  // namespace raven
