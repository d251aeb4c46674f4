// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

constexpr std::string_view k_prefix = "probe.";

Finding judge_probe(const Observation& observed, const CheckSettings&) {
  const auto& facts = observed.machine.environment.facts();
  if (facts.empty()) return undecided("nothing is known of this machine", "capture it with `goldseal probe`");
  const auto problem = facts.lower_bound(k_prefix);
  if (problem == facts.end() || !problem->first.starts_with(k_prefix))
    return passed(fmt::format("{} facts were read", facts.size()));
  const auto name = problem->first.substr(k_prefix.size());
  return failed(
      fmt::format("the probe {} gave no answer, so that checks on its facts are skipped", name), "an answer",
      to_string(problem->second.value),
      name == "nvml" || name == "libcuda" ? "see whether nvidia-smi answers; a driver that hangs needs a reboot" : "");
}

}  // namespace

const Check k_env_probe{
    .id = "env.probe",
    .title = "The machine could be read",
    .explanation =
        "Whether every probe of the machine answered. The driver's libraries run in a process of their own with a "
        "deadline, so that one that hangs or crashes is reported here and stops nothing else.",
    .severity = Severity::warn,
    .judge = judge_probe,
};

}  // namespace goldseal
