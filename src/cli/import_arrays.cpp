#include <memory>

#include "cli/import_verbs.hpp"
#include "raven/core/error.hpp"

namespace raven {
namespace {

void declare_channels(Command verb, Channels& channels) {
  verb.add_choice(
          "--channels", channels,
          {{"ask", Channels::ask}, {"first", Channels::first}, {"last", Channels::last}},
          "where images have their channels: first (they are turned) or last; when left out "
          "last, and what looks like first is refused")
      .type_name("first|last");
}

/// What both NumPy formats are told about their arrays.
void declare_arrays(Command verb, ArrayOptions& arrays, std::string& kind) {
  using Integers = ArrayOptions::Integers;
  verb.add_option(
          "--kind", kind,
          "what the targets are: classes, real (values), or auto: integers, truth values and "
          "strings are classes, real numbers values, what may be either is refused")
      .one_of({"auto", "classes", "real"})
      .capture_default_str();
  verb.add_choice(
          "--integers", arrays.integers,
          {{"ask", Integers::ask}, {"tokens", Integers::tokens}, {"values", Integers::values}},
          "what integers wider than a byte are among the features; when left out tokens, unless "
          "there are more ids than tokens, which is refused")
      .type_name("tokens|values");
  declare_channels(verb, arrays.channels);
}

void take_kind(const std::string& kind, ArrayOptions& arrays) {
  if (kind == "classes") arrays.target_kind = TargetKind::classes;
  if (kind == "real") arrays.target_kind = TargetKind::real;
}

/// Each file of features has one of targets, unless there are none.
void check_files(const std::string& targets, const ImportArguments& import) {
  const bool valid = !import.valid_file.empty();
  if (import.no_target) {
    if (targets.empty() && import.valid_targets.empty()) return;
    throw InputError("a file of targets is named beside --no-target", "leave either out");
  }
  if (targets.empty()) {
    throw InputError("the file of targets is missing", "name it, or add --no-target");
  }
  if (valid && import.valid_targets.empty()) {
    throw InputError("--valid-file is given without its targets", "add --valid-targets FILE");
  }
}

}  // namespace

void declare_import_idx(Command parent, Action& chosen) {
  struct Arguments {
    std::string images;
    std::string labels;
    Channels channels = Channels::ask;
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb = parent.add_subcommand("idx", "Import images and labels as MNIST has them");
  verb.add_option("images", arguments->images, "IDX file of images, perhaps gzipped").required();
  verb.add_option("labels", arguments->labels, "IDX file of labels; not with --no-target");
  declare_channels(verb, arguments->channels);
  declare_part_options(verb, arguments->import, {.target_files = true});
  verb.footer(
      "Examples:\n  raven data import idx train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz "
      "--folder data/mnist\n"
      "  raven data import idx train-images train-labels --valid-file t10k-images --valid-targets "
      "t10k-labels --folder data/both");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      check_files(arguments->labels, arguments->import);
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_idx(arguments->images, arguments->labels, options, arguments->channels);
      });
    };
  });
}

void declare_import_npy(Command parent, Action& chosen) {
  struct Arguments {
    std::string features;
    std::string targets;
    std::string kind = "auto";
    ArrayOptions arrays;
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb = parent.add_subcommand("npy", "Import two NumPy arrays, features and targets");
  verb.add_option("features", arguments->features, "array whose first dimension counts samples")
      .required();
  verb.add_option("targets", arguments->targets,
                  "class numbers or names, or real numbers; not with --no-target");
  declare_arrays(verb, arguments->arrays, arguments->kind);
  declare_part_options(verb, arguments->import, {.target_files = true});
  verb.footer("Examples:\n  raven data import npy x.npy y.npy --folder data/mine");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      check_files(arguments->targets, arguments->import);
      take_kind(arguments->kind, arguments->arrays);
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_npy(arguments->features, arguments->targets, options, arguments->arrays);
      });
    };
  });
}

void declare_import_npz(Command parent, Action& chosen) {
  struct Arguments {
    std::string file;
    NpzOptions npz;
    std::string kind = "auto";
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb = parent.add_subcommand("npz", "Import two arrays of a NumPy archive");
  verb.add_option("file", arguments->file, "the archive").required();
  verb.add_option("--features", arguments->npz.features, "name of the array of features")
      .capture_default_str();
  verb.add_option("--targets", arguments->npz.targets, "name of the array of targets")
      .capture_default_str();
  verb.add_option("--valid-features", arguments->npz.valid_features,
                  "name of those to validate with, in --valid-file or in the same archive");
  verb.add_option("--valid-targets", arguments->npz.valid_targets, "name of their targets");
  declare_arrays(verb, arguments->npz.arrays, arguments->kind);
  declare_part_options(verb, arguments->import);
  verb.footer(
      "Examples:\n  raven data import npz mnist.npz --features x_train --targets y_train "
      "--valid-features x_test --valid-targets y_test --folder data/mnist");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      if (arguments->import.valid_file.empty() && !arguments->npz.valid_features.empty()) {
        arguments->import.valid_file = arguments->file;
      }
      take_kind(arguments->kind, arguments->npz.arrays);
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_npz(arguments->file, arguments->npz, options);
      });
    };
  });
}

}  // namespace raven
