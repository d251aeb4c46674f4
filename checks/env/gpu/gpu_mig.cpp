// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

std::size_t slices_named(const Environment& machine) {
  const auto value = machine.text("variable.CUDA_VISIBLE_DEVICES").value_or("");
  const auto entries = split(value, ',');
  return static_cast<std::size_t>(std::ranges::count_if(entries, [](auto entry) { return entry.starts_with("MIG-"); }));
}

Finding judge_gpu_mig(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  for (const auto& gpu : installed_gpus(machine)) {
    if (machine.boolean(gpu.prefix + "mig") != true) continue;
    if (machine.integer(gpu.prefix + "mig_slices") == 0)
      return gpu_breach(observed, fmt::format("{} is in MIG mode without a slice", gpu.label), "a slice", "none",
                        "create one (nvidia-smi mig -cgi … -C), or leave MIG mode (nvidia-smi -mig 0)");
    if (const auto named = slices_named(machine); named > 1)
      return warned("CUDA shows a process one MIG slice, whatever CUDA_VISIBLE_DEVICES names", "one slice a process",
                    fmt::format("{} slices named", named), "name one slice, by its UUID, for each process");
    if (visible_gpus(observed.sealed.environment).size() > 1)
      return warned("the sealed machine had several GPUs; of a partitioned one a process sees one slice",
                    "several GPUs", "MIG", "run one process for each slice");
    return passed(fmt::format("{} is partitioned; a process sees one slice", gpu.label));
  }
  return skipped("no GPU here is partitioned");
}

}  // namespace

const Check k_env_gpu_mig{
    .id = "env.gpu.mig",
    .title = "MIG partitions",
    .explanation =
        "A GPU in MIG mode is used in slices, and a process sees one of them: torch.cuda.device_count() is 1 whatever "
        "is asked for, and DataParallel has nothing to split. MIG mode without a slice leaves no device at all.",
    .severity = Severity::fail,
    .judge = judge_gpu_mig,
};

}  // namespace goldseal
