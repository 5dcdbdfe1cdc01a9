#include <memory>

#include "cli/import_verbs.hpp"

namespace raven {

void declare_import_idx(Command parent, Action& chosen) {
  struct Arguments {
    std::string images;
    std::string labels;
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb = parent.add_subcommand("idx", "Import images and labels as MNIST has them");
  verb.add_option("images", arguments->images, "IDX file of images, perhaps gzipped").required();
  verb.add_option("labels", arguments->labels, "IDX file of labels").required();
  declare_import_options(verb, arguments->import);
  verb.footer(
      "Examples:\n  raven data import idx train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz "
      "--folder data/mnist");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_idx(arguments->images, arguments->labels, options);
      });
    };
  });
}

void declare_import_npy(Command parent, Action& chosen) {
  struct Arguments {
    std::string features;
    std::string targets;
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb = parent.add_subcommand("npy", "Import two NumPy arrays, features and targets");
  verb.add_option("features", arguments->features, "array whose first dimension counts samples")
      .required();
  verb.add_option("targets", arguments->targets, "class numbers, or real numbers").required();
  declare_import_options(verb, arguments->import);
  verb.footer("Examples:\n  raven data import npy x.npy y.npy --folder data/mine");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_npy(arguments->features, arguments->targets, options);
      });
    };
  });
}

void declare_import_npz(Command parent, Action& chosen) {
  struct Arguments {
    std::string file;
    NpzOptions npz;
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb = parent.add_subcommand("npz", "Import two arrays of a NumPy archive");
  verb.add_option("file", arguments->file, "the archive").required();
  verb.add_option("--features", arguments->npz.features, "name of the array of features")
      .capture_default_str();
  verb.add_option("--targets", arguments->npz.targets, "name of the array of targets")
      .capture_default_str();
  declare_import_options(verb, arguments->import);
  verb.footer(
      "Examples:\n  raven data import npz mnist.npz --features x_train --targets y_train --folder "
      "data/mnist");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_npz(arguments->file, arguments->npz, options);
      });
    };
  });
}

}  // namespace raven
