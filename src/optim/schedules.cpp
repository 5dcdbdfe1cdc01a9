#include <algorithm>
#include <cmath>
#include <numbers>

#include "optim/rows.hpp"

namespace raven {
namespace {

const OptionDef warmup_option{.name = "warmup",
                              .kind = OptionKind::integer,
                              .fallback = std::int64_t{0},
                              .min = 0,
                              .help =
                                  "steps in which the rate rises in equal parts from 0; the "
                                  "schedule begins after them"};

const OptionDef constant_options[] = {warmup_option};

const OptionDef step_options[] = {
    {.name = "every",
     .kind = OptionKind::integer,
     .required = true,
     .min = 1,
     .help = "steps between two changes of the rate"},
    {.name = "gamma",
     .kind = OptionKind::real,
     .fallback = 0.1,
     .min = 0,
     .help = "what the rate is multiplied by at each change"},
    warmup_option,
};

const OptionDef cosine_options[] = {
    {.name = "min_factor",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .max = 1,
     .help = "share of the rate that is left at the end"},
    warmup_option,
};

const OptionDef linear_options[] = {
    {.name = "end_factor",
     .kind = OptionKind::real,
     .fallback = 0.0,
     .min = 0,
     .help = "share of the rate that is left at the end"},
    warmup_option,
};

/// 0 at the first step and 1 just after the last, so that the last step still trains.
double progress(std::int64_t step, std::int64_t steps) {
  return std::clamp(
      static_cast<double>(step - 1) / static_cast<double>(std::max(steps, std::int64_t{1})), 0.0,
      1.0);
}

double constant_factor(const Options&, std::int64_t, std::int64_t) { return 1.0; }

double step_factor(const Options& options, std::int64_t step, std::int64_t) {
  return std::pow(options.real("gamma"),
                  static_cast<double>((step - 1) / options.integer("every")));
}

double cosine_factor(const Options& options, std::int64_t step, std::int64_t steps) {
  const double low = options.real("min_factor");
  return low + (1.0 - low) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress(step, steps)));
}

double linear_factor(const Options& options, std::int64_t step, std::int64_t steps) {
  return 1.0 + (options.real("end_factor") - 1.0) * progress(step, steps);
}

}  // namespace

const ScheduleDef constant_def{.name = "constant",
                               .help = "the same rate at every step",
                               .options = constant_options,
                               .factor = constant_factor};

const ScheduleDef step_def{.name = "step",
                           .help = "the rate is multiplied by gamma every so many steps",
                           .options = step_options,
                           .factor = step_factor};

const ScheduleDef cosine_def{.name = "cosine",
                             .help =
                                 "half a cosine wave from the rate down to its min_factor "
                                 "(Loshchilov and Hutter, 2017)",
                             .options = cosine_options,
                             .factor = cosine_factor};

const ScheduleDef linear_def{.name = "linear",
                             .help = "a straight line from the rate to its end_factor",
                             .options = linear_options,
                             .factor = linear_factor};

double rate_at(const ScheduleDef& schedule, const Options& options, double base_rate,
               std::int64_t step, std::int64_t steps) {
  expects(step >= 1, "steps count from 1");
  const std::int64_t warmup = options.integer("warmup");
  if (step <= warmup) {
    return base_rate * static_cast<double>(step) / static_cast<double>(warmup);
  }
  return base_rate * schedule.factor(options, step - warmup, steps - warmup);
}

}  // namespace raven
