
#include "cli/data_verbs.hpp"
#include "cli/verb.hpp"

namespace raven {
namespace {

void declare(Command parent, Action& chosen) {
  Command verb = parent.add_subcommand("data", "Make, import, look at and verify data sets");
  verb.require_subcommand(1);
  verb.footer(R"(Examples:
  raven data make digits --count 20000 --folder data/digits
  raven data import csv measurements.csv --target quality --folder data/measurements
  raven data show data/digits/train.yaml
  raven data verify data/digits/train.yaml

A data set is a manifest (train.yaml) and HDF5 shards beside it: docs/formats/manifest.md.)");
  declare_data_make(verb, chosen);
  declare_data_import(verb, chosen);
  declare_data_show(verb, chosen);
  declare_data_verify(verb, chosen);
}

}  // namespace

const VerbDef data_verb{.declare = declare};

}  // namespace raven
