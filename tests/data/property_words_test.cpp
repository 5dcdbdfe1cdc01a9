// Treebanks made from sentences and trees that are known, in columns and in brackets, with all that
// such files have around them; imported and read back: the same words, tags, parents, names and
// counts.
#include <algorithm>
#include <map>
#include <set>

#include "data/byte_strings.hpp"
#include "data/property.hpp"
#include "data/ragged_maker.hpp"
#include "raven/data/import.hpp"
#include "raven/data/verify.hpp"

namespace raven {
namespace {

using Strings = std::vector<std::string>;

const Strings words{"the", "The", "caf\u00e9", "\u201c", "'s",  "-LRB-", "1-2",
                    "3.1", "#",   "\u4e2d",    "_x",     "a|b", "%"};
const Strings tags{"NOUN", "VERB", "O", "B-PER", "_x", "\u00e9", "10", "9"};

ImportOptions into(const TemporaryFolder& folder, Choices& choose) {
  return {.folder = folder.path() / "out",
          .name = "t",
          .rows_per_shard = static_cast<std::int64_t>(choose.between(1, 6)),
          .valid_fraction = choose.one_in(2) ? 0 : 0.3};
}

/// With one kind of line end, perhaps a byte order mark, perhaps gzipped.
std::string stored(Choices& choose, const std::string& text) {
  const std::string line_end = choose.of(Strings{"\n", "\n", "\r\n", "\r"});
  std::string file = choose.one_in(4) ? "\xEF\xBB\xBF" : "";
  for (const char c : text) file += c == '\n' ? line_end : std::string(1, c);
  return choose.one_in(4) ? gzipped(file) : file;
}

/// A sample as text, and how often there is one like it.
using Samples = std::map<std::string, int>;

std::string name_of(const Manifest& manifest, std::int32_t target) {
  return target < 0 ? "-" : manifest.class_names[static_cast<std::size_t>(target)];
}

Samples samples_in(const Manifest& manifest) {
  EXPECT_TRUE(verify(manifest).problems.empty());
  const Dataset data(manifest);
  Samples samples;
  for (std::int64_t i = 0; i < data.size(); ++i) {
    const PlainSample sample = read_samples(data, {i})[0];
    std::string text;
    for (const std::int32_t token : sample.tokens) {
      text += manifest.vocabulary->texts()[static_cast<std::size_t>(token)] + " ";
    }
    for (const std::int32_t target : sample.targets) text += "/" + name_of(manifest, target);
    for (const std::int32_t parent : sample.parents) text += "^" + std::to_string(parent);
    ++samples[text];
  }
  return samples;
}

/// What was meant of one sample.
struct Meant {
  Strings words;
  Strings targets;  // "-": none
  std::vector<std::int32_t> parents{};
};

Samples samples_of(const std::vector<Meant>& meant, const Vocabulary& known) {
  Samples samples;
  for (const Meant& sample : meant) {
    std::string text;
    for (const std::string& word : sample.words) {
      text += known.texts()[static_cast<std::size_t>(known.token_of(word))] + " ";
    }
    for (const std::string& target : sample.targets) text += "/" + target;
    for (const std::int32_t parent : sample.parents) text += "^" + std::to_string(parent);
    ++samples[text];
  }
  return samples;
}

void expect_as_meant(const ImportReport& report, const std::vector<Meant>& meant,
                     const std::set<std::string>& names) {
  const Manifest train = read_manifest(report.train);
  Samples read = samples_in(train);
  // Training knows all of its own words.
  for (const auto& [sample, count] : read) EXPECT_EQ(sample.find("<unk>"), std::string::npos);
  if (report.valid) {
    const Manifest valid = read_manifest(*report.valid);
    EXPECT_EQ(valid.vocabulary->texts(), train.vocabulary->texts());
    EXPECT_EQ(valid.class_names, train.class_names);
    for (const auto& [sample, count] : samples_in(valid)) read[sample] += count;
  }
  EXPECT_EQ(read, samples_of(meant, *train.vocabulary));
  EXPECT_EQ(std::set<std::string>(train.class_names.begin(), train.class_names.end()), names);
  EXPECT_EQ(train.class_names.size(), names.size());
  EXPECT_EQ(report.train_rows + report.valid_rows, static_cast<std::int64_t>(meant.size()));
}

/// How one made-up file has its columns.
struct Layout {
  std::size_t columns = 2;
  std::size_t word = 0;
  std::size_t tag = 1;
  bool numbered = false;  // in the first column, as CoNLL-U does
  bool tabs = false;
};

Layout made_layout(Choices& choose, ConllOptions& how, std::string& head) {
  Layout layout;
  if (choose.one_in(3)) {
    return {.columns = 10, .word = 1, .tag = 3, .numbered = true, .tabs = true};
  }
  layout.numbered = choose.one_in(2);
  layout.tabs = choose.one_in(2);
  const std::size_t free = layout.numbered ? 1 : 0;
  layout.columns = choose.between(free + 2, free + 4);
  layout.word = choose.between(free, layout.columns - 1);
  do {
    layout.tag = choose.between(free, layout.columns - 1);
  } while (layout.tag == layout.word);
  how.word = std::to_string(layout.word + 1);
  how.tag = std::to_string(layout.tag + 1);
  if (choose.one_in(2)) return layout;
  Strings names;
  for (std::size_t i = 0; i < layout.columns; ++i) names.push_back("c" + std::to_string(i));
  if (choose.one_in(2)) names[0] = "ID";
  names[layout.word] = "FORM";
  names[layout.tag] = "UPOS";
  how.word = how.tag = "";
  if (choose.one_in(2)) {
    how.columns = names;
  } else {
    head = "# global.columns =";
    for (const std::string& name : names) head += " " + name;
    head += "\n";
  }
  return layout;
}

/// @param others what its other columns hold
std::string line_of(Choices& choose, const Layout& layout, const std::string& id,
                    const std::string& word, const std::string& tag,
                    const Strings& others = words) {
  std::string line;
  for (std::size_t i = 0; i < layout.columns; ++i) {
    if (i > 0) line += layout.tabs ? "\t" : choose.of(Strings{" ", "  "});
    if (i == 0 && layout.numbered) {
      line += id;
    } else {
      line += i == layout.word ? word : i == layout.tag ? tag : choose.of(others);
    }
  }
  return line + "\n";
}

Meant made_sentence(Choices& choose, const Layout& layout, const ConllOptions& how,
                    std::string& text) {
  Meant meant;
  const std::size_t count = choose.between(2, 8);
  for (std::size_t i = 1; i <= count; ++i) {
    const std::string id = std::to_string(i);
    if (layout.numbered && i < count && choose.one_in(5)) {
      text += line_of(choose, layout, id + "-" + std::to_string(i + 1), "range", "no");
    }
    std::string word = layout.tabs && choose.one_in(6) ? "two words" : choose.of(words);
    const std::string tag = choose.of(tags);
    // Without numbers, what no one takes for a number or a comment begins each sentence.
    const bool plain = i == 1 && !layout.numbered;
    if (plain) word = "plain";
    text += line_of(choose, layout, id, word, tag, plain ? Strings{"plain"} : words);
    for (int place = 1; layout.numbered && choose.one_in(6); ++place) {
      text += line_of(choose, layout, id + "." + std::to_string(place), "empty", "no");
    }
    meant.words.push_back(word);
    meant.targets.push_back(tag == how.ignore ? "-" : tag);
  }
  return meant;
}

TEST(Property, a_treebank_in_columns_reads_back_as_it_was_meant) {
  for_each_made_up_input([](Choices& choose) {
    const TemporaryFolder folder;
    ConllOptions how;
    std::string text;
    const Layout layout = made_layout(choose, how, text);
    if (choose.one_in(3)) how.ignore = "O";
    how.hash = layout.numbered ? ConllOptions::Hash::ask : ConllOptions::Hash::comments;
    const bool comments = choose.one_in(2);
    std::vector<Meant> meant;
    std::set<std::string> names;
    const std::size_t sentences = choose.between(12, 30);  // some to train on
    for (std::size_t i = 0; i < sentences; ++i) {
      if (comments && choose.one_in(2)) text += "# text = anything at all\n#\n";
      Meant one = made_sentence(choose, layout, how, text);
      text += choose.of(Strings{"\n", "\n\n", " \n"});
      for (const std::string& target : one.targets) {
        if (target != "-") names.insert(target);
      }
      meant.push_back(std::move(one));
    }
    if (names.empty()) return;
    const std::string file = layout.columns == 10 && choose.one_in(2) ? "t.conllu" : "t.txt";
    const ImportReport report =
        import_conll(folder.put(file, stored(choose, text)), how, into(folder, choose));
    expect_as_meant(report, meant, names);
  });
}

/// A tree as it is meant: no node has one child.
struct Node {
  std::string label;
  std::string word;  // of a leaf
  std::vector<Node> children;
};

const Strings labels{"S", "NP", "NP-SBJ", "VP", "X=2", "3", "-LRB-", "very-good", "\u00e9"};

Node made_tree(Choices& choose, std::size_t depth) {
  Node node{.label = choose.of(labels), .word = {}, .children = {}};
  const bool leaf = depth == 0 || choose.one_in(3);
  if (leaf) {
    node.word = choose.of(words);
    return node;
  }
  if (choose.one_in(8)) node.label.clear();
  const std::size_t children = choose.between(2, 4);
  for (std::size_t i = 0; i < children; ++i) node.children.push_back(made_tree(choose, depth - 1));
  return node;
}

/// Adds a node in postorder. @return its number
std::int32_t add(Meant& meant, const Node& node, bool categories) {
  std::vector<std::int32_t> children;
  for (const Node& child : node.children) children.push_back(add(meant, child, categories));
  const auto number = static_cast<std::int32_t>(meant.parents.size());
  for (const std::int32_t child : children) meant.parents[static_cast<std::size_t>(child)] = number;
  meant.parents.push_back(-1);
  if (node.children.empty()) meant.words.push_back(node.word);
  static const std::map<std::string, std::string> cut{
      {"NP-SBJ", "NP"}, {"X=2", "X"}, {"very-good", "very"}};
  const bool shorter = categories && cut.contains(node.label);
  meant.targets.push_back(node.label.empty() ? "-" : shorter ? cut.at(node.label) : node.label);
  return number;
}

/// What stands in a file of the Penn Treebank beside a tree.
struct Around {
  bool traces = false;  // elements without a word
};

std::string gap(Choices& choose) { return choose.of(Strings{"", " ", "\n", "\t", "\n\n  "}); }

std::string trace(Choices& choose) {
  return choose.of(Strings{" (-NONE- *T*-1)", "(NP (-NONE- *))", "(X\n(A (-NONE- 0))(-NONE- *))"});
}

std::string written(Choices& choose, const Node& node, const Around& around) {
  if (choose.one_in(6)) {
    // A chain: the upper label stays, or the lower one where there is no other.
    const bool above = !node.label.empty() && choose.one_in(2);
    Node below = node;
    if (above) below.label = choose.of(labels);
    if (above && !node.children.empty() && choose.one_in(4)) below.label.clear();
    return "(" + (above ? node.label : std::string()) + gap(choose) +
           written(choose, below, around) + gap(choose) + ")";
  }
  std::string text = "(" + gap(choose) + node.label;
  if (node.children.empty())
    return text + choose.of(Strings{" ", "\n", "\t "}) + node.word + gap(choose) + ")";
  for (const Node& child : node.children) {
    if (around.traces && choose.one_in(5)) text += trace(choose);
    text += gap(choose) + written(choose, child, around);
  }
  if (around.traces && choose.one_in(5)) text += trace(choose);
  return text + gap(choose) + ")";
}

TEST(Property, trees_in_brackets_read_back_as_they_were_meant) {
  for_each_made_up_input([](Choices& choose) {
    const TemporaryFolder folder;
    const bool roots = choose.one_in(3);
    const TreeOptions how{.targets = roots ? TargetKind::classes : TargetKind::tags,
                          .categories = choose.one_in(2)};
    const Around around{.traces = choose.one_in(2)};
    const std::string wrapper = choose.of(Strings{"", "ROOT", "TOP ", "S1"});
    const bool wrapped = choose.one_in(2);
    std::string text;
    std::vector<Meant> meant;
    std::set<std::string> names;
    const std::size_t trees = choose.between(12, 25);
    for (std::size_t i = 0; i < trees; ++i) {
      Node tree = made_tree(choose, choose.between(0, 5));
      // Roots of more than one class, each with a label.
      if (roots) tree.label = i < 2 ? std::to_string(i) : tree.label.empty() ? "S" : tree.label;
      std::string one = written(choose, tree, around);
      if (wrapped) one = "(" + wrapper + gap(choose) + one + ")";
      if (around.traces && choose.one_in(6)) one += "((S (-NONE- *)))";
      text += one + gap(choose);
      Meant sample;
      add(sample, tree, how.categories);
      if (roots) sample.targets = {sample.targets.back()};
      for (const std::string& target : sample.targets) {
        if (target != "-") names.insert(target);
      }
      meant.push_back(std::move(sample));
    }
    const ImportReport report =
        import_tree(folder.put("t.mrg", stored(choose, text)), how, into(folder, choose));
    expect_as_meant(report, meant, names);
  });
}

}  // namespace
}  // namespace raven
