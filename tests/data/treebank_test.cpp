#include <gtest/gtest.h>

#include "data/bracket_reader.hpp"
#include "data/byte_strings.hpp"
#include "data/ragged_maker.hpp"
#include "raven/data/import.hpp"

namespace raven {
namespace {

ImportReport import_as(const TemporaryFolder& folder, const std::string& name,
                       const std::string& text, const ConllOptions& how = {}) {
  return import_conll(folder.put(name, text), how,
                      {.folder = folder.path() / "out", .name = "t", .valid_fraction = 0});
}

/// "word/tag word/tag" of the first sentence.
std::string first_sentence(const ImportReport& report) {
  const Manifest manifest = read_manifest(report.train);
  const PlainSample read = read_samples(Dataset(manifest), {0})[0];
  std::string text;
  for (std::size_t i = 0; i < read.tokens.size(); ++i) {
    text += (i == 0 ? "" : " ") +
            manifest.vocabulary->texts()[static_cast<std::size_t>(read.tokens[i])] + "/" +
            manifest.class_names[static_cast<std::size_t>(read.targets[i])];
  }
  return text;
}

std::string said_of(const std::string& name, const std::string& text,
                    const ConllOptions& how = {}) {
  const TemporaryFolder folder;
  return complaint([&] { import_as(folder, name, text, how); });
}

/// A line of CoNLL-U.
std::string line(const std::string& id, const std::string& form, const std::string& upos) {
  return id + "\t" + form + "\tl\t" + upos + "\tX\t_\t_\t_\t_\tSpaceAfter=No\n";
}

const std::string french = "# text = du vin bu\n" + line("1-2", "du", "_") +
                           line("1", "de", "ADP") + line("2", "le", "DET") +
                           line("3", "vin", "NOUN") + line("3.1", "bu", "VERB") + "\n";

TEST(ConllU, is_recognised_by_its_form_or_its_ending_and_read_as_forms_with_upos) {
  const TemporaryFolder folder;
  for (const std::string name : {"a.txt", "a.conllu"}) {
    const ImportReport report = import_as(folder, name, french);
    EXPECT_EQ(first_sentence(report), "de/ADP le/DET vin/NOUN");
    ASSERT_EQ(report.remarks.size(), 2U);
    EXPECT_EQ(report.remarks[0], "words are column 2 (FORM), tags column 4 (UPOS)");
    EXPECT_NE(report.remarks[1].find("1 range of words (such as 1-2) and 1 empty word"),
              std::string::npos);
  }
  EXPECT_EQ(first_sentence(import_as(folder, "a.conllu.gz", gzipped(french))),
            "de/ADP le/DET vin/NOUN");
  EXPECT_EQ(first_sentence(import_as(folder, "a.txt", french, {.word = "LEMMA", .tag = "XPOS"})),
            "l/X l/X l/X");
  EXPECT_EQ(first_sentence(import_as(folder, "a.txt", french, {.word = "2", .tag = "4"})),
            "de/ADP le/DET vin/NOUN");
}

TEST(ConllU, ranges_and_empty_words_are_known_by_form_in_any_number_of_columns) {
  const TemporaryFolder folder;
  const std::string text = "1-2 du _ _\n1 de de ADP\n2 le le DET\n3 vin vin NOUN\n3.1 bu bu VERB\n";
  EXPECT_EQ(first_sentence(import_as(folder, "a.txt", text, {.word = "2"})),
            "de/ADP le/DET vin/NOUN");
  EXPECT_EQ(
      first_sentence(import_as(folder, "a.txt", "# global.columns = ID FORM LEMMA UPOS\n" + text)),
      "de/ADP le/DET vin/NOUN");
  EXPECT_EQ(first_sentence(import_as(folder, "a.txt", text,
                                     {.word = "w", .columns = {"nr", "w", "l", "tag"}})),
            "de/ADP le/DET vin/NOUN");
  // Numbers are no words: which column holds those is asked.
  EXPECT_NE(said_of("a.txt", text).find("column 1 numbers the words"), std::string::npos);
  EXPECT_NE(said_of("a.txt", text, {.word = "1"}).find("with ranges and empty words"),
            std::string::npos);
  EXPECT_EQ(first_sentence(import_as(folder, "a.txt", "1 A\n2 B\n", {.word = "1"})), "1/A 2/B");
  // An empty word before the first, and two in one place.
  EXPECT_EQ(first_sentence(import_as(folder, "a.txt", "0.1 a X\n1 b B\n1.1 c X\n1.2 d X\n2 e E\n",
                                     {.word = "2"})),
            "b/B e/E");
}

TEST(ConllU, a_column_called_id_that_holds_other_names_drops_no_word) {
  const TemporaryFolder folder;
  const std::string text =
      "# global.columns = ID FORM UPOS\ns-1.1\tthe\tDET\ns-1.2\tcat\tNOUN\n1-2\tsat\tVERB\n";
  EXPECT_EQ(first_sentence(import_as(folder, "a.txt", text)), "the/DET cat/NOUN sat/VERB");
  // Words that look like ranges are words: scores, versions.
  EXPECT_EQ(first_sentence(import_as(folder, "b.txt", "won V\n1-2 NUM\n3.1 NUM\n")),
            "won/V 1-2/NUM 3.1/NUM");
  EXPECT_EQ(first_sentence(import_as(folder, "b.txt", "1 NUM\n")), "1/NUM");
}

TEST(ConllU, numbers_that_tell_no_ranges_are_refused_with_their_place) {
  EXPECT_NE(said_of("a.conllu", line("1", "a", "A") + line("3-4", "b", "B") + line("3", "c", "C"))
                .find("a.conllu:2: the number '3-4' does not follow word 1"),
            std::string::npos);
  EXPECT_NE(said_of("a.txt", french + line("2-3", "a", "A")).find("a.txt:8: the number '2-3'"),
            std::string::npos);
  EXPECT_NE(said_of("a.conllu", line("1", "a", "A") + line("x", "b", "B"))
                .find("a.conllu:2: the column of numbers holds 'x'"),
            std::string::npos);
  EXPECT_NE(said_of("a.conllu", "1 a A\n").find("a.conllu:1: the line has 3 columns, but CoNLL-U"),
            std::string::npos);
}

TEST(ConllU, lines_of_another_number_of_columns_are_refused_with_their_place) {
  EXPECT_NE(said_of("a.txt", french + "1\ta\tb\n").find("a.txt:8: the line has 3 columns"),
            std::string::npos);
  // A tab that became a blank.
  EXPECT_NE(said_of("a.txt", "a\tA\nb B\n").find("a.txt:2: the line has 1 columns"),
            std::string::npos);
}

TEST(ConllU, columns_that_hold_nothing_are_refused) {
  EXPECT_NE(said_of("a.conllu", line("1", "a", "_") + line("2", "b", "_"))
                .find("column 4 (UPOS) holds nothing but '_'"),
            std::string::npos);
  EXPECT_NE(said_of("a.conllu", line("1", "_", "A") + line("2", "_", "B"))
                .find("column 2 (FORM) holds nothing but '_'"),
            std::string::npos);
}

TEST(ConllU, line_ends_and_byte_order_marks_change_nothing) {
  const TemporaryFolder folder;
  std::string crlf = "\xEF\xBB\xBF";
  std::string cr;
  for (const char c : french) {
    crlf += c == '\n' ? "\r\n" : std::string(1, c);
    cr += c == '\n' ? '\r' : c;
  }
  for (const std::string& text : {crlf, cr}) {
    EXPECT_EQ(first_sentence(import_as(folder, "a.conllu", text)), "de/ADP le/DET vin/NOUN");
  }
}

TEST(ConllImport, what_stands_between_documents_is_no_word_of_the_next_sentence) {
  const TemporaryFolder folder;
  EXPECT_EQ(first_sentence(import_as(folder, "a.txt", "-DOCSTART- O\nEU B\nsaid O\n")),
            "EU/B said/O");
}

ImportReport import_brackets(const TemporaryFolder& folder, const std::string& text,
                             const TreeOptions& how) {
  return import_tree(folder.put("trees.txt", text), how,
                     {.folder = folder.path() / "out", .name = "t", .valid_fraction = 0});
}

std::vector<std::string> labels_of(const ImportReport& report, std::int64_t tree) {
  const Manifest manifest = read_manifest(report.train);
  std::vector<std::string> labels;
  const PlainSample read = read_samples(Dataset(manifest), {tree})[0];
  for (const std::int32_t target : read.targets) {
    labels.push_back(target < 0 ? "" : manifest.class_names[static_cast<std::size_t>(target)]);
  }
  return labels;
}

using Labels = std::vector<std::string>;

TEST(Brackets, wrappers_of_whole_trees_are_taken_off) {
  const TemporaryFolder folder;
  const std::string text =
      "(ROOT (S (NP (DT the) (NN cat)) (VP (VBD sat))))\n(TOP (FRAG (UH yes) (. .)))\n"
      "( (SINV (VP (VB go)) (NP (PRP you))) )\n(S1 (NP (NN rain)))\n( (TOP (S (NN a) (NN b))) )\n"
      "(ROOT (NN a) (NN b))\n(3 (2 (1 a) (0 b)))\n";
  const ImportReport roots = import_brackets(folder, text, {.targets = TargetKind::classes});
  const Labels expected{"S", "FRAG", "SINV", "NP", "S", "ROOT", "3"};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(labels_of(roots, static_cast<std::int64_t>(i)), Labels{expected[i]}) << i;
  }
  ASSERT_EQ(roots.remarks.size(), 1U);
  EXPECT_NE(roots.remarks[0].find(": 5 trees"), std::string::npos) << roots.remarks[0];
  const ImportReport nodes = import_brackets(folder, text, {});
  EXPECT_EQ(labels_of(nodes, 0), (Labels{"DT", "NN", "NP", "VP", "S"}));
}

TEST(Brackets, roots_that_are_all_alike_are_refused) {
  const TemporaryFolder folder;
  const std::string said = complaint([&] {
    import_brackets(folder, "(ROOT (S (a b) (c d)))\n(ROOT (S (a b) (c d)))",
                    {.targets = TargetKind::classes});
  });
  EXPECT_NE(said.find("the roots of all trees are labelled 'S'"), std::string::npos) << said;
}

TEST(Brackets, elements_without_a_word_go_with_what_holds_nothing_else) {
  const TemporaryFolder folder;
  const std::string text =
      "( (S (NP-SBJ-1 (DT the) (NN cat)) (VP (VBD was) (VP (VBN seen) (NP (-NONE- *-1))))\n"
      " (-LRB- -LRB-) ))\n( (S (-NONE- *) (NP (-NONE- *))) )\n";
  const ImportReport report = import_brackets(folder, text, {});
  EXPECT_EQ(report.train_rows, 1);
  EXPECT_EQ(labels_of(report, 0),
            (Labels{"DT", "NN", "NP-SBJ-1", "VBD", "VP", "VP", "-LRB-", "S"}));
  EXPECT_NE(report.remarks[1].find("3 elements without a word (-NONE-), and 1 trees"),
            std::string::npos);
  const ImportReport kept = import_brackets(folder, text, {.traces = true});
  EXPECT_EQ(kept.train_rows, 2);
  EXPECT_EQ(labels_of(kept, 0),
            (Labels{"DT", "NN", "NP-SBJ-1", "VBD", "VBN", "NP", "VP", "VP", "-LRB-", "S"}));
}

TEST(Brackets, functions_are_kept_and_told_or_cut_off) {
  const TemporaryFolder folder;
  const std::string text = "(S (NP-SBJ=2 (NN a) (NN b)) (NP (NN c) (-LRB- -LRB-)) (very-good d))";
  const ImportReport kept = import_brackets(folder, text, {});
  EXPECT_EQ(labels_of(kept, 0)[2], "NP-SBJ=2");
  EXPECT_NE(kept.remarks[0].find("such as NP-SBJ=2 beside NP; --categories"), std::string::npos);
  EXPECT_NE(kept.remarks[1].find("-LRB- and -RRB-"), std::string::npos);
  EXPECT_EQ(labels_of(import_brackets(folder, text, {.categories = true}), 0),
            (Labels{"NN", "NN", "NP", "NN", "-LRB-", "NP", "very", "S"}));
}

}  // namespace
}  // namespace raven
