// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>

#include <utility>

namespace goldseal {

std::string tell_trials(const Observation& observed, const OutputObservation& output, Compute run, Finding& failure) {
  Table table{"with one setting changed", {"case", "setting", "error/limit", "agrees"}, {}};
  const TrialObservation* cure = nullptr;
  bool any_setting = false;
  for (const auto& trial : observed.run.trials) {
    if (trial.golden_case != run_name(output.golden_case, output.device) || trial.run != run) continue;
    const bool agrees = trial.severity <= trial.agrees_at;
    table.rows.push_back(
        {trial.golden_case, trial.setting, fmt::format("{:.3g}", trial.severity), agrees ? "yes" : "no"});
    if (agrees && cure == nullptr) cure = &trial;
    any_setting = any_setting || trial.cause.empty();
  }
  // A fact that explains it comes before settings that do not.
  if (cure == nullptr && flushes_otherwise(observed)) {
    failure.remedy = "mend what env.numerics.denormals names first";
    return "; this process treats denormals (FTZ/DAZ) differently from the sealed one: numbers below 1.2e-38 vanish in "
           "one of the two";
  }
  if (cure == nullptr && !any_setting) return "";
  failure.tables.push_back(std::move(table));
  if (cure == nullptr) return "; no single setting removes the difference";
  if (!cure->remedy.empty()) failure.remedy = cure->remedy;
  if (cure->cause.empty()) return fmt::format("; with {} the difference disappears", cure->setting);
  return fmt::format("; with {} the difference disappears: {}", cure->setting, cure->cause);
}

}  // namespace goldseal
