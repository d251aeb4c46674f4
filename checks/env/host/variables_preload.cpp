// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <goldseal/base/messages/text.hpp>

namespace goldseal {
namespace {

constexpr std::string_view k_fact = "variable.LD_PRELOAD";

std::string shown(const std::string& value) { return value.empty() ? "not set" : escape_unprintable(value); }

Finding judge_variables_preload(const Observation& observed, const CheckSettings&) {
  if (observed.machine.environment.empty()) return skipped("nothing is known of this machine");
  const auto here = observed.machine.environment.text(k_fact).value_or("");
  const auto sealed = observed.sealed.environment.text(k_fact).value_or("");
  if (here == sealed) return passed(here.empty() ? "no library is preloaded" : "the sealed libraries are preloaded");
  // An anonymous seal says that there was one, and not which.
  if (!here.empty() && !sealed.empty() && sealed == "(left out)")
    return passed("libraries are preloaded, as where it was sealed; the seal leaves out which");
  return failed(here.empty() ? "a library was preloaded where it was sealed, and none is here"
                             : "LD_PRELOAD puts a library into every process: it can replace functions and change how "
                               "numbers are computed",
                "LD_PRELOAD " + shown(sealed), "LD_PRELOAD " + shown(here),
                here.empty() ? "nothing, if the golden checks pass; else preload it here too"
                             : "nothing, if the golden checks pass; else unset LD_PRELOAD");
}

}  // namespace

const Check k_env_variables_preload{
    .id = "env.variables.preload",
    .title = "Preloaded libraries",
    .explanation =
        "LD_PRELOAD puts libraries before all others into every process: another allocator, another OpenMP, functions "
        "that replace those of the C library, or code that sets how denormals are treated.",
    .severity = Severity::warn,
    .judge = judge_variables_preload,
};

}  // namespace goldseal
