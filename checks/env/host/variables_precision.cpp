// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <array>

namespace goldseal {
namespace {

struct Switch {
  const char* variable;
  const char* harmless;  ///< the value that means the same as unset; may be empty
  const char* effect;
};
constexpr std::array k_switches{
    Switch{"NVIDIA_TF32_OVERRIDE", "", "switches TF32 for every CUDA library, whatever PyTorch asks for"},
    Switch{"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "0", "lets matrix products use TF32, whatever the program asks for"},
    Switch{"ONEDNN_DEFAULT_FPMATH_MODE", "STRICT", "lets oneDNN compute float32 in a narrower type"},
    Switch{"DNNL_DEFAULT_FPMATH_MODE", "STRICT", "lets oneDNN compute float32 in a narrower type"},
};

std::string value_of(const Environment& machine, const Switch& which) {
  auto value = machine.text(fmt::format("variable.{}", which.variable)).value_or("");
  return value == which.harmless ? std::string() : value;
}

std::string shown(const std::string& value) { return value.empty() ? "not set" : escape_unprintable(value); }

Finding judge_variables_precision(const Observation& observed, const CheckSettings&) {
  if (observed.machine.environment.empty()) return skipped("nothing is known of this machine");
  for (const auto& which : k_switches) {
    const auto sealed = value_of(observed.sealed.environment, which);
    const auto found = value_of(observed.machine.environment, which);
    if (sealed == found) continue;
    return failed(fmt::format("{} {}", which.variable, which.effect), fmt::format("{}, as sealed", shown(sealed)),
                  shown(found),
                  sealed.empty() ? fmt::format("unset {}", which.variable)
                                 : fmt::format("set {}={}", which.variable, escape_unprintable(sealed)));
  }
  return passed("no variable changes the precision");
}

}  // namespace

const Check k_env_variables_precision{
    .id = "env.variables.precision",
    .title = "Variables that change the precision",
    .explanation =
        "NVIDIA_TF32_OVERRIDE, TORCH_ALLOW_TF32_CUBLAS_OVERRIDE and ONEDNN_DEFAULT_FPMATH_MODE lower (or raise) the "
        "precision of float32 arithmetic from outside the program: errors grow a thousandfold, and nothing in the "
        "program shows it.",
    .severity = Severity::warn,
    .judge = judge_variables_precision,
};

}  // namespace goldseal
