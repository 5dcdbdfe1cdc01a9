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
  for (BracketReader reader(open_file_source(input)); reader.next(tree); ++count) {
    if (!is_validation_row(options, count)) {
      for (const std::string& word : tree.words) survey.add_word(reader.lines(), word);
    }
    if (!nodes && tree.labels.back().empty()) {
      reader.lines().refuse("the root of this tree has no label",
                            "label it, or take the labels of all nodes");
    }
    for (std::size_t i = nodes ? 0 : tree.labels.size() - 1; i < tree.labels.size(); ++i) {
      if (tree.labels[i].empty()) continue;
      survey.add_label(reader.lines(), tree.labels[i], "import trees with fewer kinds of labels");
    }
  }
  if (survey.class_names().empty()) {
    throw InputError({file.string()}, "there is no tree with a label",
                     "check that this is a file of trees in brackets");
  }
  const LabelNumbers numbers(survey, trees.vocabulary, trees.least, trees.like);
  RaggedWriter writer(options,
                      token_schema(SampleForm::tree, trees.targets, numbers.vocabulary.size(),
                                   static_cast<std::int32_t>(numbers.class_names.size())),
                      numbers.class_names, numbers.vocabulary);
  for (BracketReader reader(open_file_source(input)); reader.next(tree);) {
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
  return writer.finish();
}

}  // namespace raven
