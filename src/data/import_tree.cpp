#include <algorithm>
#include <memory>

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

/// Of a tree's nodes, those whose labels are targets: all, or the root, which comes last.
std::size_t first_target(const BracketTree& tree, bool nodes) {
  return nodes ? 0 : tree.labels.size() - 1;
}

/// What the first reading of all files learns.
struct TreeSurvey {
  LabelSurvey labels{};
  BracketCounts counts{};
  std::int64_t trees = 0;

  void read(const InputFile& input, bool valid, const TreeOptions& trees_are,
            const ImportOptions& options) {
    const bool nodes = trees_are.targets == TargetKind::tags;
    BracketReader reader(open_file_source(input),
                         {.traces = trees_are.traces, .categories = trees_are.categories});
    BracketTree tree;
    for (std::int64_t number = 0; reader.next(tree); ++number, ++trees) {
      if (!valid && !is_validation_row(options, number)) {
        for (const std::string& word : tree.words) labels.add_word(reader.lines(), word);
      }
      if (!options.targets) continue;
      if (!nodes && tree.labels.back().empty()) {
        reader.lines().refuse("the root of this tree has no label",
                              "label it, or take the labels of all nodes");
      }
      for (std::size_t i = first_target(tree, nodes); i < tree.labels.size(); ++i) {
        if (tree.labels[i].empty()) continue;
        labels.add_label(reader.lines(), tree.labels[i], "import trees with fewer kinds of labels");
      }
    }
    counts += reader.counts();
  }
};

void write_trees(const InputFile& input, bool valid, const TreeOptions& trees,
                 const ImportOptions& options, LabelNumbers& numbers, RaggedWriter& writer) {
  const bool nodes = trees.targets == TargetKind::tags;
  BracketReader reader(open_file_source(input),
                       {.traces = trees.traces, .categories = trees.categories});
  BracketTree tree;
  for (std::int64_t number = 0; reader.next(tree); ++number) {
    TokenSample sample;
    for (const std::string& word : tree.words) sample.tokens.push_back(numbers.token_of(word));
    for (std::size_t i = first_target(tree, nodes); options.targets && i < tree.labels.size();
         ++i) {
      const std::string& label = tree.labels[i];
      const bool asks = !nodes || !label.empty();
      sample.targets.push_back(asks ? numbers.class_of(reader.lines(), label)
                                    : SampleSchema::no_target);
    }
    sample.parents = std::move(tree.parents);
    writer.add(valid || is_validation_row(options, number), sample);
    if (options.progress && writer.rows() % told_every == 0) {
      options.progress({writer.rows(), reader.lines().stored_offset(), input.bytes()});
    }
  }
}

void check_survey(const std::filesystem::path& file, const TreeSurvey& survey,
                  const TreeOptions& trees, const ImportOptions& options) {
  const std::vector<std::string> names = survey.labels.class_names();
  if (options.targets ? names.empty() : survey.labels.words().empty()) {
    throw InputError({file.string()},
                     options.targets ? "there is no tree with a label" : "there is no tree",
                     "check that this is a file of trees in brackets");
  }
  const bool of_roots = options.targets && trees.targets == TargetKind::classes;
  if (of_roots && !options.like && survey.trees > 1 && names.size() == 1) {
    throw InputError({file.string()},
                     "the roots of all trees are labelled " + shown(names[0]) +
                         ", so there is nothing to tell apart",
                     "take the labels of all nodes");
  }
}

}  // namespace

ImportReport import_tree(const std::filesystem::path& file, const TreeOptions& trees,
                         const ImportOptions& options) {
  expects(trees.targets == TargetKind::tags || trees.targets == TargetKind::classes,
          "a tree has a class, or each of its nodes");
  std::vector<std::unique_ptr<const InputFile>> files;
  files.push_back(std::make_unique<const InputFile>(file));
  if (!options.valid_files.empty()) {
    files.push_back(std::make_unique<const InputFile>(options.valid_files[0]));
  }
  TreeSurvey survey;
  for (std::size_t i = 0; i < files.size(); ++i) survey.read(*files[i], i > 0, trees, options);
  check_survey(file, survey, trees, options);
  LabelNumbers numbers(survey.labels, trees.vocabulary, trees.least, options);
  RaggedWriter writer(
      options,
      token_schema(SampleForm::tree, options.targets ? trees.targets : TargetKind::none,
                   numbers.vocabulary.size(),
                   static_cast<std::int32_t>(numbers.class_names.size())),
      numbers.class_names, numbers.vocabulary);
  for (std::size_t i = 0; i < files.size(); ++i) {
    write_trees(*files[i], i > 0, trees, options, numbers, writer);
  }
  ImportReport report = writer.finish();
  report.remarks = remarks(survey.counts, survey.labels, survey.labels.class_names());
  if (numbers.like) report.remarks.push_back(numbers.unknown_in_words());
  return report;
}

}  // namespace raven
