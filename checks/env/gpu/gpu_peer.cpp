// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_gpu_peer(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  const auto count = visible_gpus(machine).size();
  if (count < 2) return skipped("fewer than two GPUs");
  const auto iommu = machine.text("host.iommu");
  if (!iommu) return skipped("whether an IOMMU is on is not known of this machine");
  const bool disabled = machine.text("variable.NCCL_P2P_DISABLE") == "1";
  if (*iommu != "on" || disabled) return passed("copies between GPUs are not translated by an IOMMU");
  return failed(fmt::format("an IOMMU translates copies between the {} GPUs: they may hang, or arrive as zeros", count),
                "off, or passed through", "on",
                "set NCCL_P2P_DISABLE=1, or boot with iommu=pt; verify the model on one GPU (CUDA_VISIBLE_DEVICES=0)");
}

}  // namespace

const Check k_env_gpu_peer{
    .id = "env.gpu.peer",
    .title = "IOMMU between GPUs",
    .explanation =
        "With several GPUs and an IOMMU that is on (or PCIe ACS), direct copies between GPUs hang or silently deliver "
        "zeros on many machines: DataParallel never returns, or answers differently on the second GPU "
        "(pytorch/pytorch#52142, #84803).",
    .severity = Severity::warn,
    .judge = judge_gpu_peer,
};

}  // namespace goldseal
