#include <memory>

#include "cli/import_verbs.hpp"
#include "raven/core/error.hpp"

namespace raven {

void declare_import_csv(Command parent, Action& chosen) {
  struct Arguments {
    std::string file;
    CsvOptions csv;
    std::string kind = "auto";
    std::string separator = ",";
    ImportArguments import;
  };
  const auto arguments = std::make_shared<Arguments>();
  Command verb =
      parent.add_subcommand("csv", "Import a table with a header line and numbers below it");
  verb.add_option("file", arguments->file, "the table, perhaps gzipped").required();
  verb.add_option("--target", arguments->csv.target,
                  "column to be predicted; the last one when left out");
  verb.add_option("--kind", arguments->kind,
                  "what the target is: classes, real or auto (found out from the values)")
      .one_of({"auto", "classes", "real"})
      .capture_default_str();
  verb.add_option("--separator", arguments->separator, "between columns: one character, or 'tab'")
      .capture_default_str();
  verb.add_option("--ignore", arguments->csv.ignore,
                  "column to leave out, such as row numbers; may be repeated")
      .allow_extra_args(false);
  declare_import_options(verb, arguments->import);
  verb.footer(R"(Examples:
  raven data import csv wine.csv --target quality --kind real --folder data/wine
  raven data import csv runs.tsv --separator tab --ignore id --folder data/runs)");
  verb.callback([arguments, &chosen] {
    chosen = [arguments](Programs) {
      if (arguments->separator == "tab") arguments->separator = "\t";
      if (arguments->separator.size() != 1) {
        throw InputError("--separator is '" + arguments->separator + "', not one character",
                         "write for instance ';' or tab");
      }
      arguments->csv.separator = arguments->separator[0];
      if (arguments->kind == "classes") arguments->csv.target_kind = TargetKind::classes;
      if (arguments->kind == "real") arguments->csv.target_kind = TargetKind::real;
      return run_import(arguments->import, [&](const ImportOptions& options) {
        return import_csv(arguments->file, arguments->csv, options);
      });
    };
  });
}

}  // namespace raven
