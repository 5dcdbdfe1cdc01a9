#include "cli/console.hpp"
#include "cli/figures.hpp"
#include "cli/import_verbs.hpp"
#include "cli/progress.hpp"
#include "cli/run_directory.hpp"
#include "raven/core/error.hpp"

namespace raven {

Option declare_import_options(Command verb, ImportArguments& arguments) {
  verb.add_option("--folder", arguments.folder,
                  "where to put train.yaml, valid.yaml and their shards")
      .required();
  verb.add_option("--name", arguments.name, "name of the data set; the folder's when left out");
  const Option valid =
      verb.add_option("--valid", arguments.valid_fraction, "share to validate with; 0: none")
          .range(0.0, 0.99)
          .capture_default_str();
  verb.add_option("--seed", arguments.seed, "decides all that is random").capture_default_str();
  verb.add_option("--rows-per-shard", arguments.rows_per_shard,
                  "rows in a file; 0: as many as make about 64 MiB")
      .range(std::int64_t{0}, std::int64_t{1} << 40)
      .capture_default_str();
  verb.add_flag("--replace", arguments.replace,
                "take the place of a data set that is already there, once the new one is whole");
  return valid;
}

void declare_part_options(Command verb, ImportArguments& arguments, PartOptions parts) {
  const Option share = declare_import_options(verb, arguments);
  verb.add_option("--like", arguments.like,
                  "a manifest or a run: take its columns by name, its classes, vocabulary and "
                  "normalisation; what it has no number for is refused, or becomes <unk>");
  verb.add_option(
          "--valid-file", arguments.valid_file,
          "another file of the same kind, to validate with, in place of a share of the rows")
      .excludes(share);
  if (parts.target_files) {
    verb.add_option("--valid-targets", arguments.valid_targets, "the targets of --valid-file");
  }
  if (parts.no_target) {
    verb.add_flag("--no-target", arguments.no_target,
                  "there are no targets, or they are left out: for 'raven predict'");
  }
}

namespace {

/// The manifest that --like names: a file, of a run what it was trained on, of a folder its data to
/// train on.
std::shared_ptr<const Manifest> manifest_like(const std::filesystem::path& named) {
  std::error_code code;
  if (!std::filesystem::is_directory(named, code)) {
    return std::make_shared<const Manifest>(read_manifest(named));
  }
  const std::filesystem::path data = named / "train.yaml";
  const bool is_data = std::filesystem::exists(data, code);
  return std::make_shared<const Manifest>(is_data ? read_manifest(data) : training_data_of(named));
}

std::vector<std::filesystem::path> valid_files(const ImportArguments& arguments) {
  if (arguments.valid_file.empty()) {
    if (arguments.valid_targets.empty()) return {};
    throw InputError("--valid-targets is given without --valid-file", "give both");
  }
  if (arguments.valid_targets.empty()) return {arguments.valid_file};
  return {arguments.valid_file, arguments.valid_targets};
}

}  // namespace

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
          .like = arguments.like.empty() ? nullptr : manifest_like(arguments.like),
          .valid_files = valid_files(arguments),
          .targets = !arguments.no_target,
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
      "Examples:\n  raven data import csv wine.csv --target quality --kind real --folder "
      "data/wine\n"
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
