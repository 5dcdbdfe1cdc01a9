
#include "cli/console.hpp"
#include "cli/verb.hpp"
#include "raven/job/reference.hpp"
#include "raven/job/suggest.hpp"

namespace raven {
namespace {

int explain(const std::string& name) {
  if (name.empty()) {
    print(job_reference());
    return exit_done;
  }
  const std::string text = job_reference(name);
  if (text.empty()) {
    throw InputError("no layer, loss, optimizer or schedule is called '" + name + "'",
                     did_you_mean(name, job_reference_names()));
  }
  print(text);
  return exit_done;
}

void declare(Command parent, Action& chosen) {
  const auto name = std::make_shared<std::string>();
  Command verb = parent.add_subcommand(
      "explain", "Explain what a job can name: layers, losses, optimizers, schedules");
  verb.add_option("name", *name, "what to explain; everything when left out");
  verb.footer(R"(Examples:
  raven explain conv2d
  raven explain | less)");
  verb.callback([name, &chosen] { chosen = [name](Programs) { return explain(*name); }; });
}

}  // namespace

const VerbDef explain_verb{.declare = declare};

}  // namespace raven
