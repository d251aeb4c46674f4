// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

bool has_half(const Manifest& sealed) {
  return std::ranges::any_of(sealed.model.tensors, [](const auto& t) { return t.dtype == DType::float16; });
}

Finding judge_gpu_half(const Observation& observed, const CheckSettings&) {
  if (!has_half(observed.sealed)) return skipped("the model has no float16 tensors");
  for (const auto& gpu : visible_gpus(observed.machine.environment)) {
    if (gpu.name.find("GTX 16") != std::string::npos)
      return failed(fmt::format("{} gives NaN for float16 convolutions in some cuDNN versions", gpu.label),
                    "another GPU, or float32", gpu.name, "run the model in float32 on this GPU");
  }
  return passed("no GPU here is known to fail in float16");
}

}  // namespace

const Check k_env_gpu_half{
    .id = "env.gpu.half",
    .title = "float16 on GTX 16 GPUs",
    .explanation =
        "GeForce GTX 1650 and 1660 return NaN from float16 convolutions with some cuDNN versions: a detector then "
        "finds "
        "no boxes and reports no error (pytorch/pytorch#77955).",
    .severity = Severity::warn,
    .judge = judge_gpu_half,
};

}  // namespace goldseal
