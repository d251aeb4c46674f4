// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

namespace goldseal {
namespace {

Finding judge_numerics_benchmark(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  const auto benchmark = machine.boolean("numerics.cudnn_benchmark");
  if (!benchmark) return skipped("no worker has told cuDNN's settings");
  if (*benchmark && machine.boolean("numerics.cudnn_deterministic") == true)
    return failed("cudnn.benchmark picks an algorithm by timing, although cudnn.deterministic is set", "benchmark off",
                  "benchmark on", "set torch.backends.cudnn.benchmark = False");
  if (*benchmark && observed.sealed.environment.boolean("numerics.cudnn_benchmark") == false)
    return failed("cudnn.benchmark picks an algorithm by timing, which may differ from run to run", "off, as sealed",
                  "on", "set torch.backends.cudnn.benchmark = False");
  return passed(*benchmark ? "cudnn.benchmark is on, as it was sealed" : "cudnn.benchmark is off");
}

}  // namespace

const Check k_env_numerics_benchmark{
    .id = "env.numerics.benchmark",
    .title = "cuDNN's benchmark mode",
    .explanation =
        "With torch.backends.cudnn.benchmark, cuDNN times its algorithms and keeps the fastest: another one on another "
        "day, with other last bits, whatever the deterministic flag says (pytorch/pytorch#6351).",
    .severity = Severity::warn,
    .judge = judge_numerics_benchmark,
};

}  // namespace goldseal
