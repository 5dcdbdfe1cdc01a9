#include <gtest/gtest.h>

#include "data/byte_strings.hpp"
#include "data/ragged_maker.hpp"
#include "raven/data/import.hpp"
#include "raven/data/verify.hpp"

namespace raven {
namespace {

ImportOptions all_for_training(const TemporaryFolder& folder) {
  return {.folder = folder.path() / "out", .name = "words", .valid_fraction = 0};
}

/// A sample in words: "word/tag word/tag", with - where nothing is asked.
std::string in_words(const Manifest& manifest, std::int64_t sample) {
  const PlainSample read = read_samples(Dataset(manifest), {sample})[0];
  std::string text;
  for (std::size_t i = 0; i < read.tokens.size(); ++i) {
    const std::int32_t tag = read.targets[i];
    text += (i == 0 ? "" : " ") +
            manifest.vocabulary->texts()[static_cast<std::size_t>(read.tokens[i])] + "/" +
            (tag < 0 ? "-" : manifest.class_names[static_cast<std::size_t>(tag)]);
  }
  return text;
}

Manifest conll(const TemporaryFolder& folder, const std::string& text, const ConllOptions& how) {
  return read_manifest(
      import_conll(folder.put("words.txt", text), how, all_for_training(folder)).train);
}

const std::string names_2003 =
    "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n\n"
    "\xC3\x96l NN B-NP O\r\nEU NNP B-NP B-ORG\n# # B-NP O\n";

TEST(ConllImport, reads_columns_parted_by_blanks) {
  const TemporaryFolder folder;
  const Manifest manifest = conll(folder, names_2003, {});
  EXPECT_EQ(manifest.rows(), 2);
  EXPECT_EQ(manifest.class_names, (std::vector<std::string>{"B-ORG", "O"}));
  EXPECT_EQ(manifest.vocabulary->texts(),
            (std::vector<std::string>{"<unk>", "EU", "#", "rejects", "\xC3\x96l"}));
  EXPECT_EQ(in_words(manifest, 0), "EU/B-ORG rejects/O");
  EXPECT_EQ(in_words(manifest, 1), "\xC3\x96l/O EU/B-ORG #/O");
  EXPECT_TRUE(verify(manifest).problems.empty());
}

TEST(ConllImport, chooses_columns_by_number_or_name_and_words_by_how_often_they_stand_there) {
  const TemporaryFolder folder;
  EXPECT_EQ(in_words(conll(folder, names_2003, {.tag = "2", .least = 2}), 0), "EU/NNP <unk>/VBZ");
  EXPECT_EQ(in_words(conll(folder, names_2003, {.tag = "2", .vocabulary = 2}), 0),
            "EU/NNP <unk>/VBZ");
  const ConllOptions named{.word = "w", .tag = "chunk", .columns = {"w", "pos", "chunk", "name"}};
  EXPECT_EQ(in_words(conll(folder, names_2003, named), 0), "EU/B-NP rejects/B-VP");
}

TEST(ConllImport, reads_conll_u_with_comments_ranges_and_empty_words) {
  const TemporaryFolder folder;
  const std::string text =
      "# global.columns = ID FORM UPOS\n# text = vamonos al mar\n1-2\tvamonos\t_\n1\tvamos\tVERB\n"
      "2\tnos\tPRON\n2.1\tghost\tX\n3\tthe sea\tNOUN\n";
  const ConllOptions how{.word = "FORM", .tag = "UPOS", .ignore = "PRON"};
  EXPECT_EQ(in_words(conll(folder, text, how), 0), "vamos/VERB nos/- the sea/NOUN");
}

TEST(ConllImport, asks_where_a_line_with_a_hash_may_be_a_word) {
  using Hash = ConllOptions::Hash;
  const TemporaryFolder folder;
  const std::string text = "# a comment\n# SYM\n1 NUM\n";
  const std::string said = complaint([&] { conll(folder, text, {}); });
  EXPECT_NE(said.find("words.txt:2: the line begins with #"), std::string::npos) << said;
  EXPECT_EQ(in_words(conll(folder, text, {.hash = Hash::comments}), 0), "1/NUM");
  EXPECT_EQ(in_words(conll(folder, "# SYM\n1 NUM\n", {.hash = Hash::words}), 0), "#/SYM 1/NUM");
  EXPECT_EQ(in_words(conll(folder, "# a comment\n1 NUM\n\n#begin document x\n2 N\n", {}), 1),
            "2/N");
}

TEST(ConllImport, unpacks_gzip_and_splits_by_the_number_of_the_sentence) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 200; ++i) {
    const std::string word = "w" + std::to_string(i);
    text += word + " A\nend B\n\n";
  }
  const auto import = [&](const std::filesystem::path& file) {
    return import_conll(file, {}, {.folder = folder.path() / "out", .name = "x", .seed = 4});
  };
  const ImportReport packed = import(folder.put("a.gz", gzipped(text)));
  const Digest identity = read_manifest(packed.train).identity();
  const ImportReport plain = import(folder.put("a.txt", text));
  EXPECT_EQ(read_manifest(plain.train).identity(), identity);
  EXPECT_EQ(plain.train_rows + plain.valid_rows, 200);
  EXPECT_GT(plain.valid_rows, 5);
  EXPECT_LT(plain.valid_rows, 45);
  // What only stands in validation is not known in training.
  const Manifest valid = read_manifest(*plain.valid);
  EXPECT_EQ(valid.vocabulary->size(), 2 + plain.train_rows);
  EXPECT_EQ(in_words(valid, 0), "<unk>/A end/B");
}

