// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_gpu_memory(const Observation& observed, const CheckSettings&) {
  if (!serves_on_gpu(observed)) return skipped(std::string(serves_on_cpu_since(observed)));
  const auto need = weight_bytes(observed.sealed);
  const auto gpus = visible_gpus(observed.machine.environment);
  if (gpus.empty() || !gpus.front().memory_bytes) return skipped("no GPU memory is known of this machine");
  const auto& gpu = gpus.front();
  const auto total = static_cast<std::uint64_t>(*gpu.memory_bytes);
  const auto expected = fmt::format("more than the weights' {}", format_bytes(need));
  if (need > total)
    return gpu_breach(observed, fmt::format("the weights do not fit on {}", gpu.label), expected, format_bytes(total),
                      "use a GPU with more memory, or a narrower element type");
  if (gpu.memory_free_bytes && need > static_cast<std::uint64_t>(*gpu.memory_free_bytes))
    return warned(fmt::format("other programs hold most of the memory of {}", gpu.label), expected,
                  fmt::format("{} free", format_bytes(static_cast<std::uint64_t>(*gpu.memory_free_bytes))),
                  "end them: cuDNN fails with CUDNN_STATUS_NOT_INITIALIZED where it gets no memory");
  return passed(fmt::format("the weights take {} of {} on {}", format_bytes(need), format_bytes(total), gpu.label));
}

}  // namespace

const Check k_env_gpu_memory{
    .id = "env.gpu.memory",
    .title = "GPU memory",
    .explanation =
        "The bytes of the sealed tensors against the memory of the first visible GPU (activations come on top). Where "
        "memory is short, PyTorch raises OutOfMemoryError, or cuDNN the misleading CUDNN_STATUS_NOT_INITIALIZED.",
    .severity = Severity::fail,
    .judge = judge_gpu_memory,
};

}  // namespace goldseal
