// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

const Fact* first_gpu(const Environment& machine) {
  const auto gpus = visible_gpus(machine);
  return gpus.empty() ? nullptr : machine.find(gpus.front().prefix + "name");
}

// TF32 exists from compute capability 8.0 on, and PyTorch lets convolutions use it unless told otherwise.
std::string consequence(const Environment& sealed, const Environment& found) {
  const auto has_tf32 = [](const Environment& machine) {
    const auto gpus = visible_gpus(machine);
    return !gpus.empty() && gpus.front().capability && gpus.front().capability->number(0) >= 8;
  };
  if (has_tf32(sealed) == has_tf32(found)) return "other kernels are picked";
  return has_tf32(found) ? "it may use TF32, which the sealed GPU lacks"
                         : "it lacks TF32, which the sealed GPU may have used";
}

Finding judge_gpu_model(const Observation& observed, const CheckSettings& settings) {
  if (settings.rule.kind == RuleKind::ignore) return skipped("GPU model: the policy ignores it");
  if (!sealed_on_gpu(observed)) return skipped("the model was sealed on the CPU");
  const auto result =
      judge(settings.rule, first_gpu(observed.sealed.environment), first_gpu(observed.machine.environment));
  if (result.outcome == RuleOutcome::unsealed) return skipped("the seal does not say on which GPU");
  if (result.outcome == RuleOutcome::missing) return skipped("no GPU is known of this machine");
  if (result.outcome != RuleOutcome::broken) return passed(fmt::format("the GPU is {}", result.actual));
  return failed(fmt::format("another GPU: {}", consequence(observed.sealed.environment, observed.machine.environment)),
                result.expected, result.actual, "nothing, if the golden checks pass");
}

}  // namespace

const Check k_env_gpu_model{
    .id = "env.gpu.model",
    .title = "GPU model",
    .explanation =
        "The model of the first visible GPU. cuBLAS and cuDNN pick other kernels on another GPU, and from Ampere on "
        "float32 convolutions use TF32 unless torch.backends.cudnn.allow_tf32 is off: an A100 and a V100 differ a "
        "thousand times more than two V100s (pytorch/pytorch#58471, #61890).",
    .severity = Severity::warn,
    .rule = {RuleKind::equal, {}},
    .judge = judge_gpu_model,
};

}  // namespace goldseal
