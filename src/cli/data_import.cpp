#include "cli/console.hpp"
#include "cli/figures.hpp"
#include "cli/import_verbs.hpp"
#include "cli/progress.hpp"
#include "raven/core/error.hpp"

namespace raven {

void declare_import_options(Command verb, ImportArguments& arguments) {
  verb.add_option("--folder", arguments.folder,
                  "where to put train.yaml, valid.yaml and their shards")
      .required();
  verb.add_option("--name", arguments.name, "name of the data set; the folder's when left out");
  verb.add_option("--valid", arguments.valid_fraction, "share to validate with; 0: none")
      .range(0.0, 0.99)
      .capture_default_str();
  verb.add_option("--seed", arguments.seed, "decides all that is random").capture_default_str();
  verb.add_option("--rows-per-shard", arguments.rows_per_shard,
                  "rows in a file; 0: as many as make about 64 MiB")
      .range(std::int64_t{0}, std::int64_t{1} << 40)
      .capture_default_str();
  verb.add_flag("--replace", arguments.replace, "write over a data set that is already there");
}

ImportOptions import_options(const ImportArguments& arguments) {
  const std::filesystem::path folder = arguments.folder;
  std::error_code code;
  if (!arguments.replace && std::filesystem::exists(folder / "train.yaml", code)) {
    throw InputError(Place{(folder / "train.yaml").string()}, "there is a data set already",
                     "name another folder, or add --replace");
  }
  std::string name = arguments.name;
  if (name.empty())
    name = std::filesystem::absolute(folder / "x")
               .lexically_normal()
               .parent_path()
               .filename()
               .string();
  return {.folder = folder,
          .name = name,
          .rows_per_shard = arguments.rows_per_shard,
          .valid_fraction = arguments.valid_fraction,
          .seed = arguments.seed,
          .progress = {}};
}

void print_report(const ImportReport& report) {
  for (const std::string& remark : report.remarks) print(remark + "\n");
  print(report.train.string() + ": " + plural(report.train_rows, "row") + "\n");
  if (report.valid) print(report.valid->string() + ": " + plural(report.valid_rows, "row") + "\n");
}

int run_import(const ImportArguments& arguments, const Import& import) {
  ImportOptions options = import_options(arguments);
  Progress progress(stderr, "importing", "row");
  options.progress = [&](const ImportProgress& now) {
    // Rows to come are unknown; bytes read tell how far it is.
    progress.update({.done = now.rows,
                     .fraction = now.bytes_total > 0 ? static_cast<double>(now.bytes_read) /
                                                           static_cast<double>(now.bytes_total)
                                                     : -1});
  };
  options.say = [](const std::string& line) { print(line + "\n"); };
  const ImportReport report = import(options);
  progress.finish();
  print_report(report);
  return exit_done;
}

void declare_data_import(Command parent, Action& chosen) {
  Command verb = parent.add_subcommand("import", "Turn data of other formats into a data set");
  verb.require_subcommand(1);
  verb.footer(
      "Examples:\n  raven data import csv wine.csv --target quality --folder data/wine\n"
      "  raven data import npz mnist.npz --features x_train --targets y_train --folder data/mnist");
  declare_import_idx(verb, chosen);
  declare_import_csv(verb, chosen);
  declare_import_npy(verb, chosen);
  declare_import_npz(verb, chosen);
  declare_import_text(verb, chosen);
  declare_import_conll(verb, chosen);
  declare_import_tree(verb, chosen);
}

}  // namespace raven