struct Broken {
  const char* name;
  std::string text;
  std::string place;
  std::string problem;
};

class BrokenConll : public testing::TestWithParam<Broken> {};

TEST_P(BrokenConll, is_refused_with_its_line) {
  const TemporaryFolder folder;
  const std::string said =
      complaint([&] { conll(folder, GetParam().text, {.word = "1", .tag = "2"}); });
  EXPECT_NE(said.find("words.txt" + GetParam().place), std::string::npos) << said;
  EXPECT_NE(said.find(GetParam().problem), std::string::npos) << said;
}

std::string many_labels(const std::string& before, const std::string& after) {
  std::string text;
  for (int i = 0; i < 4097; ++i) text += before + std::to_string(i) + after;
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    All, BrokenConll,
    testing::Values(
        Broken{"fewer_columns", "a A\nb\n", ":2:", "has 1 columns, but the first word has 2"},
        Broken{"more_columns", "a A\n\nb B C\n", ":3:", "has 3 columns"},
        Broken{"no_such_column", "a\n", ":1:", "there is no column '2' (of tags)"},
        Broken{"empty_tag", "a\tA\nb\t\n", ":2:", "column 2 is empty"},
        Broken{"no_sentence", "\n\n# nothing\n", ":", "no sentence with a tag"},
        Broken{"not_utf8", "a A\n\xFF B\n", ":2:", "UTF-8"},
        Broken{"zero_byte", std::string("a A\nb\0 B\n", 9), ":2:", "zero byte"},
        Broken{"endless_line", std::string((1 << 20) + 1, 'a'), ":1:", "longer than 1 MiB"},
        Broken{"endless_word", std::string(1025, 'a') + " A\n", ":1:", "longer than 1024"},
        Broken{"endless_tag", "a " + std::string(1025, 'A') + "\n", ":1:", "longer than 1024"},
        Broken{"words_for_tags", many_labels("a T", "\n"), ":4097:", "more than 4096 different"},
        Broken{"names_that_are_too_few", "# global.columns = W\na A\n",
               ":2:", "there are names for 1"},
        Broken{"names_that_change", "# global.columns = W T\na A\n\n# global.columns = T W\n",
               ":4:", "other names"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ConllImport, words_and_tags_of_one_column_are_refused) {
  const TemporaryFolder folder;
  EXPECT_NE(complaint([&] {
              conll(folder, "a A\n", {.word = "1", .tag = "1"});
            }).find("both in column 1"),
            std::string::npos);
  EXPECT_NE(complaint([&] { import_conll(folder / "none", {}, all_for_training(folder)); }), "");
}

Manifest trees(const TemporaryFolder& folder, const std::string& text,
               const TreeOptions& how = {}) {
  return read_manifest(
      import_tree(folder.put("trees.txt", text), how, all_for_training(folder)).train);
}

TEST(TreeImport, reads_the_trees_of_the_stanford_sentiment_treebank) {
  const TemporaryFolder folder;
  const Manifest manifest =
      trees(folder, "(3 (2 It) (4 (2 's) (3 (10 fun) (2 .))))\n(0 (1 (2 bad)))");
  EXPECT_EQ(manifest.rows(), 2);
  // Whole numbers in their order, and only those that some node has after chains have gone.
  EXPECT_EQ(manifest.class_names, (std::vector<std::string>{"0", "2", "3", "4", "10"}));
  const auto read = read_samples(Dataset(manifest), {0, 1});
  EXPECT_EQ(read[0].parents, (std::vector<std::int32_t>{6, 5, 4, 4, 5, 6, -1}));
  EXPECT_EQ(read[0].targets, (std::vector<std::int32_t>{1, 1, 4, 1, 2, 3, 2}));
  EXPECT_EQ(read[1].parents, std::vector<std::int32_t>{-1});
  EXPECT_EQ(read[1].targets, std::vector<std::int32_t>{0});
  EXPECT_TRUE(verify(manifest).problems.empty());
}

TEST(TreeImport, reads_the_penn_treebank_over_lines_with_chains_and_many_children) {
  const TemporaryFolder folder;
  const std::string text =
      "( (S\n    (NP-SBJ (DT The) (JJ grey)\t(NN raven))\r\n    (VP (VBD slept))\n    (. .)))\n";
  const Manifest manifest = trees(folder, text);
  EXPECT_EQ(manifest.class_names,
            (std::vector<std::string>{".", "DT", "JJ", "NN", "NP-SBJ", "S", "VP"}));
  const auto read = read_samples(Dataset(manifest), {0});
  EXPECT_EQ(read[0].parents, (std::vector<std::int32_t>{3, 3, 3, 6, 6, 6, -1}));
  EXPECT_EQ(read[0].targets, (std::vector<std::int32_t>{1, 2, 3, 4, 6, 0, 5}));
  EXPECT_EQ(in_words(manifest, 0).substr(0, 3), "The");
}

TEST(TreeImport, asks_for_the_root_alone_when_told_and_for_nothing_where_there_is_no_label) {
  const TemporaryFolder folder;
  const Manifest roots =
      trees(folder, "(1 (x a) (y b))\n(0 c)\n", {.targets = TargetKind::classes});
  EXPECT_EQ(roots.class_names, (std::vector<std::string>{"0", "1"}));
  EXPECT_EQ(read_samples(Dataset(roots), {0})[0].targets, std::vector<std::int32_t>{1});
  const Manifest nodes = trees(folder, "(1 ((0 a) (1 b)) (1 c))");
  EXPECT_EQ(read_samples(Dataset(nodes), {0})[0].targets,
            (std::vector<std::int32_t>{0, 1, -100, 1, 1}));
}

TEST(TreeImport, reads_trees_nested_far_deeper_than_any_stack_of_calls) {
  const TemporaryFolder folder;
  std::string text;
  constexpr int depth = 300'000;
  for (int i = 0; i < depth; ++i) text += "(1 (0 w)\n";
  text += "(1 w)" + std::string(depth, ')');
  const Manifest manifest = trees(folder, text);
  EXPECT_EQ(manifest.shards[0].nodes, 2 * depth + 1);
}

TEST(SentenceImport, another_part_of_the_data_takes_the_words_and_classes_of_the_first) {
  const TemporaryFolder folder;
  const Manifest first = trees(folder, "(4 (1 good) (2 film))");
  const auto other = [&](const std::string& text) {
    return read_manifest(import_tree(folder.put("dev.txt", text), {},
                                     {.folder = folder.path() / "dev",
                                      .valid_fraction = 0,
                                      .like = std::make_shared<const Manifest>(first)})
                             .train);
  };
  const Manifest second = other("(2 (4 film) (1 new))");
  EXPECT_EQ(second.schema, first.schema);
  EXPECT_EQ(in_words(second, 0), "film/4 <unk>/1");
  const std::string said = complaint([&] { other("(2 film)\n(3 good)"); });
  EXPECT_NE(said.find("dev.txt:2:"), std::string::npos) << said;
  EXPECT_NE(said.find("'3' is none of those of"), std::string::npos) << said;
  const TemporaryFolder sentences;
  const std::string said_of_form = complaint([&] {
    import_conll(sentences.put("dev.txt", "film 4\nnew 1\n"), {},
                 {.folder = sentences.path() / "dev",
                  .valid_fraction = 0,
                  .like = std::make_shared<const Manifest>(first)});
  });
  EXPECT_NE(said_of_form.find("its samples are sentences"), std::string::npos) << said_of_form;
}

class BrokenTree : public testing::TestWithParam<Broken> {};

TEST_P(BrokenTree, is_refused_with_its_line) {
  const TemporaryFolder folder;
  const std::string said =
      complaint([&] { trees(folder, GetParam().text, {.targets = TargetKind::classes}); });
  EXPECT_NE(said.find("trees.txt" + GetParam().place), std::string::npos) << said;
  EXPECT_NE(said.find(GetParam().problem), std::string::npos) << said;
}

INSTANTIATE_TEST_SUITE_P(
    All, BrokenTree,
    testing::Values(
        Broken{"never_closed", "(1 a)\n(1 (2 a)\n(3 b)\n", ":2:", "never closed"},
        Broken{"closed_twice", "(1 a))\n", ":1:", "never opened"},
        Broken{"word_outside", "(1 a)\nb (1 c)", ":2:", "'b' stands outside"},
        Broken{"no_word", "(1 (2 a)\n(3))", ":2:", "(3) holds no word"},
        Broken{"nothing_at_all", "(1 a)\n()", ":2:", "() holds no word"},
        Broken{"two_words", "(1 a b)", ":1:", "the word 'b' stands beside"},
        Broken{"word_after_bracket", "(1 (2 a) b)", ":1:", "the word 'b' stands beside"},
        Broken{"bracket_after_word", "(1 a (2 b))", ":1:", "stands beside the word 'a'"},
        Broken{"root_without_label", "(1 a)\n\n((2 a) (3 b))", ":3:", "root of this tree"},
        Broken{"no_tree", " \n", ":", "no tree with a label"},
        Broken{"not_utf8", "(1 \xC3)", ":1:", "UTF-8"},
        Broken{"endless_label", "(" + std::string(1025, '1') + " a)", ":1:", "longer than 1024"},
        Broken{"words_for_labels", many_labels("(", " a)\n"), ":4097:", "more than 4096"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(TreeImport, brackets_without_end_are_refused_before_memory_is_gone) {
  const TemporaryFolder folder;
  std::string text = "\n";
  for (int i = 0; i < 1100; ++i) text += std::string(1000, '(') + "\n";
  const std::string said = complaint([&] { trees(folder, text); });
  EXPECT_NE(said.find("trees.txt:2: the tree is nested more than"), std::string::npos) << said;
}

}  // namespace
}  // namespace raven
