#include <algorithm>

#include "data/bracket_reader.hpp"
#include "data/label_survey.hpp"
#include "data/ragged_writer.hpp"
#include "data/split_writer.hpp"
#include "raven/core/contract.hpp"
#include "raven/core/error.hpp"
#include "raven/data/import.hpp"

namespace raven {
namespace {

constexpr std::int64_t told_every = 4096;

/// How the file was read where it might be read otherwise.
std::vector<std::string> remarks(const BracketCounts& counts, const LabelSurvey& survey,
                                 const std::vector<std::string>& class_names) {
  std::vector<std::string> said;
  if (counts.wrappers > 0) {
    said.push_back("(ROOT (S ...)) was read as (S ...), likewise TOP, S1 and a bare bracket: " +
                   std::to_string(counts.wrappers) + " trees");
  }
  if (counts.traces > 0) {
    said.push_back("left out: " + std::to_string(counts.traces) +
                   " elements without a word (-NONE-), and " + std::to_string(counts.hollow) +
                   " trees of nothing else; --traces keeps them");
  }
  for (const std::string& name : class_names) {
    const std::string_view category = category_of(name);
    if (category == name || !std::ranges::binary_search(class_names, std::string(category)))
      continue;
    said.push_back("labels carry functions, such as " + name + " beside " + std::string(category) +
                   "; --categories cuts them off");
    break;
  }
  if (survey.words().contains("-LRB-")) {
    said.emplace_back("brackets of the text are the words -LRB- and -RRB-, as the file has them");
  }
  return said;
}

}  // namespace

ImportReport import_tree(const std::filesystem::path& file, const TreeOptions& trees,
                         const ImportOptions& options) {
  const bool nodes = trees.targets == TargetKind::tags;
  expects(nodes || trees.targets == TargetKind::classes,
          "a tree has a class, or each of its nodes");
  const InputFile input(file);
  LabelSurvey survey;
  BracketTree tree;
  std::int64_t count = 0;
  const BracketRules rules{.traces = trees.traces, .categories = trees.categories};
  BracketReader first(open_file_source(input), rules);
  for (; first.next(tree); ++count) {
    if (!is_validation_row(options, count)) {
      for (const std::string& word : tree.words) survey.add_word(first.lines(), word);
    }
    if (!nodes && tree.labels.back().empty()) {
      first.lines().refuse("the root of this tree has no label",
                           "label it, or take the labels of all nodes");
    }
    for (std::size_t i = nodes ? 0 : tree.labels.size() - 1; i < tree.labels.size(); ++i) {
      if (tree.labels[i].empty()) continue;
      survey.add_label(first.lines(), tree.labels[i], "import trees with fewer kinds of labels");
    }
  }
  if (survey.class_names().empty()) {
    throw InputError({file.string()}, "there is no tree with a label",
                     "check that this is a file of trees in brackets");
  }
  if (!nodes && trees.like.empty() && count > 1 && survey.class_names().size() == 1) {
    throw InputError({file.string()},
                     "the roots of all trees are labelled " + shown(survey.class_names()[0]) +
                         ", so there is nothing to tell apart",
                     "take the labels of all nodes");
  }
  const LabelNumbers numbers(survey, trees.vocabulary, trees.least, trees.like);
  RaggedWriter writer(options,
                      token_schema(SampleForm::tree, trees.targets, numbers.vocabulary.size(),
                                   static_cast<std::int32_t>(numbers.class_names.size())),
                      numbers.class_names, numbers.vocabulary);
  for (BracketReader reader(open_file_source(input), rules); reader.next(tree);) {
    TokenSample sample;
    for (const std::string& word : tree.words) {
      sample.tokens.push_back(numbers.vocabulary.token_of(word));
    }
    for (std::size_t i = nodes ? 0 : tree.labels.size() - 1; i < tree.labels.size(); ++i) {
      const std::string& label = tree.labels[i];
      const bool asks = !nodes || !label.empty();
      sample.targets.push_back(asks ? numbers.class_of(reader.lines(), label)
                                    : SampleSchema::no_target);
    }
    sample.parents = std::move(tree.parents);
    writer.add(sample);
    if (options.progress && writer.rows() % told_every == 0) {
      options.progress({writer.rows(), reader.lines().stored_offset(), input.bytes()});
    }
  }
  ImportReport report = writer.finish();
  report.remarks = remarks(first.counts(), survey, survey.class_names());
  return report;
}

}  // namespace raven
