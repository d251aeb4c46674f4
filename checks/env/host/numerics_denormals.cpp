// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

namespace goldseal {
namespace {

constexpr std::string_view k_fact = "numerics.flush_denormal";

Finding judge_numerics_denormals(const Observation& observed, const CheckSettings&) {
  const auto here = observed.machine.environment.boolean(k_fact);
  if (!here) return skipped("whether this machine's process flushes denormals is not known");
  // Older seals say nothing, and a process flushes only if it is told to.
  const auto sealed = observed.sealed.environment.boolean(k_fact).value_or(false);
  if (*here == sealed)
    return passed(*here ? "denormals are flushed, as they were sealed" : "denormals are computed with");
  auto finding =
      *here
          ? failed("this process flushes denormals (FTZ/DAZ): numbers below 1.2e-38 count as 0", "off, as sealed", "on",
                   "find what sets it: torch.set_flush_denormal(True) in the model's code, or a library built with "
                   "-Ofast or -ffast-math, one of LD_PRELOAD for instance")
          : failed("the sealed process flushed denormals (FTZ/DAZ), this one computes with them", "on, as sealed",
                   "off", "set torch.set_flush_denormal(True) as where it was sealed, or seal it again without");
  const auto* const fact = observed.machine.environment.find(k_fact);
  finding.origin = fact->origin;
  return finding;
}

}  // namespace

bool flushes_otherwise(const Observation& observed) {
  return observed.machine.environment.boolean(k_fact).value_or(false) !=
         observed.sealed.environment.boolean(k_fact).value_or(false);
}

const Check k_env_numerics_denormals{
    .id = "env.numerics.denormals",
    .title = "Denormal numbers",
    .explanation =
        "Whether the process takes numbers below 1.2e-38 for 0 (FTZ and DAZ in MXCSR, FZ in Arm's FPCR): "
        "torch.set_flush_denormal does it, and so does any library that was built with -Ofast or -ffast-math, once it "
        "is loaded. Tiny weights vanish, and nothing in the program shows it. A test computation tells.",
    .severity = Severity::warn,
    .judge = judge_numerics_denormals,
};

}  // namespace goldseal
