#include <map>
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
      parent.add_subcommand("csv", "Import a table of numbers with a column to be predicted");
  verb.add_option("file", arguments->file, "the table, perhaps gzipped").required();
  const std::map<std::string, CsvOptions::Header> headers{{"ask", CsvOptions::Header::ask},
                                                          {"yes", CsvOptions::Header::yes},
                                                          {"no", CsvOptions::Header::no}};
  verb.add_choice(
          "--header", arguments->csv.header, headers,
          "whether the first line names the columns; when left out it does, unless it could "
          "be data as well, which is refused. With no they are called x1, x2, ...")
      .type_name("yes|no");
  verb.add_option(
      "--target", arguments->csv.target,
      "column to be predicted, by name (without a header by number, from 1); the last one "
      "when left out");
  verb.add_option(
          "--kind", arguments->kind,
          "what the target is: classes, real (values), or auto: words and few whole numbers "
          "are classes, other numbers are values, what may be either is refused")
      .one_of({"auto", "classes", "real"})
      .capture_default_str();
  verb.add_option("--separator", arguments->separator, "between columns: one character, or 'tab'")
      .capture_default_str();
  verb.add_option("--ignore", arguments->csv.ignore,
                  "column to leave out, such as row numbers; may be repeated")
      .allow_extra_args(false);
  verb.add_option("--missing", arguments->csv.missing,
                  "words that stand for a missing value, beside the empty field: NA,?,null")
      .delimiter(',')
      .allow_extra_args(false);
  verb.add_flag("--drop-missing", arguments->csv.drop_missing,
                "leave out rows that lack a value, and say how many; else they are refused");
  declare_part_options(verb, arguments->import);
  verb.footer(R"(Examples:
  raven data import csv wine.csv --target quality --kind real --folder data/wine
  raven data import csv runs.tsv --separator tab --ignore id --folder data/runs
  raven data import csv iris.data --header no --target 5 --folder data/iris
  raven data import csv survey.csv --missing NA,? --drop-missing --folder data/survey
  raven data import csv train.csv --valid-file test.csv --folder data/both
  raven data import csv new.csv --like runs/tabular --no-target --valid 0 --folder data/new

Numbers are decimals with a point: 4, -0.5, 1e-3. Equal numbers are one class, however they are written
(1, 1.0, 01). What the target was taken for is shown before anything is written.)");
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
